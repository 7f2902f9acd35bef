"""Halts a live process, so that its memory is of one moment, and lets it run on."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable

from pageengine.errors import ImageError
from pageengine.plumbing.survivor import Resumer

STOP_SECONDS = 2.0


def stop_process(pid: int) -> Callable[[], None]:
    """Stop a process, wait until it stands, and return the function that lets it run on."""
    if pid == os.getpid():
        raise ValueError(f"process {pid} is this one, which cannot stop itself: use stop=False")
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        raise ImageError(f"process {pid}: there is no such process") from None
    resumed = False
    if is_stopped(pid):
        os.close(handle)
        return lambda: None
    resumer = Resumer(handle)  # it must not stand for ever if we are killed meanwhile

    def resume() -> None:
        nonlocal resumed
        if not resumed:
            resumed = True
            try:
                signal.pidfd_send_signal(handle, signal.SIGCONT)
            except ProcessLookupError:
                pass
            os.close(handle)
            resumer.drop()

    try:
        signal.pidfd_send_signal(handle, signal.SIGSTOP)
        deadline = time.monotonic() + STOP_SECONDS
        while not is_stopped(pid):
            if time.monotonic() > deadline:
                raise ImageError(f"process {pid}: did not stop within {STOP_SECONDS:g} s")
            time.sleep(0.001)
    except PermissionError:
        resumed = True
        os.close(handle)
        resumer.drop()
        raise ImageError(f"process {pid}: may not be stopped: be the same user or root") from None
    except BaseException:
        resume()
        raise
    return resume


def is_stopped(pid: int) -> bool:
    """Whether every thread of a process stands still."""
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/stat", "rb") as file:
                if file.read().rpartition(b")")[2].split()[0] not in b"TtZX":
                    return False
    except (FileNotFoundError, ProcessLookupError):
        return True  # a thread that is gone stands still; reading will tell if all are
    return True
