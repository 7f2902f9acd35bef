"""Processes that run simulations for this one: they leave signals to it, and end with it."""

import multiprocessing
import signal
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
