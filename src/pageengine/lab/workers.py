"""Simulations that must not be cut short unseen: a simulation takes Ctrl-C for its own end, and
what is made of several would take what is left for the whole.
"""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing.process import BaseProcess

from pageengine.errors import PageEngineError

_PATIENCE = 5.0  # seconds that a process has to end by itself


def cores() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0)) or 1
    return os.cpu_count() or 1


@contextmanager
def workers(
    jobs: int, first: Callable[..., None] | None = None, *given: object
) -> Iterator[ProcessPoolExecutor]:
    """``jobs`` processes; each calls ``first(*given)`` before anything else. Ctrl-C reaches every
    process of a terminal; these do not hear it, so that no run is cut short and taken for a whole
    one. When the block is left by an exception, what still runs is ended; when this process is
    killed, they end by themselves. PageEngineError: one of them was killed."""
    before = set(multiprocessing.active_children())
    executor = ProcessPoolExecutor(jobs, initializer=_begin, initargs=(first, given))
    try:
        yield executor
    except BaseException as error:
        executor.shutdown(wait=False, cancel_futures=True)
        _end(set(multiprocessing.active_children()) - before)
        if isinstance(error, BrokenExecutor):
            raise PageEngineError(
                "a process that ran simulations was killed, perhaps for want of memory: fewer at a "
                "time (--jobs) need less"
            ) from None
        raise
    executor.shutdown()


def _end(children: Iterable[BaseProcess]) -> None:
    for child in children:
        child.terminate()
    for child in children:
        child.join(_PATIENCE)
        if child.is_alive():
            child.kill()


def _begin(first: Callable[..., None] | None, given: tuple[object, ...]) -> None:
    """Called in each of the processes, before anything else."""
    _leave_signals()
    if first is not None:
        first(*given)


def _leave_signals() -> None:
    for name in ("SIGINT", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """What was killed cannot end its processes, which would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


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


def _interrupt(*_: object) -> None:
    raise _Interrupted
