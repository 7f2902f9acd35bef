"""At stake: what a message about swap space says is acted on. "Nothing is lost" must not be said
while a page is, and a page that is lost must be named; each case is made with a real file.
"""

import errno
import os
import pickle

import numpy as np
import pytest

import pageengine as pe
from pageengine import errors

PAGE = 4096
N = 12
PPNS = np.arange(N)


@pytest.fixture
def pages():
    return np.random.default_rng(0).integers(0, 256, (N, PAGE), np.uint8)


@pytest.fixture
def host():
    with pe.Host(16 * PAGE, swap=64 * PAGE, compression=None) as host:
        yield host
        host.check()


def swapped(host, pages):
    """A VM all of whose pages are in swap, page p in slot p."""
    vm = host.add_vm("web", N * PAGE)
    vm.write(PPNS, pages)
    host.reclaim(vm, N, "swap")
    assert (vm.places == pe.Place.SWAPPED).all()
    file = host._engine.swap_file
    assert os.pread(file, PAGE, 5 * PAGE) == pages[5].tobytes()
    return vm, file


def test_a_file_that_was_cut_short_says_which_page_is_lost(host, pages):
    vm, file = swapped(host, pages)
    os.truncate(file, 9 * PAGE + 100)
    for call in (vm.read, vm.touch, vm.peek):
        with pytest.raises(errors.SwapError) as caught:
            call(PPNS)
        said = str(caught.value)
        assert "cut short" in said and "page 9 of virtual machine 'web'" in said
        assert "its content is lost" in said and "nothing" not in said
        error = caught.value
        assert (error.errno, error.vm, error.ppn) == (errno.EIO, "web", 9)
        again = pickle.loads(pickle.dumps(error))
        assert (str(again), again.vm, again.ppn) == (said, "web", 9)
    assert (vm.read(PPNS[:9]) == pages[:9]).all()
    vm.write(PPNS[9:], pages[9:])
    assert (vm.read(PPNS) == pages).all()


def test_a_page_that_cannot_be_read_now_stays_for_another_try(host, pages, tmp_path):
    vm, file = swapped(host, pages)
    saved, folder = os.dup(file), os.open(tmp_path, os.O_RDONLY)
    os.dup2(folder, file)
    with pytest.raises(errors.SwapError) as caught:
        vm.read([3])
    os.dup2(saved, file)
    os.close(saved), os.close(folder)
    said = str(caught.value)
    assert "page 3 of virtual machine 'web' could not be read" in said
    assert "stays in swap" in said and "lost" not in said
    assert (caught.value.errno, caught.value.vm, caught.value.ppn) == (errno.EISDIR, "web", 3)
    assert (vm.read(PPNS) == pages).all()


def test_a_page_that_was_damaged_is_lost_and_no_other(host, pages):
    vm, file = swapped(host, pages)
    os.pwrite(file, bytes([pages[7, 9] ^ 4]), 7 * PAGE + 9)
    with pytest.raises(errors.SwapCorruption) as caught:
        vm.read([7])
    said = str(caught.value)
    assert "page 7 of virtual machine 'web'" in said and "its content is lost" in said
    assert (caught.value.vm, caught.value.ppn) == ("web", 7)
    others = np.delete(PPNS, 7)
    assert (vm.read(others) == pages[others]).all()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_pages_that_cannot_go_out_are_not_lost(host, pages):
    vm = host.add_vm("web", N * PAGE)
    vm.write(PPNS, pages)
    file = host._engine.swap_file
    saved, full = os.dup(file), os.open("/dev/full", os.O_RDWR)
    os.dup2(full, file)
    with pytest.raises(errors.SwapError) as caught:
        host.reclaim(vm, 8, "swap")
    os.dup2(saved, file)
    os.close(saved), os.close(full)
    said = str(caught.value)
    assert "could not be written for virtual machine 'web'" in said
    assert "0 pages went out" in said and "nothing is lost" in said
    assert (caught.value.errno, caught.value.vm, caught.value.ppn) == (errno.ENOSPC, "", -1)
    assert (vm.read(PPNS) == pages).all()


def test_a_read_that_failed_before_is_not_blamed_for_a_write(host, pages):
    """The page that the core remembers is of the call that failed, not of one before it."""
    vm, file = swapped(host, pages)
    os.truncate(file, 0)
    with pytest.raises(errors.SwapError, match="page 4 "):
        vm.read([4])
    vm.write(PPNS, pages)
    saved, closed = os.dup(file), os.open(os.devnull, os.O_RDONLY)
    os.dup2(closed, file)
    with pytest.raises(errors.SwapError, match="could not be written") as caught:
        host.reclaim(vm, 8, "swap")
    os.dup2(saved, file)
    os.close(saved), os.close(closed)
    assert caught.value.ppn == -1 and (vm.read(PPNS) == pages).all()
