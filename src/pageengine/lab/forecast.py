"""Where a search may begin: what a figure would be on a host that keeps one LRU list, told from one
look at each kind of VM alone, so that no mix is simulated (``analysis.mix``).

No host of the lab keeps such a list: shares, balloons, guests that drop their own pages, sharing
and compression are not in it, nor are events, nor when VMs start and stop. So it is never an
answer, only the place where ``lab.advise`` looks first.
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
from pageengine.lab.workloads import Accesses, Workload, fastest
from pageengine.units import PAGE_BYTES

if TYPE_CHECKING:
    from numpy.typing import NDArray

_KEPT_FREE = 0.06  # of a host: where policies begin to take pages back (Waldspurger 2002, 6)
_WATCHED = 8192  # pages of a VM that are looked at, about; the others are taken to be alike
_ACCESSES = 8_000_000  # the most of one look, about
_STEPS, _STEPS_MOST = 200, 20_000  # of one look
_AT_ONCE = 200_000  # accesses, about
_FILES = 2**40  # where blocks of files are, among pages


class _Alone(NamedTuple):
    """What a VM does alone. rate: accesses per second, of pages and of blocks of files. whole:
    whether it was looked at for as long as the scenario is."""

    seen: ReuseTimes
    rate: float
    whole: bool


class _Told(NamedTuple):
    """Of each kind of VM. waits: part of its time; swap_in: pages per second; vms: how many."""

    waits: NDArray[np.float64]
    swap_in: NDArray[np.float64]
    vms: NDArray[np.int64]

    @property
    def worst(self) -> float:
        return float(self.waits.max(initial=0.0))


_FIGURES: dict[str, Callable[[_Told], float]] = {
    "stall": lambda told: told.worst,
    "minute": lambda told: told.worst,
    "mean_stall": lambda told: float((told.vms * told.waits).sum() / max(1, told.vms.sum())),
    "slowdown": lambda told: 1 / (1 - told.worst),
    "swap_in": lambda told: float((told.vms * told.swap_in).sum()),
}


class Forecast:
    """Of scenarios that differ in how many VMs there are and how much memory a host has."""

    def __init__(self, objective: Objective):
        self._of: Callable[[_Told], float] = _FIGURES.get(objective.metric, lambda _: float("nan"))
        self._looks: dict[str, _Alone] = {}

    def figure(self, scenario: Scenario) -> float:
        """The objective's figure; NaN where looks were too short to tell."""
        every = [self._look(scenario, number) for number in range(len(scenario.entries))]
        kinds = [
            (look, len(scenario.groups[entry["name"]]))
            for look, entry in zip(every, scenario.entries, strict=True)
            if look.rate
        ]
        looks, vms = [look for look, _ in kinds], np.array([count for _, count in kinds])
        rates, nothing = np.array([look.rate for look in looks]), np.zeros(len(looks))
        memory = scenario.host["memory"] * (1 - _KEPT_FREE) / PAGE_BYTES
        footprint = (vms * [look.seen.footprint for look in looks]).sum()
        whole = all(look.whole for look in looks)
        if footprint > memory or not whole:
            cost = costs.make(scenario.host["costs"]).swap_in
            told = mix([look.seen for look in looks], rates, memory, stall=cost, counts=vms)
            if np.isfinite(told.missed).all():
                waits = 1 - told.rates[0] / rates
                return self._of(_Told(waits, told.rates[0] * told.missed[0], vms))
            if not whole:
                return float("nan")
        # pages stay for longer than the scenario lasts: none that left is accessed again in it
        return self._of(_Told(nothing, nothing, vms))

    def _look(self, scenario: Scenario, number: int) -> _Alone:
        entry = scenario.entries[number]
        key = json.dumps([entry["workload"], entry["size"], entry["guest"]], default=str)
        if key not in self._looks:
            with scenario.section("vm", number, "workload"):
                workload = build.workload_of(scenario, entry, entry["workload"])
                self._looks[key] = _look(workload, entry["size"] // PAGE_BYTES, scenario.seconds)
        return self._looks[key]


def _look(workload: Workload, pages: int, seconds: float) -> _Alone:
    workload.start(pages, np.random.Generator(np.random.Philox(0)))
    seen = ReuseTimes(min(1.0, _WATCHED / pages))
    step, most = seconds / _STEPS, fastest(workload)
    if 0 < most < float("inf"):
        step = min(step, _AT_ONCE / most)
    time = 0.0
    while time < min(seconds, _STEPS_MOST * step) and seen.accesses < _ACCESSES:
        for each in workload.step(step, time):
            if isinstance(each, Accesses) and each.kind != "zero":
                seen.see(each.ids + (_FILES if each.kind == "file" else 0))
        time += step
    return _Alone(seen, seen.accesses / time, time >= seconds)
