"""Where a search may begin: what a figure would be on a host that keeps one LRU list, told from one
look at each kind of VM alone, so that no mix is simulated (``analysis.mix``).

No host of the lab keeps such a list: shares, balloons, guests that drop their own pages, sharing
and compression are not in it, nor are events, nor when VMs start and stop; and pages that are
filled once and never used again count as if they came back. So it is never an answer, only the
place where ``lab.advise`` looks first.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pageengine.analysis.mix import mix
from pageengine.analysis.reuse import ReuseTimes
from pageengine.lab import build, costs
from pageengine.lab.objective import Objective
from pageengine.lab.scenario import Scenario
from pageengine.lab.workloads import Accesses, Release, Workload, fastest, starts_warm, warmed
from pageengine.units import PAGE_BYTES

if TYPE_CHECKING:
    from numpy.typing import NDArray

_KEPT_FREE = 0.06  # of a host: where policies begin to take pages back (Waldspurger 2002, 6)
_KINDS = 50  # of VMs; the time that a mix takes grows with their square
_WATCHED, _WATCHED_LEAST = 8192, 100  # pages of a VM, about; the others are taken to be alike
_ACCESSES = 32_000_000  # the most of one look: a second or two
_STEPS, _STEPS_MOST = 200, 20_000  # of one look
_AT_ONCE = 200_000  # accesses of one step, about
_FILES = 2**40  # where blocks of files are, among pages


class _Alone(NamedTuple):
    """What a VM does alone. rate: accesses per second, of pages and of blocks of files. filled:
    pages that it held at the start.
    """

    seen: ReuseTimes
    rate: float
    filled: int


class _Told(NamedTuple):
    """Of each kind of VM that accesses anything. slower: times as long that it takes; swap_in:
    pages per second; vms: how many; every: VMs of all kinds.
    """

    slower: NDArray[np.float64]
    swap_in: NDArray[np.float64]
    vms: NDArray[np.int64]
    every: int

    @property
    def waits(self) -> NDArray[np.float64]:
        return 1 - 1 / self.slower


_FIGURES: dict[str, Callable[[_Told], float]] = {
    "stall": lambda told: float(told.waits.max(initial=0.0)),
    "minute": lambda told: float(told.waits.max(initial=0.0)),
    "mean_stall": lambda told: float((told.vms * told.waits).sum() / told.every),
    "slowdown": lambda told: float(told.slower.max(initial=1.0)),
    "swap_in": lambda told: float((told.vms * told.swap_in).sum()),
}


class Forecast:
    """Of scenarios that differ in how many VMs there are and how much memory a host has.

    watch: called now and then while a VM is looked at; what it raises ends that.
    """

    def __init__(self, objective: Objective, watch: Callable[[], None] = lambda: None):
        self._of = _FIGURES.get(objective.metric)
        self._watch = watch
        self._looks: dict[str, _Alone | None] = {}

    def figure(self, scenario: Scenario) -> float:
        """The objective's figure; NaN where it cannot be told."""
        kinds = _kinds(scenario)
        if self._of is None or kinds is None or len(kinds) > _KINDS:
            return float("nan")
        every = len(scenario.vms)
        none = np.zeros(0)
        nothing = _Told(none, none, none.astype(np.int64), every)
        memory = scenario.host["memory"] * (1 - _KEPT_FREE)
        if sum(min(e["size"], e["limit"] or e["size"]) for _, e in scenario.vms) <= memory:
            return self._of(nothing)
        looks = {key: self._look(scenario, key, number) for key, (number, _) in kinds.items()}
        busy = [(look, kinds[key][1]) for key, look in looks.items() if look and look.rate]
        if None in looks.values():
            return float("nan")
        seen, rates = [look.seen for look, _ in busy], np.array([look.rate for look, _ in busy])
        vms = np.array([count for _, count in busy], dtype=np.int64)
        held = [max(look.seen.footprint, look.filled) for look, _ in busy]
        if (vms * held).sum() * PAGE_BYTES <= memory:
            return self._of(nothing)
        with scenario.section("host", key="costs"):
            cost = costs.make(scenario.host["costs"]).swap_in
        told = mix(seen, rates, memory / PAGE_BYTES, stall=cost, counts=vms)
        if np.isnan(told.missed).any():  # pages go at an age that none reaches in this scenario,
            if any(look.filled for look, _ in busy):  # but for those that were there before it
                return float("nan")
            return self._of(nothing)
        return self._of(_Told(rates / told.rates[0], told.rates[0] * told.missed[0], vms, every))

    def _look(self, scenario: Scenario, key: str, number: int) -> _Alone | None:
        if key not in self._looks:
            entry = scenario.entries[number]
            pages = entry["size"] // PAGE_BYTES
            with scenario.section("vm", number, "workload"):
                workload = build.workload_of(scenario, entry, entry["workload"])
                workload.start(pages, np.random.Generator(np.random.Philox(0)))
            whole = pages if workload.needs_guest else workload.in_use
            seen = ReuseTimes(min(1.0, _WATCHED / max(whole, 1)))
            warm = entry["warm"] or starts_warm(workload)
            filled = len(np.unique(_ids(warmed(workload, 0.0)))) if warm else 0
            time = (scenario.seconds, scenario.run["epoch"])
            rate = _look(workload, seen, *time, self._watch)
            self._looks[key] = None if rate is None else _Alone(seen, rate, filled)
        return self._looks[key]


def _kinds(scenario: Scenario) -> dict[str, tuple[int, int]] | None:
    """(number of an entry, VMs) by what makes VMs alike; None where a workload is none of a file,
    which may hide what it is.
    """
    found: dict[str, tuple[int, int]] = {}
    for number, entry in enumerate(scenario.entries):
        try:
            key = json.dumps([entry[name] for name in ("workload", "size", "guest", "warm")])
        except TypeError:
            return None
        first, vms = found.get(key, (number, 0))
        found[key] = first, vms + len(scenario.groups[entry["name"]])
    return found


def _look(
    workload: Workload, seen: ReuseTimes, seconds: float, epoch: float, watch: Callable[[], None]
) -> float | None:
    """Looks for as long as the scenario is: accesses per second. None: that is too long, or too few
    pages were watched.
    """
    time, steps = 0.0, 0
    waiting: list[NDArray[np.int64]] = []
    while time < seconds:
        if seen.accesses > _ACCESSES or steps == _STEPS_MOST:
            return None
        watch()
        most = fastest(workload)
        step = epoch if most == float("inf") else _AT_ONCE / max(most, 1e-9)
        step = min(step, seconds / _STEPS)
        waiting.append(_ids(workload.step(step, time)))
        time, steps = time + step, steps + 1
        if sum(map(len, waiting)) > _AT_ONCE or len(waiting) == _STEPS:
            seen.see(np.concatenate(waiting))
            waiting = []
    seen.see(np.concatenate([np.zeros(0, np.int64), *waiting]))
    few = seen.rate < 1 and seen.footprint * seen.rate < _WATCHED_LEAST
    return None if seen.accesses and few else seen.accesses / time


def _ids(done: list[Accesses | Release]) -> NDArray[np.int64]:
    """Pages and blocks of files that are accessed, in order, int64 [n]."""
    found = [
        np.asarray(each.ids, np.int64) + (_FILES if each.kind == "file" else 0)
        for each in done
        if isinstance(each, Accesses) and each.kind != "zero"
    ]
    return np.concatenate([np.zeros(0, np.int64), *found])
