"""Runs of scenarios in several processes, for what asks for one after the other: while it waits for
a run, those that it will ask for next are under way.

What comes of it does not depend on the number of processes: each run is the same wherever it runs,
and is asked for in the same order.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import (
    FIRST_COMPLETED,
    Future,
    ProcessPoolExecutor,
    TimeoutError,
    wait,
)
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from pageengine.lab import build, resume
from pageengine.lab.scenario import Scenario
from pageengine.lab.workers import cores, workers
from pageengine.plumbing import given, reading

if TYPE_CHECKING:
    from pageengine.lab.results import Result
    from pageengine.policy.base import Policy

    Progress = Callable[[float, str], Any]
_GLANCE = 0.1  # seconds between two looks at how far a run is
_PLACES = 1024  # of runs that are under way: each tells its time at one
_PART = 0.5  # of the computer's memory, for all runs at a time
_TIME, _STOP = 0, 1  # what a place has: how far the run is, and whether it is to end


@dataclass(frozen=True)
class Cell:
    """One run: a scenario under a policy (None: the file's) with a seed (None: the file's), from a
    checkpoint on (None: from its beginning)."""

    scenario: Scenario
    policy: Policy | str | None
    seed: int | None
    start: str | os.PathLike[str] | None = None

    def key(self) -> tuple[object, ...]:
        """Equal for the same objects."""
        policy = self.policy if isinstance(self.policy, str) else id(self.policy)
        return id(self.scenario), policy, self.seed, self.start


class Runs(Protocol):
    """Where runs are asked for."""

    def expect(self, cells: Iterable[Cell]) -> None:
        """What will be asked for, the soonest first; what was expected before and is not among
        them is given up."""

    def run(self, cell: Cell, progress: Progress | None = None) -> Result:
        """As ``build.run``."""


class Here:
    """In this process, one after the other. run: in the place of ``build.run``."""

    def __init__(self, run: Callable[..., Result] | None = None):
        self._run = run

    def expect(self, cells: Iterable[Cell]) -> None:
        """Nothing is begun before it is asked for."""

    def run(self, cell: Cell, progress: Progress | None = None) -> Result:
        """As ``build.run``."""
        if self._run is None:
            return _run(cell, progress)
        return self._run(cell.scenario, policy=cell.policy, seed=cell.seed, progress=progress)


def quiet(run: Callable[..., Result] | None) -> Callable[..., Result] | None:
    """A ``run(scenario, policy=, seed=)`` as one that could be told of progress."""
    if run is None:
        return None
    return lambda scenario, *, policy, seed, progress: run(scenario, policy=policy, seed=seed)


@dataclass
class _Begun:
    cell: Cell  # kept, so that no other object takes its place in memory
    future: Future[Result]
    place: int


class Ahead:
    """In so many processes. board: of places, two numbers each."""

    def __init__(self, executor: ProcessPoolExecutor, jobs: int, board: Any):
        self._executor, self._jobs, self._board = executor, jobs, board
        self._begun: dict[object, _Begun] = {}
        self._stopping: list[_Begun] = []
        self._free = list(range(_PLACES))

    def expect(self, cells: Iterable[Cell]) -> None:
        """Begins as many of them as there are processes."""
        chosen: dict[object, Cell] = {}
        for cell in cells:
            chosen.setdefault(cell.key(), cell)
            if len(chosen) == self._jobs:
                break
        for key in [key for key in self._begun if key not in chosen]:
            self._give_up(self._begun.pop(key))
        for key, cell in chosen.items():
            if key not in self._begun:
                self._begun[key] = self._begin(cell)

    def run(self, cell: Cell, progress: Progress | None = None) -> Result:
        """As ``build.run``. Ctrl-C, and a progress that says False, end it; its result is partial
        then."""
        if cell.key() not in self._begun:  # it waits for nothing that nobody expected
            self.expect([cell])
        begun = self._begun.pop(cell.key())
        why, result = "", None
        while result is None:
            try:
                result = self._glance(begun)
                if result is None and progress:
                    now = self._board[2 * begun.place + _TIME]
                    why = "stopped" if progress(now, "") is False else why
            except KeyboardInterrupt:
                why = "interrupted"
            if why:
                self._board[2 * begun.place + _STOP] = 1.0
        self._free.append(begun.place)
        if not result.partial and progress and progress(cell.scenario.seconds, "") is False:
            result.meta["partial"] = "stopped"  # here too it is asked after its last epoch
        elif result.partial and why:
            result.meta["partial"] = why
        return result

    @staticmethod
    def _glance(begun: _Begun) -> Result | None:
        try:
            return begun.future.result(_GLANCE)
        except TimeoutError:
            return None

    def _begin(self, cell: Cell) -> _Begun:
        while not self._free:  # those that were given up have ended long ago, but for a few
            wait([each.future for each in self._stopping], return_when=FIRST_COMPLETED)
            self._reuse()
        place = self._free.pop()
        self._board[2 * place + _TIME] = self._board[2 * place + _STOP] = 0.0
        data, source = cell.scenario.data, cell.scenario.source
        told = cell.policy, cell.seed, cell.start
        future = self._executor.submit(_run_there, data, source, told, place)
        return _Begun(cell, future, place)

    def _give_up(self, begun: _Begun) -> None:
        begun.future.cancel()
        self._board[2 * begun.place + _STOP] = 1.0
        self._stopping.append(begun)

    def _reuse(self) -> None:
        over = [each for each in self._stopping if each.future.done()]
        self._stopping = [each for each in self._stopping if each not in over]
        self._free += [each.place for each in over]

    def close(self) -> None:
        """Gives up all that is under way."""
        self.expect(())


def at_once(runs: int, each: int) -> int:
    """How many of so many runs, of ``each`` bytes of memory, may be under way at a time here: no
    more than there are processors, and no more than half of the memory holds."""
    memory = reading.memory()
    fit = runs if memory is None else int(_PART * memory) // max(each, 1)
    return max(1, min(runs, cores(), fit))


@contextmanager
def ahead(jobs: int, run: Callable[..., Result] | None = None) -> Iterator[Runs]:
    """Where runs are asked for: in ``jobs`` processes, or here where it is 1. run: in the place of
    ``build.run``, and here."""
    given.whole(jobs, "jobs", least=1)
    if jobs == 1 or run is not None:
        yield Here(run)
        return
    board = multiprocessing.RawArray("d", 2 * _PLACES)
    with workers(jobs, _take, board) as executor:
        made = Ahead(executor, jobs, board)
        try:
            yield made
        finally:
            made.close()


_board: Any = None


def _take(board: Any) -> None:
    """Called in each of the processes, first."""
    global _board
    _board = board


def _run_there(data: dict[str, Any], source: str, told: tuple[Any, ...], place: int) -> Result:
    """Runs it in one of the processes."""

    def progress(now: float, state: str) -> bool:
        _board[2 * place + _TIME] = now
        return not _board[2 * place + _STOP]

    return _run(Cell(Scenario(data, source=source), *told), progress)


def _run(cell: Cell, progress: Progress | None) -> Result:
    scenario, policy, made = cell.scenario, cell.policy, None
    if cell.start is not None:
        chosen = scenario.host["policy"] if policy is None else policy
        made = resume.branch(scenario, cell.start, chosen)
    return build.run(scenario, policy=policy, seed=cell.seed, progress=progress, made=made)
