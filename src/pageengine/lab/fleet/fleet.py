"""Fleet: hosts, the VMs that are placed on them, and those that move between them.

Time goes by in rounds. In a round hosts know nothing of each other, so they run wherever there is
room for them; after it the fleet looks at all of them at once, sends VMs that should leave a host
to another, and places those that are to start in the next. The same fleet and seed give the same
result, bit for bit, wherever the hosts run, in whatever order they are listed, and whatever
workers die meanwhile.
"""

from __future__ import annotations

import re
import time as clock
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TypeVar

from pageengine.errors import PageEngineError
from pageengine.inline import bars
from pageengine.lab import bounds
from pageengine.lab.contents import find as find_contents
from pageengine.lab.events import Event, check_events
from pageengine.lab.fleet import leaving as leaving_rules, placements, rounds
from pageengine.lab.fleet.books import Books
from pageengine.lab.fleet.crew import CalledOff, Crew, crew
from pageengine.lab.fleet.moves import Move, decide
from pageengine.lab.fleet.precopy import Precopy
from pageengine.lab.fleet.results import KIND, FleetResult, Rows, summary_of
from pageengine.lab.fleet.rounds import Arrival, HostSpec, Look
from pageengine.lab.fleet.saved import SavedFleet
from pageengine.lab.fleet.views import Admission, Newcomer
from pageengine.lab.simulation import Simulation
from pageengine.lab.specs import VMSpec, by_name
from pageengine.lab.workloads.kept import own_of
from pageengine.plumbing import given
from pageengine.policy import find as find_policy
from pageengine.policy.base import hooks
from pageengine.units import Size, parse_size

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from pageengine.lab.results import Result
    from pageengine.policy.base import Policy
    from pageengine.policy.guard import Limits
#: Of every host, as ``Simulation`` has them.
OPTIONS = ("costs", "seed", "epoch", "contents", "check_every", "host", "record")
_Kind = TypeVar("_Kind", Admission, Precopy)


class PlacementError(PageEngineError, ValueError):
    """A placement named a host that may not take the VM."""


