"""At stake: a file of the user's. Where the swap file's descriptor is closed while the engine still
writes pages, its number soon means another file, and guest memory goes there. So the engine has a
descriptor of its own, which it closes last and once: at exit, in a garbage cycle, after ``close``
and where making a host fails.
"""

import errno
import gc
import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest

import pageengine as pe
from pageengine.stores.swap import SwapSpace

PAGE = 4096
DESCRIPTORS = "/proc/self/fd"
counted = pytest.mark.skipif(not os.path.isdir(DESCRIPTORS), reason="counts through /proc")

# Opens files until the numbers just below are taken, makes the host write pages, and looks at them.
LOG = """
import atexit, gc, os, sys
import numpy as np
import pageengine as pe

def make(folder):
    host = pe.Host(64 * 4096, compression=None, swap_dir=folder)
    vm = host.add_vm("web", 48 * 4096)
    pages = np.random.default_rng(0).integers(0, 256, (48, 4096), np.uint8)
    vm.write(np.arange(48), pages)
    return host

def swap_beside_a_log(host, folder):
    logs = [os.open(os.path.join(folder, f"log{i}"), os.O_RDWR | os.O_CREAT) for i in range(8)]
    for log in logs:
        os.write(log, b"a line\\n")
    try:
        print(host.reclaim("web", 20, "swap").swapped)
    except pe.errors.PageEngineError as error:
        print(type(error).__name__)
    for log in logs:
        os.fstat(log)
        assert os.pread(log, 1 << 20, 0) == b"a line\\n", "the log holds guest memory"
"""


def run_script(code, folder):
    done = subprocess.run(
        [sys.executable, "-c", LOG + textwrap.dedent(code), str(folder)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0 and "Error" not in done.stderr, done.stderr
    return done.stdout


def test_pages_go_to_the_swap_file_while_python_ends(tmp_path):
    said = run_script(
        """
        atexit.register(lambda: swap_beside_a_log(host, sys.argv[1]))  # runs last
        host = make(sys.argv[1])
        """,
        tmp_path,
    )
    assert said == "20\n"


def test_pages_go_to_the_swap_file_while_a_garbage_cycle_is_taken_apart(tmp_path):
    said = run_script(
        """
        class Owner:
            def __del__(self):
                swap_beside_a_log(self.host, sys.argv[1])

        owner = Owner()
        owner.host, owner.again = make(sys.argv[1]), owner
        owner.host.owner = owner
        del owner
        gc.collect()
        """,
        tmp_path,
    )
    assert said == "20\n"


def test_a_number_that_is_used_again_is_not_closed_again(tmp_path):
    said = run_script(
        """
        host = make(sys.argv[1])
        host.close()
        swap_beside_a_log(host, sys.argv[1])
        logs = [os.open(os.path.join(sys.argv[1], f"late{i}"), os.O_RDWR | os.O_CREAT)
                for i in range(8)]
        host.close()
        del host
        gc.collect()
        print([os.fstat(log).st_size for log in logs])
        """,
        tmp_path,
    )
    assert said == f"NoSuchVM\n{[0] * 8}\n" or said == f"Closed\n{[0] * 8}\n"


def open_files():
    return len(os.listdir(DESCRIPTORS))


@counted
@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"policy": "no such policy"}, ValueError),
        ({"policy": 7}, TypeError),
        ({"estimator": "no such estimator"}, ValueError),
        ({"compression": "no such codec"}, ValueError),
        ({"cache_limit": "much"}, ValueError),
        ({"swap": (2**32 - 1) * PAGE}, (ValueError, MemoryError)),
    ],
)
def test_a_host_that_cannot_be_made_leaves_no_descriptor(options, error):
    gc.collect()  # what other tests left
    before = open_files()
    with pytest.raises(error):
        pe.Host("1 MiB", **options)
    assert open_files() == before


@counted
def test_a_host_takes_one_descriptor_and_gives_it_back():
    gc.collect()
    before = open_files()
    hosts = [pe.Host("64 KiB") for _ in range(200)]
    assert open_files() == before + 200
    for host in hosts[:100]:
        host.close()
        host.close()
    hosts[100].itself = hosts[100]
    del hosts, host
    gc.collect()
    assert open_files() == before
    spaces = [SwapSpace(3) for _ in range(20)]
    assert open_files() == before + 20
    spaces[0].close()
    del spaces
    assert open_files() == before


def test_no_child_process_inherits_it():
    with pe.Host("64 KiB") as host, SwapSpace(3) as space:
        assert not os.get_inheritable(host._engine.swap_file)
        assert not os.get_inheritable(space.fileno())


def test_what_was_never_made_closes_nothing():
    SwapSpace.__new__(SwapSpace).close()  # its numbers are all 0, and 0 is standard input
    os.fstat(0)


@counted
def test_no_descriptor_left_is_said_as_such():
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with SwapSpace(1) as space:
        first = space.fileno()  # the lowest number that is free now, or above it
    filler = [os.open(os.devnull, os.O_RDONLY) for _ in range(64)]
    os.close(filler.pop())
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(filler) + 2, hard))
    try:  # one is left: the file itself takes it
        for make in (lambda: SwapSpace(3), lambda: pe.Host("64 KiB")):
            with pytest.raises(pe.errors.SwapError, match="no file descriptor left") as caught:
                make()
            assert caught.value.errno == errno.EMFILE
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for descriptor in filler:
            os.close(descriptor)
    assert first > 2
    np.testing.assert_array_equal(pe.Host("64 KiB").add_vm("a", PAGE).read([0]), 0)
