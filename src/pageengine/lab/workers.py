"""Simulations that must not be cut short unseen: a simulation takes Ctrl-C for its own end, and
what is made of several would take what is left for the whole.
"""

import multiprocessing
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager


@contextmanager
def workers(jobs: int) -> Iterator[ProcessPoolExecutor]:
    """``jobs`` processes. Ctrl-C reaches every process of a terminal; these do not hear it, so that
    no run is cut short and taken for a whole one. When the block is left by an exception, what
    still runs is ended."""
    before = set(multiprocessing.active_children())
    executor = ProcessPoolExecutor(jobs, initializer=_leave_signals)
    try:
        yield executor
    except BaseException:
        executor.shutdown(wait=False, cancel_futures=True)
        started = set(multiprocessing.active_children()) - before
        for child in started:
            child.terminate()
        for child in started:
            child.join(5)
        raise
    executor.shutdown()


def _leave_signals() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


class _Interrupted(BaseException):
    """Ctrl-C, by a name that no simulation knows."""


@contextmanager
def unswallowed() -> Iterator[None]:
    """While it is open, Ctrl-C ends everything inside by KeyboardInterrupt, simulations too. Where
    somebody else hears the signal, or in another thread than the first, it changes nothing."""
    mine = (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    )
    if not mine:
        yield
        return
    signal.signal(signal.SIGINT, _interrupt)
    try:
        yield
    except _Interrupted:
        raise KeyboardInterrupt from None
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _interrupt(*_) -> None:
    raise _Interrupted