class Fleet(SavedFleet):
    """hosts: machine memory by name, or how many of ``memory`` there are, host-1 and so on. vms:
    VMSpecs; each is placed when it starts. policy, costs, seed, epoch, host (options of a Host by
    name), guard, record: of every host, as for ``Simulation``; of one seed, so that what a VM does
    does not depend on where it runs. round: seconds between two decisions of the fleet. placement:
    a name (``lab.fleet.placements``) or a function. admission: which VMs a host may take.
    migration: what moving costs; None: no VM moves. leaving: who moves, a name
    (``lab.fleet.leaving``). events: of the VMs, or of the policy of every host. Used once.

    ValueError, TypeError: one of these is no good, and nothing has run yet.
    """

    def __init__(
        self,
        hosts: int | Mapping[str, Size],
        vms: Iterable[VMSpec],
        *,
        memory: Size | None = None,
        policy: Policy | str | None = None,
        round: float = 600.0,
        placement: placements.Placement | str = "best-fit",
        admission: Admission | None = None,
        migration: Precopy | None = None,
        leaving: str = "advice",
        events: Iterable[Event] = (),
        guard: Limits | None = None,
        name: str = "",
        **options: Any,
    ):
        self.memory = _memory_of(hosts, memory)
        self.specs = by_name(vms)
        self.name = given.text(name, "name")
        self.placement = placements.find(placement)
        self.admission = _of(Admission, admission, "admission") or Admission()
        self.migration = _of(Precopy, migration, "migration")
        self.leaving, self._leaving = leaving, leaving_rules.find(leaving)
        self._events: dict[str, tuple[Event, ...]] = {}
        all_ = given.several(events, "events")
        check_events(all_, self.specs)
        for event in all_:
            self._events[event.vm] = (*self._events.get(event.vm, ()), event)
        for key in options:
            if key not in OPTIONS:
                raise TypeError(given.unknown("option of a fleet", key, OPTIONS))
        self._records = given.flag(options.setdefault("record", False), "record")
        policy = find_policy("esx6" if policy is None else policy)
        made = {name: own_of(spec.workload) for name, spec in self.specs.items()}
        own = {name: workload for name, workload in made.items() if workload is not None}
        to_all = self._events.get("", ())
        self._hosts = {
            host: HostSpec(host, bytes_, policy, guard, to_all, options, own)
            for host, bytes_ in self.memory.items()
        }
        self._try_out()
        self.round = given.seconds(round, "round", self.epoch)
        self._epochs_a_round = bounds.whole_epochs(self.round, self.epoch, "round")
        said = hooks(policy)
        #: What the result says of what was run, beside what the fleet knows of itself.
        self.meta: dict[str, Any] = {"policy": said.name, "policy_options": repr(policy)}
        rule = said.admits if "admits" in vars(said) else None
        self._books = Books(self.memory, self.admission, rule)
        self._states: dict[str, bytes | None] = dict.fromkeys(self._hosts)
        self._waiting = sorted(self.specs, key=lambda vm: self.specs[vm].start)
        self._carried: dict[str, tuple[bytes, float]] = {}  # of VMs that left and have not arrived
        self._refused: dict[str, set[str]] = {}  # hosts that lately did not take a VM
        self._looks: dict[str, Look] = {}
        self._left: Counter[str] = Counter()  # VMs that left each host after the last round
        self._rows, self._ran, self.time = Rows(), False, 0.0
        self._between = True  # two rounds, with nothing half done

    def _try_out(self) -> None:
        """What is wrong with hosts or VMs is said before the start."""
        for spec in {host.memory: host for host in self._hosts.values()}.values():
            trial = spec.make()
            self.epoch, self.seed, self._costs = trial.epoch, trial.seed, trial.costs.name
            self._contents = trial.host.contents
            trial.host.close()
        for vm in self.specs.values():
            Simulation.check(vm)

    @property
    def homeless(self) -> tuple[str, ...]:
        """VMs that none of the hosts would take, were it empty: they wait for ever."""
        of_each = {memory: host for host, memory in self.memory.items()}  # empty ones are alike
        memory = {host: memory for memory, host in of_each.items()}
        empty = Books(memory, self.admission, self._books.policy_admits)
        return tuple(vm for vm in self.specs if not empty.may_take(self._newcomer(vm)))

    def run(
        self,
        seconds: float,
        *,
        jobs: int = 1,
        dask: str | None = None,
        executor: Executor | None = None,
        progress: Callable[[float, str], Any] | bool | None = None,
        max_time: float | None = None,
    ) -> FleetResult:
        """Runs until ``seconds`` of simulated time are over, whole epochs. jobs, dask, executor:
        where (``lab.fleet.crew``). progress(time, what), called after every round, and now and
        then meanwhile with an empty text: when it returns False the run ends; True for a bar in a
        notebook. max_time: seconds of real time after which it ends. What was cut short, also by
        Ctrl-C, gives the rounds that all hosts have ended, marked partial.
        """
        if self._ran:
            raise ValueError("a fleet runs once: make another")
        left = bounds.whole_epochs(given.seconds(seconds, "seconds"), self.epoch, "seconds")
        bounds.epochs(seconds, self.epoch, len(self.specs))
        left -= self._epochs_over(seconds)
        self._ran, began, partial = True, clock.monotonic(), ""
        if max_time is not None:
            given.real(max_time, "max_time", unit="seconds")
        told = bars.callback(progress, lambda bar: bar.of_run(seconds))

        def stop() -> bool:
            nonlocal partial
            if told and told(self.time, "") is False:
                partial = "stopped"
            if max_time is not None and clock.monotonic() - began > max_time:
                partial = "out of its time limit"
            return bool(partial)

        with crew(jobs, dask=dask, executor=executor) as workers:
            try:
                while left and not stop():
                    self._between = False
                    if self._looks and self.migration:
                        self._move(workers, stop)
                    epochs = min(left, self._epochs_a_round)
                    self._round(workers, epochs, stop)
                    self._between = True
                    left -= epochs
                    if told and told(self.time, f"{self._rows.moves} moved") is False:
                        partial = "stopped"
                        break
            except CalledOff:
                pass
            except KeyboardInterrupt:
                partial = "interrupted"
            timelines = self._timelines(workers) if self._records and not partial else {}
        return self._result(seconds, partial, timelines)

    # one round

    def _round(self, workers: Crew, epochs: int, stop: Callable[[], bool]) -> None:
        end = self.time + epochs * self.epoch
        arrivals = self._place(end)
        calls = [
            (spec, self._states[host], arrivals[host], epochs) for host, spec in self._hosts.items()
        ]
        found = workers.all(rounds.run_round, calls, stop)
        self.time = end
        for host, (state, look) in zip(self._hosts, found, strict=True):
            self._states[host] = state
            self._saw(host, look, arrivals[host])
        self._rows.waited(end, sum(self.specs[vm].start < end for vm in self._waiting))

    def _place(self, end: float) -> dict[str, list[Arrival]]:
        """What comes to each host before the round that ends then: VMs that start in it, those that
        no host could take until now, and those that left one.
        """
        arrivals: dict[str, list[Arrival]] = {host: [] for host in self._hosts}
        waiting, self._waiting = self._waiting, []
        for name in waiting:
            if self._carried.get(name) is None and self.specs[name].start >= end:
                self._waiting.append(name)
                continue
            host = self._books.host_of(name)
            if host is None:
                vm = self._newcomer(name)
                host = self._choose(vm, self._refused.get(name, set()))
                if host is None:
                    self._refused.pop(name, None)  # next time all are asked again
                    self._waiting.append(name)
                    continue
                self._books.place(vm, host)
            carried, waits = self._carried.get(name, (None, 0.0))
            events = () if carried else self._events.get(name, ())
            arrivals[host].append(Arrival(self.specs[name], events, carried, waits))
        return arrivals

    def _newcomer(self, name: str) -> Newcomer:
        spec = self.specs[name]
        size, overhead = parse_size(spec.size), parse_size(spec.overhead)
        return Newcomer(
            name,
            size + overhead,
            parse_size(spec.reservation) + overhead,
            int(self.admission.unseen * size),
            f"{find_contents(spec.contents).name} {name if spec.salt is None else spec.salt}",
        )

    def _choose(self, vm: Newcomer, but: Collection[str]) -> str | None:
        """The host that the placement gives the VM, of those that may take it, without some."""
        hosts = self._books.may_take(vm, but)
        if not hosts:
            return None
        chosen = self.placement(vm, hosts)
        if chosen is not None and chosen not in [host.name for host in hosts]:
            raise PlacementError(
                f"the placement sends {vm.name!r} to {given.shown(chosen)}, which is none of the "
                f"hosts that may take it: {given.listed(host.name for host in hosts)}"
            )
        return chosen

    def _saw(self, host: str, look: Look, came: list[Arrival]) -> None:
        """What a round showed of a host is entered, and recorded."""
        self._looks[host] = look
        for name in (*look.refused, *look.ended):
            self._books.forget(name)
        here = [each.spec.name for each in came if each.spec.name not in look.refused]
        for name in here:
            self._carried.pop(name, None)
            self._refused.pop(name, None)
        self._waiting += look.refused  # tried again, elsewhere or when all have refused
        for name in look.refused:
            self._refused.setdefault(name, set()).add(host)
        self._books.saw(host, zip(look.vms, look.active.tolist(), strict=True))
        self._rows.saw(host, look, len(here), self._left.pop(host, 0))

    def _move(self, workers: Crew, stop: Callable[[], bool]) -> None:
        """Sends VMs that should leave their hosts to others: they are between two hosts until the
        next round, which begins where this one ended.
        """
        assert self.migration is not None
        moves = decide(
            self._looks, self._books, self.migration, self._leaving, self._choose, self.round
        )
        by_host: dict[str, list[Move]] = {}
        for move in moves:
            by_host.setdefault(move.source, []).append(move)
        calls = [
            (self._hosts[host], self._states[host], [move.vm for move in each])
            for host, each in by_host.items()
        ]
        found = workers.all(rounds.leave, calls, stop)
        for (host, each), (state, carried) in zip(by_host.items(), found, strict=True):
            self._states[host], self._left[host] = state, len(each)
            for move, bytes_ in zip(each, carried, strict=True):
                self._carried[move.vm] = bytes_, move.cost.waits
        self._waiting = [move.vm for move in moves] + self._waiting
        for vm, source, target, cost in ((m.vm, m.source, m.target, m.cost) for m in moves):
            self._rows.moved(
                vm,
                source,
                target,
                self.time,
                cost.bytes,
                cost.seconds,
                cost.downtime,
                cost.rounds,
                cost.waits,
            )

    # what came of it

    def so_far(self) -> FleetResult:
        """What came of the rounds that are over, without timelines: for a progress function that
        decides whether to go on.
        """
        return self._result(self.time, "", {})

    def _timelines(self, workers: Crew) -> dict[str, Result]:
        calls = [(spec, self._states[host]) for host, spec in self._hosts.items()]
        found = workers.all(rounds.result, calls, bool)
        return dict(zip(self._states, found, strict=True))

    def _told(self) -> dict[str, Any]:
        """What it was made as, but for its policy and VMs, in plain values."""
        return {
            "seed": self.seed,
            "hosts": dict(self.memory),
            "epoch": self.epoch,
            "round": self.round,
            "costs": self._costs,
            "placement": _called(self.placement),
            "leaving": self.leaving,
            "admission": asdict(self.admission),
            "migration": asdict(self.migration) if self.migration else None,
            "contents": self._contents,
        }

    def _result(self, seconds: float, partial: str, timelines: dict[str, Result]) -> FleetResult:
        tables = self._rows.tables()
        meta = {
            "kind": KIND,
            "name": self.name,
            **self.meta,
            **self._told(),
            "memory": sum(self.memory.values()),
            "seconds": float(seconds),
            "refused": sorted(self._waiting),
            "notes": {},
            "thresholds": {},
            "partial": partial,
        }
        return FleetResult(
            tables["hosts"],
            tables["vms"],
            tables["moves"],
            tables["waiting"],
            summary_of(tables),
            self._rows.events,
            meta,
            timelines,
        )


