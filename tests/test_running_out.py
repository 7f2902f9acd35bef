"""When memory, swap space or the disk run out, or the swap file is damaged, no page may be lost
that was not lost already, and nothing may be left behind. Each of these is brought about and every
page read back.
"""

import errno
import gc
import os
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest

import pageengine as pe
from pageengine import errors

PAGE = 4096
LINUX = sys.platform.startswith("linux")


def random_pages(n, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, PAGE), np.uint8)


# What runs out


def test_a_host_without_swap_or_compression_says_how_many_accesses_were_made():
    with pe.Host(16 * PAGE, swap=0, compression=None) as host:
        vm = host.add_vm("web", 32 * PAGE)
        pages = random_pages(32)
        with pytest.raises(errors.OutOfFrames, match="web") as caught:
            vm.write(np.arange(32), pages)
        done = caught.value.done
        assert 14 <= done <= 16
        assert f"{done} " in str(caught.value)
        assert (vm.peek(np.arange(done)) == pages[:done]).all()
        assert not vm.places[done:].any()
        host.check()


def test_batches_that_go_as_far_as_they_can_say_how_far_they_came():
    with pe.Host(16 * PAGE, swap=0, compression=None, contents="tokens") as host:
        vm = host.add_vm("web", 32 * PAGE)
        ppns, tokens = np.arange(32), np.arange(32, dtype=np.uint64) << np.uint64(6) | 63
        done = vm.write_some(ppns, tokens)
        assert 14 <= done <= 16 and not vm.places[done:].any()
        assert vm.touch_some(ppns[::-1], True) == 0
        assert vm.touch_some(ppns[:done], ppns[:done] % 2 == 0) == done
        assert vm.touch_some(ppns) == done  # even the zero page needs a frame
        assert vm.stats.accesses == 3 * done
        vm.block()
        assert vm.touch_some(ppns) == vm.write_some(ppns, tokens) == 0
        assert vm.touch_some([]) == 0
        for bad in (32, -1, 2**63 - 1, -(2**63)):
            with pytest.raises(IndexError, match=f"PPN {bad} "):
                vm.touch_some([0, bad])
        host.check()


def test_batches_that_go_as_far_as_they_can_ask_the_policy_and_keep_limits():
    with pe.Host(64 * PAGE, contents="tokens") as host:
        vm = host.add_vm("web", 60 * PAGE, limit=20 * PAGE)
        other = host.add_vm("other", 60 * PAGE)
        ppns, tokens = np.arange(60), np.arange(1, 61, dtype=np.uint64) << np.uint64(6) | 63
        assert vm.write_some(ppns, tokens) == 60 and vm.stats.consumed <= 20 * PAGE
        assert other.write_some(ppns, tokens + 64 * 64) == 60 and other.touch_some(ppns) == 60
        assert vm.touch_some(ppns) == 60 and vm.stats.consumed <= 20 * PAGE
        assert np.array_equal(vm.peek(ppns), tokens)
        host.check()


def test_a_full_swap_space_leaves_pages_where_they_are_and_says_how_many_went():
    with pe.Host(32 * PAGE, swap=5 * PAGE, compression=None) as host:
        vm = host.add_vm("web", 20 * PAGE)
        pages = random_pages(20)
        vm.write(np.arange(20), pages)
        with pytest.raises(errors.SwapFull, match="5 ") as caught:
            host.reclaim("web", 12, "swap")
        assert caught.value.done == 5
        assert np.bincount(vm.places, minlength=6).tolist() == [0, 15, 0, 0, 5, 0]
        assert (vm.peek(np.arange(20)) == pages).all()
        host.check()


def test_a_blocked_vm_refuses_and_says_how_many_accesses_were_made():
    host = pe.Host(64 * PAGE)
    vm = host.add_vm("web", 32 * PAGE)
    vm.block()
    with pytest.raises(errors.Blocked, match="web") as caught:
        vm.touch(np.arange(4))
    assert caught.value.done == 0
    vm.block(False)
    assert vm.touch(np.arange(4)).faults_absent == 4


# The swap file


