"""The file that a target hands to a reader: written anew for each input, in memory where there is a
file system for that. And a clock: whatever an input holds, a reader is done in bounded time.
"""

import atexit
import os
import shutil
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

SECONDS_MAX = 10.0  # of one input, on a busy computer

_folders = {}


def file(data, name="input"):
    """The path of a file with these bytes."""
    path = folder() / name
    path.write_bytes(data)
    return path


def folder():
    """A folder of this process, removed when it ends."""
    if os.getpid() not in _folders:
        room = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        made = Path(tempfile.mkdtemp(prefix="pageengine-fuzz-", dir=room))
        _folders[os.getpid()] = made
        atexit.register(shutil.rmtree, made, ignore_errors=True)
    return _folders[os.getpid()]


@contextmanager
def in_time():
    """What runs inside must be over in SECONDS_MAX."""
    start = time.perf_counter()
    yield
    took = time.perf_counter() - start
    assert took < SECONDS_MAX, f"{took:.1f} s for one input"
