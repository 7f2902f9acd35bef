"""What a workload is, and what all of them have in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, runtime_checkable

import numpy as np

from pageengine.core.draws import Draws
from pageengine.lab.workloads.pace import Pace
from pageengine.plumbing import given
from pageengine.plumbing.kept import Kept
from pageengine.units import PAGE_BYTES, Size, parse_size

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Accesses:
    """Touches of pages, in order. ids: int64 [n], virtual pages ("memory"), blocks of files of one
    page each ("file"), or pages of the VM that are zeroed while they are free ("zero"), from 0
    on. write: bool, or bool [n].
    """

    ids: NDArray[np.int64]
    write: NDArray[np.bool_] | bool = False
    kind: Literal["memory", "file", "zero"] = "memory"


@dataclass(frozen=True)
class Release:
    """Pages that the workload does not use any more: a process ended, a heap shrank. ids: int64
    [n], as for ``Accesses``.
    """

    ids: NDArray[np.int64]
    kind: Literal["memory", "file"] = "memory"


@runtime_checkable
class Workload(Protocol):
    """A program. ``start`` is called once: the pages of its VM and a generator of its own;
    ``step`` says what it does in the next ``seconds`` of the VM's own time, at ``time`` of the
    host. in_use: pages it uses now. needs_guest: it works with files, which a guest must hold.

    It may also say how many touches to expect, ``fastest()`` and ``burst()``, and what it would
    hold after a long run, ``warm(time)``, as ``Paced`` has them; the functions ``fastest``,
    ``burst`` and ``warmed`` ask a workload that may not.
    """

    @property
    def in_use(self) -> int:
        """Pages that it uses now."""

    @property
    def needs_guest(self) -> bool:
        """Whether it works with files."""

    def start(self, pages: int, rng: np.random.Generator) -> None:
        """Called once, before the first step. ValueError: the VM is too small for it."""

    def step(self, seconds: float, time: float) -> list[Accesses | Release]:
        """What it does in the next ``seconds`` of the VM's own time, in order."""


FASTEST = 1e9  # touches per second of one VM: a memory of today makes no more


def of_pace(name: str) -> Any:
    """An attribute of a workload that its Pace has."""

    def found(self: Paced) -> Any:
        return getattr(self.pace, name)

    def set_(self: Paced, value: Any) -> None:
        setattr(self.pace, name, value)

    return property(found, set_)


def _with_options(make: Callable[..., None]) -> Callable[..., None]:
    """A constructor whose options stay known, so that a checkpoint can tell of them."""

    @wraps(make)
    def made_with(self: Any, **options: Any) -> None:
        vars(self).setdefault("options", options)  # the outermost of several is who was called
        make(self, **options)

    return made_with


class Paced(Kept):
    """Base of workloads that touch pages at a rate. rate: touches per second of the VM's time;
    memory: bytes it uses, text or number (by default ``PART`` of the VM); write: part of the
    touches that write, 0 to 1. pace: what it remembers of its touches; one whose ``step`` gives
    what that does and nothing else, ``paced``, has a step made without arrays between.
    """

    KEPT: ClassVar[tuple[str, ...]] = ("_due", "in_use")
    PART = 0.9
    needs_guest = False
    PACED = False  # each class says so for itself: one that is made of it may step in another way
    rate: float = of_pace("rate")
    write: float = of_pace("write")
    _due: float = of_pace("due")
    options: dict[str, Any]  # that it was made with

    def __init_subclass__(cls, **named: Any) -> None:
        super().__init_subclass__(**named)
        if "__init__" in vars(cls):
            cls.__init__ = _with_options(cls.__init__)  # type: ignore[method-assign]

    @_with_options
    def __init__(self, *, rate: float = 1000.0, memory: Size | None = None, write: float = 0.3):
        self.pace = Pace(float(given.real(rate, "rate", 0, FASTEST)), part(write, "write"))
        self._memory = None if memory is None else parse_size(memory, "memory")
        self.in_use = 0

    def __repr__(self) -> str:
        return f"<{type(self).__name__.lower()} at {self.rate:g}/s>"

    def start(self, pages: int, rng: np.random.Generator) -> None:
        wanted = int(pages * self.PART) if self._memory is None else self._memory // PAGE_BYTES
        if not 1 <= wanted <= pages:
            raise ValueError(
                f"memory of the workload must be from one page to the VM's {pages} pages, "
                f"got {wanted} pages"
            )
        self.pages, self.rng, self.draws = wanted, rng, Draws(rng)
        self.in_use = wanted

    def fastest(self) -> float:
        """The most touches per second of its own time that it may make in the next ``AHEAD``
        seconds, than which no slice is longer. A step of s seconds has at most
        ``fastest() * s + burst()`` of them, asked before the step.
        """
        return self.pace.fastest()

    def burst(self) -> int:
        """How many touches a step may have beyond its seconds times ``fastest``: the one for which
        fractions of a touch have waited, and what is done all at once.
        """
        return 1

    def warm(self, time: float) -> list[Accesses | Release]:
        """What it does to hold what it would after a long run, until ``time`` of the host, in order
        of the last touch; it goes on from there. Called once, between ``start`` and the first step.
        """
        return [self.once_each(np.arange(self.pages))]

    def once_each(self, ids: NDArray[np.int64]) -> Accesses:
        """Each of these pages once, written where it ever writes: in a long run all are."""
        return Accesses(ids, self.write > 0)

    def touches(self, seconds: float) -> int:
        """How many touches are due; fractions wait."""
        return self.pace.touches(seconds)

    def writes(self, n: int) -> NDArray[np.bool_] | bool:
        """Which of n touches write."""
        return self.pace.writes(self.draws, n)

    def paced(self, seconds: float) -> list[Accesses | Release]:
        """A step of its pace."""
        return [Accesses(ids, write) for ids, write in self.pace.step(seconds)]


def fastest(workload: Workload) -> float:
    """Its ``fastest()``: touches per second; infinite where it does not say."""
    says = getattr(workload, "fastest", None)
    return float("inf") if says is None else says()


def burst(workload: Workload) -> int:
    """Its ``burst()``: touches; none where it does not say."""
    says = getattr(workload, "burst", None)
    return 0 if says is None else says()


def starts_warm(workload: Workload) -> bool:
    """Whether it begins with what it would hold after a long run, whatever its VM is told to do."""
    return bool(getattr(workload, "starts_warm", False))


def warmed(workload: Workload, time: float) -> list[Accesses | Release]:
    """Its ``warm(time)``; where it does not say, the pages from 0 on that it uses, written."""
    says = getattr(workload, "warm", None)
    return [Accesses(np.arange(workload.in_use), True)] if says is None else says(time)


def part(value: float, what: str) -> float:
    """A number from 0 to 1."""
    return float(given.real(value, what, 0, 1))
