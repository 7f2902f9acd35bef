"""Simulation: virtual machines with workloads on one host, epoch by epoch.

In every epoch each VM runs for as long as it does not wait: the epoch less what its last
accesses cost. Its workload says what it touches in that time, the host serves it, the cost model
turns what happened into waiting. Then the host's time passes (readings, scans, decisions), and a
row is recorded. The same simulation and seed give the same result, bit for bit.
"""

from __future__ import annotations

import time as clock
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from pageengine.errors import AdmissionError
from pageengine.host.host import Host
from pageengine.inline import bars
from pageengine.lab import bounds, costs as cost_models, life
from pageengine.lab.contents import find as find_contents
from pageengine.lab.events import Event, check_events
from pageengine.lab.meter import Meter, counted, of_guests
from pageengine.lab.recorder import Recorder
from pageengine.lab.results import Result, summary_of
from pageengine.lab.saved import SavedSimulation
from pageengine.lab.simulated_vm import SimulatedVM
from pageengine.lab.slices import Slices, on_grid
from pageengine.lab.specs import VMSpec, by_name
from pageengine.lab.storage import Storage
from pageengine.lab.workloads import Workload, make_for, starts_warm
from pageengine.plumbing import given
from pageengine.plumbing.lock import locks_itself, serialised
from pageengine.policy.base import hooks
from pageengine.policy.guard import RULES
from pageengine.units import Size, format_size, parse_size

if TYPE_CHECKING:
    from pageengine.control.controller import Decision
    from pageengine.lab.carried import TakenAlong
    from pageengine.policy.base import Policy