def swap_files():
    """Paths of the open files of this process, by descriptor."""
    found = {}
    for fd in os.listdir("/proc/self/fd"):
        try:
            found[int(fd)] = os.readlink(f"/proc/self/fd/{fd}")
        except OSError:
            continue
    return found


@pytest.mark.skipif(not LINUX, reason="finds the unlinked swap file through /proc")
def test_a_damaged_slot_is_an_error_for_its_page_and_no_other(tmp_path):
    with pe.Host(16 * PAGE, swap=64 * PAGE, compression=None, swap_dir=tmp_path) as host:
        vm = host.add_vm("web", 12 * PAGE)
        pages = random_pages(12)
        vm.write(np.arange(12), pages)
        host.reclaim("web", 12, "swap")
        swapped = np.flatnonzero(vm.places == pe.Place.SWAPPED)
        assert len(swapped) == 12
        (fd,) = [fd for fd, path in swap_files().items() if path.startswith(str(tmp_path))]
        lost = 7
        slots = os.pread(fd, 64 * PAGE, 0)
        at = slots.index(pages[lost].tobytes())
        os.pwrite(fd, b"\0" * 8 if pages[lost][100:108].any() else b"\1" * 8, at + 100)
        for call in (vm.read, vm.touch, vm.peek):
            with pytest.raises(errors.SwapCorruption, match="7") as caught:
                call([lost])
            assert (caught.value.vm, caught.value.ppn) == ("web", lost)
        others = np.delete(np.arange(12), lost)
        assert (vm.read(others) == pages[others]).all()
        assert vm.places[lost] == pe.Place.SWAPPED
        vm.write([lost], pages[[lost]])  # a write of the whole page does not need the old content
        assert (vm.read(np.arange(12)) == pages).all()
        host.check()


def run_script(code, *arguments, **options):
    script = textwrap.dedent(code)
    return subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        **options,
    )


@pytest.mark.skipif(not LINUX, reason="limits the size of files to make a disk that is full")
def test_a_full_disk_loses_no_page(tmp_path):
    """The largest file that the process may write stands for the free space of a disk."""
    done = run_script(
        """
        import resource, sys
        import numpy as np
        import pageengine as pe
        from pageengine import errors

        resource.setrlimit(resource.RLIMIT_FSIZE, (10 * 4096, 10 * 4096))
        with pe.Host(64 * 4096, compression=None, swap_dir=sys.argv[1]) as host:
            vm = host.add_vm("web", 48 * 4096)
            pages = np.random.default_rng(0).integers(0, 256, (48, 4096), np.uint8)
            vm.write(np.arange(48), pages)
            try:
                host.reclaim("web", 40, "swap")
            except errors.SwapError as error:
                print(error.errno, error)
            assert (vm.peek(np.arange(48)) == pages).all()
            assert (vm.read(np.arange(48)) == pages).all()
            host.check()
        """,
        tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(errno.EFBIG)) and "web" in done.stdout
    assert os.listdir(tmp_path) == []


def test_nothing_is_left_in_the_swap_directory(tmp_path):
    def use(host):
        vm = host.add_vm("web", 32 * PAGE)
        vm.write(np.arange(32), random_pages(32))

    with pytest.raises(KeyError), pe.Host(16 * PAGE, swap_dir=tmp_path) as host:
        use(host)
        raise KeyError
    assert os.listdir(tmp_path) == []
    host = pe.Host(16 * PAGE, swap_dir=tmp_path)
    use(host)
    del host
    gc.collect()
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT to a process")
def test_an_interrupt_leaves_nothing_in_the_swap_directory(tmp_path):
    script = """
    import signal
    import sys
    import numpy as np
    import pageengine as pe

    signal.signal(signal.SIGINT, signal.default_int_handler)  # background jobs begin without it
    host = pe.Host(16 * 4096, swap_dir=sys.argv[1])
    vm = host.add_vm("web", 64 * 4096)
    pages = np.random.default_rng(0).integers(0, 256, (64, 4096), np.uint8)
    vm.write(np.arange(64), pages)
    print("ready", flush=True)
    while True:
        vm.read(np.arange(64))
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script), str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=30)
    finally:
        process.kill()
        process.wait()
    assert "KeyboardInterrupt" in stderr
    assert os.listdir(tmp_path) == []
