"""Who does the tasks of a fleet: this process, other processes, or a cluster of Dask.

A task is a pure function of what it is given. So when a worker dies, what it had not brought back
is done again by others, and nothing else is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future, wait
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

from pageengine.errors import PageEngineError
from pageengine.lab.workers import workers
from pageengine.plumbing import given

_Result = TypeVar("_Result")
_GLANCE = 0.2  # seconds between two questions whether to stop
_DEATHS = 5  # in a row, with no task done between them: it is the task that kills its workers


class CalledOff(Exception):
    """It was said that the tasks need not be done."""


class Crew(Protocol):
    """Whoever does tasks."""

    def all(
        self,
        task: Callable[..., _Result],
        calls: Sequence[tuple[Any, ...]],
        stop: Callable[[], bool],
    ) -> list[_Result]:
        """What ``task(*call)`` returns, of every call, in their order. CalledOff: ``stop`` said so.
        What a task raises is raised.
        """


class Alone:
    """This process, one task after the other."""

    def all(
        self,
        task: Callable[..., _Result],
        calls: Sequence[tuple[Any, ...]],
        stop: Callable[[], bool],
    ) -> list[_Result]:
        """As of ``Crew``."""
        found = []
        for call in calls:
            if stop():
                raise CalledOff
            found.append(task(*call))
        return found


class Many:
    """An executor's workers. make: another executor, when all that the last one had are gone.
    dead: exceptions by which an executor says that a worker died.
    """

    def __init__(
        self, make: Callable[[], Executor], dead: tuple[type[BaseException], ...] = ()
    ) -> None:
        self._make, self._executor = make, make()
        self._dead: tuple[type[BaseException], ...] = (BrokenExecutor, *dead)

    def all(
        self,
        task: Callable[..., _Result],
        calls: Sequence[tuple[Any, ...]],
        stop: Callable[[], bool],
    ) -> list[_Result]:
        """As of ``Crew``. PageEngineError: workers died again and again."""
        found: dict[int, _Result] = {}
        deaths = 0
        while len(found) < len(calls):
            left = [i for i in range(len(calls)) if i not in found]
            done = self._some(task, {i: calls[i] for i in left}, stop)
            deaths = 0 if done else deaths + 1
            if deaths == _DEATHS:
                raise PageEngineError(
                    "processes that ran the hosts of a fleet were killed again and again, perhaps "
                    "for want of memory: fewer at a time (--jobs) need less"
                )
            found |= done
            if len(found) < len(calls):
                self._executor = self._make()
        return [found[i] for i in range(len(calls))]

    def _some(
        self,
        task: Callable[..., _Result],
        calls: dict[int, tuple[Any, ...]],
        stop: Callable[[], bool],
    ) -> dict[int, _Result]:
        """What came of those calls whose workers lived."""
        futures: dict[int, Future[_Result]] = {}
        try:
            for i, call in calls.items():
                futures[i] = self._executor.submit(task, *call)
        except self._dead:
            pass  # died just now; what was handed in ends with the same error
        left = set(futures.values())
        try:
            while left:
                if stop():
                    raise CalledOff
                _, left = wait(left, timeout=_GLANCE)
            return {i: each.result() for i, each in futures.items() if not self._lost(each)}
        finally:
            for future in futures.values():
                future.cancel()

    def _lost(self, future: Future[Any]) -> bool:
        return isinstance(future.exception(), self._dead)


@contextmanager
def crew(
    jobs: int = 1, *, dask: str | None = None, executor: Executor | None = None
) -> Iterator[Crew]:
    """So many processes; or the workers of the Dask cluster at this address, of one on this
    computer for "local"; or those of any executor. ValueError: two of these are asked for.
    PageEngineError: Dask is not installed, or nobody answers there.
    """
    given.whole(jobs, "jobs", 1, 1024)
    if dask is not None and executor is not None:
        raise ValueError("either dask or an executor says where a fleet runs, not both")
    if executor is not None:
        yield Many(lambda: executor)
    elif dask is not None:
        from pageengine.lab.cluster import client

        with client(dask, jobs) as (made, dead):
            yield Many(made.get_executor, dead)
    elif jobs == 1:
        yield Alone()
    else:
        with _Pools(jobs) as pools:
            yield Many(pools.make)


class _Pools:
    """Pools of processes, one at a time: a pool of which a process was killed does nothing more."""

    def __init__(self, jobs: int):
        self._jobs = jobs
        self._open: Any = None

    def __enter__(self) -> _Pools:
        return self

    def make(self) -> Executor:
        """Another pool; the last one is done with."""
        self._end(BrokenExecutor)
        self._open = workers(self._jobs)
        executor: Executor = self._open.__enter__()
        return executor

    def _end(self, kind: type[BaseException] | None) -> None:
        """Ends the pool that is open, by an error of this kind or well."""
        pool, self._open = self._open, None
        if pool is None:
            return
        try:
            pool.__exit__(kind, kind() if kind else None, None)
        except PageEngineError:
            pass  # that it was broken is known

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._end(None if kind is None else kind)
