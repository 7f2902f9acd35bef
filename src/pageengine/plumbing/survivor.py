"""What must be tidied up even after SIGKILL, when nothing of ours runs any more: a small process of
its own waits until this one is gone, does it, and ends.

It reads from a pipe that only we hold open; the system closes that however we end. It is in a
session of its own, so that what ends our process group does not end it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_WILL = """
import shutil, signal, sys
told, (what, name) = sys.stdin.buffer.read(1), sys.argv[1:]
if what == "remove":
    shutil.rmtree(name, ignore_errors=True)
elif not told:
    try:
        signal.pidfd_send_signal(int(name), signal.SIGCONT)
    except ProcessLookupError:
        pass
"""


@contextmanager
def folder(prefix: str) -> Iterator[str]:
    """A temporary folder that only we may look into, and that is gone however we end."""
    path = os.path.join(tempfile.gettempdir(), f"{prefix}{os.urandom(8).hex()}")
    will = _Will("remove", path)
    try:
        os.mkdir(path, 0o700)
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        will.drop()


class Resumer:
    """Lets the process behind a pidfd run on (SIGCONT) when we are gone, unless it was dropped."""

    def __init__(self, handle: int):
        self._will = _Will("resume", str(handle), handle)

    def drop(self) -> None:
        """There is nothing left to do."""
        self._will.drop()


class _Will:
    def __init__(self, what: str, name: str, *handles: int):
        self._process: subprocess.Popen[bytes] | None = None
        if not sys.executable:  # Python inside another program
            return
        with suppress(OSError):  # no process to be had: we go on without
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", _WILL, what, name],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=handles,
                start_new_session=True,
            )

    def drop(self) -> None:
        if self._process is None:
            return
        assert self._process.stdin is not None
        with suppress(OSError):
            self._process.stdin.write(b".")
            self._process.stdin.close()
        self._process.wait()
        self._process = None