@serialised
class Simulation(SavedSimulation):
    """memory, policy and host: as for ``Host`` (host: its further options). vms: VMSpecs. costs: of
    events (``lab.costs``). epoch: seconds of one step. events: what changes meanwhile
    (``lab.events.Event``). check_every: epochs between checks of every invariant, 0 for none.
    name: for the report. record: whether timelines are kept, 208 bytes per VM and epoch;
    without them there is no result but what a caller looks at between steps. Used once: ``run``, or
    ``step`` by ``step`` and ``finish``.
    """

    def __init__(
        self,
        memory: Size,
        vms: Iterable[VMSpec],
        *,
        policy: Policy | str | None = None,
        costs: cost_models.CostModel | Mapping[str, Any] | str = "nvme",
        seed: int = 0,
        epoch: float = 1.0,
        contents: str = "tokens",
        events: Iterable[Event] = (),
        check_every: int = 0,
        name: str = "",
        host: Mapping[str, Any] | Host | None = None,
        record: bool = True,
    ):
        self.specs = by_name(vms)
        self.costs = cost_models.make(costs)
        self.epoch = given.seconds(epoch, "epoch", bounds.EPOCH_LEAST)
        self.seed, self.name = given.whole(seed, "seed", most=2**64 - 1), given.text(name, "name")
        self.memory = parse_size(memory, "memory")
        self.events = self._all_events(events)
        self._check_every, self._epochs = given.whole(check_every, "check_every"), 0
        if isinstance(host, Host):  # of a checkpoint
            self.host = host
        else:
            options = _options(host)
            self.host = Host(memory, seed=seed, contents=contents, policy=policy, **options)
            self.host.swap_bandwidth = self.costs.swap_bandwidth
        self._lock = self.host._lock
        self.running: dict[str, SimulatedVM] = {}
        self._overrides: dict[str, dict[str, Any]] = {}
        self.refused: list[str] = []
        self._notes: dict[str, list[str]] = {}
        self._log: list[dict[str, Any]] = []
        self._recorder, self._meter, self._records = (
            Recorder(self.specs),
            Meter(),
            given.flag(record, "record"),
        )
        self.host.on_plan(self._recorder.saw)
        self._clips: Counter[str] = Counter()  # what the guard changed, by rule
        self.host.on_decision(self._decided)
        self._storage, self._slices = Storage(self.costs, self.seed), Slices(self.host)
        self._slice_meter, self._slice = Meter(), 0
        self._made: dict[str, Workload] = {}  # of VMs that have not started yet
        for spec in self.specs.values():  # what is wrong with a workload is said before the start
            self._made[spec.name] = self.check(spec)

    @staticmethod
    def check(spec: VMSpec) -> Workload:
        """Looks at what only the lab knows of a VM, and makes its workload. ValueError names the VM
        and what is wrong with it.
        """
        find_contents(spec.contents)
        try:
            return make_for(spec.workload, spec.guest is not None)
        except ValueError as error:
            raise ValueError(f"virtual machine {spec.name!r}: {error}") from None

    def _all_events(self, events: Iterable[Event]) -> list[Event]:
        all_ = given.several(events, "events")
        check_events(all_, self.specs)
        for spec in self.specs.values():
            all_.append(Event(spec.start, "start", spec.name))
            if spec.stop is not None:
                all_.append(Event(spec.stop, "stop", spec.name))
        return sorted(all_, key=lambda event: event.at)

    @locks_itself
    def run(
        self,
        seconds: float,
        progress: Callable[[float, str], Any] | bool | None = None,
        max_time: float | None = None,
    ) -> Result:
        """Runs until ``seconds`` of simulated time are over. progress(time, state): called every
        epoch; when it returns False the run ends; True for a bar in a notebook. max_time: seconds
        of real time after which it ends. A run that ended before its time, also by Ctrl-C, gives
        what was recorded, marked partial.
        """
        began, partial = clock.monotonic(), ""
        told = bars.callback(progress, lambda bar: bar.of_run(seconds))
        epochs = bounds.epochs(seconds, self.epoch, len(self.specs) if self._records else 1)
        if max_time is not None:
            given.real(max_time, "max_time", unit="seconds")
        try:
            while self._epochs < epochs:
                self.step()
                if told and told(self.host.time, self.host.state) is False:
                    partial = "stopped"
                if max_time is not None and clock.monotonic() - began > max_time:
                    partial = "out of its time limit"
                if partial:
                    break
        except KeyboardInterrupt:
            partial = "interrupted"
        finally:
            result = self._result(seconds, partial)
            self.host.close()
        return result

    def step(self) -> None:
        """One epoch, for callers that have a clock of their own; ``finish`` ends it."""
        self._step(self._epochs)
        self._epochs += 1
        if self._check_every and self._epochs % self._check_every == 0:
            self.host.check()

    def add(
        self, spec: VMSpec, *, events: Iterable[Event] = (), carried: TakenAlong | None = None
    ) -> bool:
        """One more VM, which starts now, or at its ``start`` where that is to come, and stops at
        its ``stop``. Whether it was admitted, as far as that is known now. events: of this VM, at
        their times. carried: what ``leave`` gave of it elsewhere: it goes on where it was.
        """
        if spec.name in self.running:
            raise ValueError(f"there is a VM {spec.name!r} already")
        now, to_come = self.host.time, given.several(events, "events")
        check_events(to_come, (spec.name,))
        if carried is None:
            self._made[spec.name] = self.check(spec)
        if spec.stop is not None and spec.stop > now:
            to_come.append(Event(spec.stop, "stop", spec.name))
        if spec.start > now:
            to_come.append(Event(spec.start, "start", spec.name))
        self.specs[spec.name] = spec
        self._recorder.know(spec.name)
        self.events = sorted((*self.events, *to_come), key=lambda event: event.at)
        if spec.start > now:
            return True
        if carried is not None:
            self._overrides[spec.name] = dict(carried.overrides)
        self._happen(Event(now, "start", spec.name), now, carried)
        if spec.name not in self.running:
            self._forget(spec.name)
        return spec.name in self.running

    def remove(self, name: str) -> VMSpec:
        """Stops a VM now, as what it is to be started with elsewhere, from the beginning."""
        return self.leave(name).spec

    def leave(self, name: str) -> TakenAlong:
        """Stops a VM now, as what it takes along when it moves: ``add`` has it go on elsewhere."""
        if name not in self.running:
            raise ValueError(f"there is no VM {name!r}; there are {', '.join(self.running)}")
        carried = self.running[name].carry(self._overrides.get(name, {}), self._of(name))
        self._stop(name)
        self._forget(name)
        return carried

    def _of(self, name: str) -> tuple[Event, ...]:
        """What is to happen to a VM that is there, but for its stop, which its spec says."""
        stop = self.specs[name].stop
        return tuple(
            event
            for event in self.events
            if event.vm == name and not (event.kind == "stop" and event.at == stop)
        )

    def _forget(self, name: str) -> None:
        """A VM that is elsewhere now does not start again here."""
        self.events = [event for event in self.events if event.vm != name]
        for known in (self.specs, self._overrides, self._made):
            known.pop(name, None)

    @property
    def happened(self) -> tuple[dict[str, Any], ...]:
        """What has happened until now: ``{"time", "what", "vm"}`` each."""
        return tuple(self._log)

    @property
    def ended(self) -> tuple[str, ...]:
        """VMs that have stopped, or were refused, and do not start again by themselves."""
        to_come = {event.vm for event in self.events if event.kind == "start"}
        return tuple(n for n in self.specs if n not in self.running and n not in to_come)

    def finish(self) -> Result:
        """What was recorded so far; the host is closed."""
        result = self._result(self.host.time, "")
        self.host.close()
        return result

    def _step(self, number: int) -> None:
        now, end = self.host.time, on_grid((number + 1) * self.epoch)
        while now < end:
            while self.events and on_grid(self.events[0].at) <= now:
                self._happen(self.events.pop(0), now)
            due = self.host.due
            if due <= now:  # of what happened the policy hears at once
                self.host.balance()
                due = self.host.due
            until = on_grid(self.events[0].at) if self.events else end
            running = list(self.running.values())
            self._live(running, now, self._slices.end(now, min(until, end), due, running))
            now = self.host.time
        self._record((number + 1) * self.epoch)

    def _live(self, running: list[SimulatedVM], now: float, until: float) -> None:
        """One slice of all that run."""
        life.live(running, self._turns(running), now, until)
        columns, guests = self.host.counts(), of_guests(running)
        meter = self._slice_meter
        meter.read(running, columns, guests)
        self._storage.charge(running, meter.events)
        self._storage.serve(until, meter.sums)
        seconds = until - now
        ran = life.pass_time(running, seconds)
        self._slices.happened(seconds, meter.sums)
        self.host.swap_was_read(self._storage.device.read_busy)
        self.host.advance(seconds, ran)

    def _turns(self, running: list[SimulatedVM]) -> list[int]:
        """VMs take turns, in an order of each slice's own."""
        self._slice += 1
        return life.turns(running, (self._slice + self.seed) * 0xBF58476D1CE4E5B9 % 2**64)

    def _record(self, end: float) -> None:
        running = list(self.running.values())
        for simulated in running:
            simulated.end_row(self.epoch)
        if self._records:
            columns, guests = self.host.columns(self.running), of_guests(running)
            self._meter.read(running, columns, guests)
            self._recorder.record(self.host, end, running, columns, guests, self._meter)

    # events

    def _happen(self, event: Event, now: float, carried: TakenAlong | None = None) -> None:
        """carried: what the VM that starts took along from elsewhere."""
        if event.kind == "start":
            self._start(event.vm, now, carried)
        elif event.kind == "stop":
            if event.vm in self.running:
                self._stop(event.vm)
        elif event.kind == "reboot":
            if event.vm in self.running:
                self._note(self.running[event.vm])
                self.running[event.vm].reboot()
        elif event.kind == "policy":
            self._set_policy(event.key, event.value)
        else:
            self._set(event)
        self._log.append({"time": now, "what": event.what, "vm": event.vm})

    def _start(self, name: str, now: float, carried: TakenAlong | None) -> None:
        if name in self.running:
            return
        spec, options = self.specs[name], self._overrides.get(name, {})
        try:
            self._ask_policy(spec)
            workload = self._made.pop(name, None)  # a VM that starts again has a new one
            if workload is None or "workload" in options:
                workload = options.get("workload", spec.workload)
            simulated = SimulatedVM(
                self.host, spec, options, workload, self._storage, self.seed, carried
            )
        except AdmissionError as error:
            self.refused.append(name)
            self._log.append({"time": now, "what": f"{name} is refused: {error}", "vm": name})
            return
        self.running[name] = simulated
        if carried is not None:
            self._arrive(simulated, carried)
        elif spec.warm or starts_warm(simulated.workload):
            self._warm(simulated, now)

    def _warm(self, simulated: SimulatedVM, now: float) -> None:
        """Its memory is filled in no time: nobody waits, and none of it is an event of the run."""
        with self._swap_takes_all(), self._no_event(list(self.running.values())):
            simulated.warm(now)

    def _arrive(self, simulated: SimulatedVM, carried: TakenAlong) -> None:
        """Its pages have come over the network while it ran elsewhere, as far as there is room for
        them; that they came is no event of its own, what others gave up for them is one of theirs.
        """
        with self._swap_takes_all(), self._no_event([simulated]):
            simulated.memory.arrive(carried.ppns, carried.contents, carried.put_out)

    @contextmanager
    def _swap_takes_all(self) -> Iterator[None]:
        """Swap takes what it is given meanwhile, as if there had been time enough."""
        bandwidth, self.host.swap_bandwidth = self.host.swap_bandwidth, None
        try:
            yield
        finally:
            self.host.swap_bandwidth = bandwidth

    @contextmanager
    def _no_event(self, of: list[SimulatedVM]) -> Iterator[None]:
        """What happens to these VMs meanwhile is no event."""
        read = self.host.counts  # of all VMs that there are, which is cheaper
        if len(of) < len(self.running):
            read = partial(self.host.columns, [each.name for each in of])
        before = counted(of, read(), of_guests(of))
        try:
            yield
        finally:
            grown = counted(of, read(), of_guests(of)) - before
            for meter in (self._meter, self._slice_meter):
                meter.pass_over(of, grown)

    def _stop(self, name: str) -> None:
        self._note(self.running[name])
        self.running.pop(name).leave()
        self.host.remove_vm(name)

    def _ask_policy(self, spec: VMSpec) -> None:
        """A policy that promises room for whole VMs says whether one more fits."""
        sizes = [vm.size + vm.overhead for vm in self.host.vms.values()]
        size = parse_size(spec.size) + parse_size(spec.overhead)
        if not hooks(self.host.policy).admits(self.memory, [*sizes, size]):
            raise AdmissionError(
                f"{format_size(size)} do not fit beside {format_size(sum(sizes))} "
                f"in {format_size(self.memory)}, and nothing is overcommitted"
            )

    def _set(self, event: Event) -> None:
        self._overrides.setdefault(event.vm, {})[event.key] = event.value
        simulated = self.running.get(event.vm)
        if simulated is not None:
            self._note(simulated)
            simulated.change(event.key, event.value)

    def _set_policy(self, key: str, value: Any) -> None:
        policy = self.host.policy
        if not hasattr(policy, key):
            raise ValueError(f"the policy {policy!r} has no option {key!r}")
        setattr(policy, key, value)
        self.host.policy = policy

    def _note(self, simulated: SimulatedVM) -> None:
        """What its workload has to say of itself is kept."""
        for note in getattr(simulated.workload, "notes", ()):
            if note not in self._notes.setdefault(simulated.name, []):
                self._notes[simulated.name].append(note)

    def _decided(self, decision: Decision) -> None:
        self._clips.update(clip.rule for clip in decision.clips)

    # results

    def _forget_rows(self) -> None:
        """What is recorded begins now."""
        self._recorder.forget()
        self._log.clear()
        self._clips.clear()

    def _result(self, seconds: float, partial: str) -> Result:
        host, vms = self._recorder.tables()
        for simulated in self.running.values():
            self._note(simulated)
        policy = self.host.policy
        said = hooks(policy)
        shown = said.thresholds(self.memory)
        meta = {
            "name": self.name,
            "policy": said.name,
            "policy_options": repr(policy),
            "seed": self.seed,
            "memory": self.memory,
            "seconds": float(seconds),
            "epoch": self.epoch,
            "costs": self.costs.name,
            "contents": self.host.contents,
            "refused": list(self.refused),
            "partial": partial,
            "notes": {name: list(notes) for name, notes in self._notes.items()},
            "thresholds": dict(zip(shown.names, shown.bytes, strict=True)) if shown else {},
        }
        if self.host.guard is not None:
            meta["guard"] = repr(self.host.guard)
            meta["clips"] = {rule: self._clips[rule] for rule in RULES if self._clips[rule]}
        return Result(host, vms, summary_of(host), self._log, meta)


def _options(host: Any) -> Mapping[str, Any]:
    """Options of a Host by name."""
    if host is not None and not isinstance(host, Mapping):
        raise TypeError(f"host must be options of a Host by name, got {given.shown(host)}")
    return host or {}
