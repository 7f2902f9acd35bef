"""What a run will take: memory by counting, time by running its first epochs for a moment and
counting what is to come; and, while it runs, by its own pace."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pageengine.lab import build
from pageengine.lab.scenario import Scenario, ScenarioError
from pageengine.units import PAGE_BYTES, parse_size

if TYPE_CHECKING:
    from pageengine.policy.base import Policy
_PER_PAGE = 24  # place, content token, age, its part of the sharing table: measured 17 to 20
_PER_GUEST_PAGE = 28
_HOST_COLUMNS, _VM_COLUMNS = 32, 26
_FEWEST = 4  # epochs of a trial: the first of them makes what all need, and is not counted
_RATE = 1000.0  # touches per second of a workload that does not say
_STEP = 200.0  # what a second of a VM costs besides its touches, in touches


@dataclass(frozen=True)
class Estimate:
    """epochs: steps. memory: bytes that this program will take at most, besides what it has.
    seconds: of real time; None where it was not tried."""

    epochs: int
    memory: int
    seconds: float | None = None


class Work:
    """How much there is to do until a time: page touches of all VMs that run by then, by the
    rates, starts and stops of the scenario."""

    def __init__(self, scenario: Scenario):
        end = scenario.seconds
        self._spans = [
            (start, min(stop, end), rate)
            for _, entry in scenario.vms
            for start, stop, rate in _spans(entry, end)
        ]
        self.total = self.until(end)

    def until(self, now: float) -> float:
        """Touches from the start to ``now``, seconds."""
        return 1e-9 + sum(
            rate * max(0.0, min(now, stop) - start) for start, stop, rate in self._spans
        )


def _spans(entry: Mapping[str, Any], end: float) -> Iterator[tuple[float, float, float]]:
    """(from, to, touches per second) of a VM: what fills its memory first, and the rest."""
    start, told = entry["start"], entry["workload"]
    stop = end if entry["stop"] is None else entry["stop"]
    if told.get("kind") == "boot":
        speed = parse_size(told.get("speed", "256 MiB")) / PAGE_BYTES
        ready = start + entry["size"] / PAGE_BYTES / speed
        then = told.get("then")
        told = then if isinstance(then, dict) else {}
        yield start, min(ready, stop), speed + _STEP
        start = min(ready, stop)
    yield start, stop, float(told.get("rate", _RATE)) + _STEP


class Pace:
    """The real time that a run has taken so far, and what follows from it. Told of every epoch; the
    latter half of what it has seen counts, as what came first (filling memory) does not come
    again."""

    def __init__(self, scenario: Scenario, clock: Callable[[], float] = time.monotonic):
        self._work, self._clock = Work(scenario), clock
        self._seen = [(clock(), self._work.until(0.0))]

    def left(self, now: float) -> float | None:
        """Seconds of real time from ``now``, of simulated time, to the end; None where nothing can
        be said yet."""
        done = self._work.until(now)
        self._seen.append((self._clock(), done))
        if len(self._seen) > 512:  # half as many, twice as far apart
            self._seen[1:-1] = self._seen[2:-1:2]
        if len(self._seen) < _FEWEST:
            return None
        after = max(1, len(self._seen) // 2)
        began, before = self._seen[after - 1]
        if done <= before:
            return None
        return (self._seen[-1][0] - began) / (done - before) * (self._work.total - done)

    @property
    def taken(self) -> float:
        """Seconds of real time so far."""
        return self._seen[-1][0] - self._seen[0][0]


def estimate(
    scenario: Scenario,
    *,
    policy: Policy | str | None = None,
    trial: float = 0.0,
    stop: Callable[[], bool] | None = None,
) -> Estimate:
    """trial: seconds of real time that may be spent on running the first epochs, though a few are
    always run; 0: none. stop: says whether to give up, between two epochs."""
    epochs = max(1, round(scenario.seconds / scenario.run["epoch"]))
    pages = sum(entry["size"] for _, entry in scenario.vms) // PAGE_BYTES
    guests = sum(e["size"] for _, e in scenario.vms if e["guest"]) // PAGE_BYTES
    rows = _HOST_COLUMNS + _VM_COLUMNS * len(scenario.vms)
    memory = pages * _PER_PAGE + guests * _PER_GUEST_PAGE + epochs * rows * 8
    if scenario.host["contents"] == "bytes":
        memory += scenario.host["memory"]
    seconds = _try(scenario, policy, epochs, trial, stop) if trial else None
    return Estimate(epochs, memory, seconds)


def of_fleet(
    scenario: Scenario,
    jobs: int = 1,
    *,
    policy: Policy | str | None = None,
    trial: float = 0.0,
    stop: Callable[[], bool] | None = None,
) -> Estimate:
    """As ``estimate``, of a scenario with a section [fleet]: one host is tried, with as many of its
    VMs as are placed there at first, and what all take is shared among ``jobs``. VMs that grow and
    move later are not foreseen: a run's own pace tells more (``Pace``).
    """
    whole = estimate(scenario)
    if scenario.fleet is None or not trial:
        return whole
    names = _first_host(scenario)
    data = {key: value for key, value in scenario.data.items() if key not in ("fleet", "event")}
    data["vm"] = [
        {key: value for key, value in entry.items() if key != "count"} | {"name": name}
        for name, entry in _each(scenario)
        if name in names
    ]
    try:
        one = Scenario(data, source=scenario.source, trusted=scenario.trusted)
    except ScenarioError:  # its guarantees fit on several hosts, and on none alone
        return whole
    seconds = _try(one, policy, whole.epochs, trial, stop)
    if seconds is None:
        return whole
    seconds *= Work(scenario).total / Work(one).total
    return replace(whole, seconds=seconds / min(jobs, scenario.fleet["hosts"]))


def _first_host(scenario: Scenario) -> set[str]:
    """The VMs of one host: the first in order of their starts that fit, as the fleet reckons, and
    no more than its part of them where they are spread.
    """
    told: Any = scenario.fleet
    vms = sorted(scenario.vms, key=lambda vm: vm[1]["start"])
    room, names = told["full"] * scenario.host["memory"], set[str]()
    most = -(-len(vms) // told["hosts"]) if told["placement"] == "spread" else len(vms)
    for name, entry in vms[:most]:
        room -= told["unseen"] * entry["size"]
        if room < 0 and names:
            break
        names.add(name)
    return names


def _each(scenario: Scenario) -> Iterator[tuple[str, dict[str, Any]]]:
    """(name, what was written of it) of every VM; those of a count have each its own."""
    for written in scenario.data["vm"]:
        for name in scenario.groups[written["name"]]:
            yield name, dict(written)


def _try(
    scenario: Scenario,
    policy: Policy | str | None,
    epochs: int,
    trial: float,
    stop: Callable[[], bool] | None,
) -> float | None:
    simulation = build.simulation(scenario, policy=policy)
    pace = Pace(scenario)
    left = None
    for number in range(1, epochs + 1):
        if stop and stop():
            break
        simulation.step()
        left = pace.left(number * scenario.run["epoch"])
        if pace.taken > trial and number >= _FEWEST:
            break
    simulation.finish()
    return None if left is None else pace.taken + left