def _memory_of(hosts: int | Mapping[str, Size], memory: Size | None) -> dict[str, int]:
    """Bytes by name, in the order of the names, numbers in them as numbers."""
    if isinstance(hosts, Mapping):
        if memory is not None:
            raise ValueError("memory is that of each host, where hosts says only how many")
        found = {
            given.text(name, "the name of a host", least=1): parse_size(each, f"memory of {name!r}")
            for name, each in hosts.items()
        }
    else:
        if memory is None:
            raise ValueError("memory is missing: what each of the hosts has")
        count = given.whole(hosts, "hosts", 1, bounds.HOSTS_MOST)
        found = {f"host-{i + 1}": parse_size(memory, "memory") for i in range(count)}
    if not 1 <= len(found) <= bounds.HOSTS_MOST:
        raise ValueError(f"a fleet has from 1 to {bounds.HOSTS_MOST} hosts, got {len(found)}")
    return dict(sorted(found.items(), key=lambda item: _natural(item[0])))


def _natural(name: str) -> list[tuple[int, int, str]]:
    parts = re.split(r"([0-9]+)", name)
    return [(1, int(part), part) if part.isdigit() else (0, 0, part) for part in parts]


def _of(kind: type[_Kind], value: _Kind | None, what: str) -> _Kind | None:
    if value is not None and not isinstance(value, kind):
        raise TypeError(f"{what} must be of {kind.__name__}, got {given.shown(value)}")
    return value


def _called(placement: placements.Placement) -> str:
    """The name of a placement; of a function of one's own, what that is called."""
    for name, each in placements.PLACEMENTS.items():
        if each is placement:
            return name
    return str(getattr(placement, "__name__", type(placement).__name__))
