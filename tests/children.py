"""Processes that tests start: forked ones, and those that hold memory until they are let go."""

import os
import subprocess
import sys
from contextlib import contextmanager

SAID = "import sys; kept = bytearray(b'x') * ({} << 20); print(1, flush=True); sys.stdin.read()"


@contextmanager
def holding(mib):
    """A process that holds so many MiB until its standard input is closed."""
    with subprocess.Popen(
        [sys.executable, "-c", SAID.format(mib)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        process.stdout.readline()
        yield process
        process.kill()


def in_child(work):
    """Runs ``work`` in a forked child; its exit status, 99 for an exception."""
    child = os.fork()
    if child == 0:
        status = 99
        try:
            status = work()
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
