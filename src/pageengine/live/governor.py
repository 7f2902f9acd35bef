"""The governor: look, decide, and, where that was asked for, act. One step at a time, whose time is
given, so that it can be driven by a clock of one's own.

Without ``enforce`` nothing is written anywhere but to the audit log: orders are made, shown, and
dropped.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pageengine.control.controller import Controller, Decision
from pageengine.errors import LiveError
from pageengine.live import workable
from pageengine.live.act import Act, Carried, Knobs
from pageengine.live.audit import AuditLog, Logged
from pageengine.live.backend import LiveBackend
from pageengine.live.config import Config
from pageengine.live.elsewhere import Notes
from pageengine.live.hands import Hands
from pageengine.live.ledger import Ledger
from pageengine.live.lock import Marks
from pageengine.live.orders import Orders
from pageengine.live.release import Released, Releasing
from pageengine.live.snapshot import unknown
from pageengine.live.sources import process
from pageengine.live.sources.ksm import KsmKnobs
from pageengine.live.state import GuestState, StateFile
from pageengine.live.watch import Seen, Watch
from pageengine.plumbing import reading
from pageengine.plumbing.frozen import Frozen
from pageengine.policy import table
from pageengine.policy.base import Plan, VMPlan
from pageengine.policy.guard import guard, remembered

PATIENCE = 0.016  # of a period: how long each of two looks, and receivers for donors, wait
PATIENCE_LEAST = 0.05  # seconds of that, which sound guests of a busy host need


class Step(Frozen):
    """One step.

    Attributes:
        seen: [Seen] what the watch saw
        decision: [Decision] what was decided; None: nothing was due, or it failed
        orders: [Orders] what it comes to
        results: [Carried each] what became of them; none where they were not carried out
        alone: [text by name] guests that are left alone, and why
        said: [text each] what else has to be told: what failed, who is left alone from now on
        planned: [seconds] that snapshot, decision and guard took
        seconds: [seconds] that the step took
    """

    seen: Seen
    decision: Decision | None
    orders: Orders
    results: tuple[Carried, ...]
    alone: Mapping[str, str]
    said: tuple[str, ...]
    planned: float
    seconds: float


class Governor:
    """config: what is governed and how. watch: its guests. enforce: whether anything is
    done. clock: seconds that never go back. knobs: KSM's. now: the time of day, for the log.
    boot: which start of the host this is. file: the state file; of the config's path by
    itself. waits: seconds that a look, and who is given memory, wait for guests that do not answer;
    a part of the period by itself, as the next step goes on: who takes one step only has no next.

    Raises LiveError where the state file of a governor before cannot be read.
    """

    def __init__(
        self,
        config: Config,
        watch: Watch,
        *,
        enforce: bool = False,
        clock: Callable[[], float] = time.monotonic,
        knobs: Knobs | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        boot: str | None = None,
        file: StateFile | None = None,
        waits: float | None = None,
    ):
        self._waits = waits
        self.config, self.watch, self.enforce = config, watch, enforce
        self._clock, self._now = clock, now
        self._knobs: Knobs = knobs or KsmKnobs()
        file = file or StateFile(config.state)
        notes = Notes(config.lock, file.path)
        self.ledger = Ledger(file, file.read(), clock, self._knobs.saved, boot, notes)
        self.hands = Hands(config.hands_off)
        self._marks = Marks(config.lock, f"governs by {config.path}")
        self._audit = AuditLog(config.audit, config.audit_most) if config.audit else None
        self.backend: LiveBackend | None = None
        self.controller: Controller | None = None
        self._decision: Decision | None = None
        self._lives: dict[str, str] = {}
        self._unknown: set[str] = set()
        self._pressed = self._small = False
        self._last = clock()

    async def begin(self) -> None:
        """One look, and whether the config can work, before anything is touched. Raises LiveError
        (ConfigError where it is of the file): it cannot, and why.
        """
        workable.check_places(self.config, self.enforce)
        seen = await self.watch.look(self._patience)
        workable.check_seen(self.config, seen)
        if self.enforce:
            self.ledger.check_others(self.config.guests.values(), seen.guests)

    async def step(self) -> Step:
        """One look, and what follows from it. What fails is said in ``said``; nothing is raised but
        LiveError, where the host itself cannot be read.
        """
        begun = self._clock()
        seen = await self.watch.look(self._patience)
        said = self._learn(seen, begun)
        backend, controller = self._parts()
        self._decision = None
        asked = self._clock()
        try:
            if self._fits(backend, said):
                controller.advance(max(0.0, begun - self._last))
        except Exception as error:  # a policy may fail in any way: guests stay as they are
            what = reading.clipped(f"{type(error).__name__}: {error}".replace("\n", " "))
            said.append(f"no decision: policy {self.config.policy}: {what}")
        self._last, planned = begun, self._clock() - asked
        orders = backend.taken()
        results: tuple[Carried, ...] = ()
        if self.enforce and not orders.nothing:
            results = await self._act(orders, said)
        self._log(orders, results, seen, said)
        return Step(
            seen,
            self._decision,
            orders,
            results,
            dict(backend.alone),
            tuple(said),
            planned,
            self._clock() - begun,
        )

    def reload(self, config: Config) -> None:
        """Goes on by another file from the next step on. ConfigError, ValueError: it cannot, and
        goes on by the one before.
        """
        self.check(config)
        self.watch.set_guests(config.guests.values())
        self._marks.keep(config.guests.values())
        named = config.policy == self.config.policy
        same = named and config.options == self.config.options
        self.config = config
        self.hands.seconds = config.hands_off
        self._audit = AuditLog(config.audit, config.audit_most) if config.audit else None
        if self.backend is not None and self.controller is not None:
            before, time = self.controller.plan, self.controller.time
            known = self.backend
            memo = before.memo if named else remembered(before.memo)
            self._begin(known.seen, before if same else Plan(memo=memo), time)
            self.backend.go_on_from(known)

    def check(self, config: Config) -> None:
        """Raises what ``reload`` would; nothing is touched."""
        for key in ("state", "lock"):
            if getattr(config, key) != getattr(self.config, key):
                raise LiveError(
                    f"{config.path}: {key} cannot be changed while it governs: restart for that"
                )
        table.find(config.policy, **config.options)
        workable.check_places(config, self.enforce)
        last = self.backend.last if self.backend else {}
        readings = {name: last[name].reading for name in config.guests if name in last}
        if self.backend is not None:
            workable.check_seen(config, self.backend.seen.__replace__(guests=readings))
        if self.enforce:
            self.ledger.check_others(config.guests.values(), readings)
        self.watch.check(config.guests.values())

    def dropped(self, config: Config) -> dict[str, GuestState]:
        """Guests that were changed and that another file does not name any more, or names at
        another place: who is there now is another guest.
        """
        found = {}
        for name, each in self.ledger.saved.guests.items():
            now = config.guests.get(name)
            if now is None or (now.kind, now.at) != (each.settings.kind, each.settings.at):
                found[name] = each
        return found

    async def release(self, only: Mapping[str, GuestState] | None = None) -> list[Released]:
        """Leaves guests as the exit mode says. only: these, which nobody goes on with: as they were
        at first, where others would be left; all, where nobody is named. What is still not there
        stays in the state file.
        """
        saved = self.ledger.saved
        if not self.enforce or (not saved.guests and saved.knobs is None):
            return []
        part = saved if only is None else saved.__replace__(guests=only, knobs=None)
        mode = "initial" if only is not None and saved.exit == "leave" else None
        strangers = {
            name: each.settings
            for name, each in self.dropped(self.config).items()
            if name in part.guests
        }
        self.watch.set_guests({**self.config.guests, **strangers}.values())
        rest = {name: each for name, each in saved.guests.items() if name not in part.guests}
        release = Releasing(
            part,
            self.watch,
            self._knobs,
            self._clock,
            mode,
            self._marks.take,
            lambda left: self.ledger.giving_back({**rest, **left}),
        )
        done = await release.run()
        self.watch.set_guests(self.config.guests.values())
        self._marks.keep(self.config.guests.values())
        knobs = release.knobs_left if only is None else saved.knobs
        self.ledger.left({**rest, **release.left()}, knobs, done=only is None)
        return done

    async def close(self) -> None:
        """Lets everything go as it is."""
        self._marks.release()
        await self.watch.close()

    # what is known

    @property
    def _patience(self) -> float:
        if self._waits is not None:
            return self._waits
        if self.backend is None:  # who is not known yet would count as holding nothing
            return self.config.deadline
        return min(self.config.deadline, max(PATIENCE_LEAST, PATIENCE * self.config.period))

    def _parts(self) -> tuple[LiveBackend, Controller]:
        assert self.backend is not None and self.controller is not None
        return self.backend, self.controller

    def _begin(self, seen: Seen, plan: Plan, time: float) -> None:
        config = self.config
        self.backend = LiveBackend(config.memory, config.guests, seen)
        policy = table.find(config.policy, **config.options)
        self.controller = Controller(self.backend, policy, config.limits)
        self.controller.plan, self.controller.time = plan, time
        self.controller.on_decision(self._decided)
        self.ledger.agreed(config, self.backend.memory)

    def _fits(self, backend: LiveBackend, said: list[str]) -> bool:
        """Whether there is anything of ``memory`` to decide about; said once where there is not."""
        readings = {name: known.reading for name, known in backend.last.items()}
        small = workable.too_small(self.config, readings)
        if small and not self._small:
            said.append(f"no decision: {small}")
        self._small = bool(small)
        return not small

    def _decided(self, decision: Decision) -> None:
        self._decision = decision

    def _learn(self, seen: Seen, begun: float) -> list[str]:
        """Takes in what was seen: who came and left, whose balloon others moved."""
        said: list[str] = []
        if self.backend is None:
            self._begin(seen, self.ledger.plan_for(self.config.policy), self.ledger.time_at(begun))
            self._last = begun
            said = self._begin_file()
        else:
            self.backend.saw(seen)
        backend, controller = self._parts()
        said += self._see_unknown(seen, backend)
        lives = {name: known.life for name, known in backend.last.items()}
        for name, life in lives.items():
            if not process.is_same(self._lives.get(name, ""), life):
                said += self._see_another(name, life)
                if self.enforce:
                    known = backend.last[name]
                    backend.take_up(name, self.ledger.take_up(name, known, self.hands))
        for name in self._lives.keys() - lives.keys():
            if name in seen.states:
                said += self._see_another(name)
            else:  # not watched any more, and maybe not given back yet
                self.hands.forget(name)
                self.ledger.lose_sight(name)
        pressed = (seen.host.pressure_some or 0.0) > 0
        low = backend.free() < backend.low_watermark
        if lives != self._lives or low or (pressed and not self._pressed):
            controller.changed()
        self._lives, self._pressed = lives, pressed
        backend.owe(self.ledger.owed(backend.names(), seen.states))
        return [*said, *self._see_hands(backend)] if self.enforce else []

    def _see_unknown(self, seen: Seen, backend: LiveBackend) -> list[str]:
        """Says who holds nobody knows what, where that keeps others from being given memory."""
        found = set(unknown(seen, self.config.guests, backend.last))
        new, self._unknown = found - self._unknown, found
        host = seen.host
        if self.config.memory is None and host.memory is not None and host.unused is not None:
            return []  # what the host has free says it
        return [
            f"{name}: nobody knows what it holds: until it answers, or is not there, all that the "
            "host uses counts as held by guests, and no more than memory in [host] is given to them"
            for name in sorted(new)
        ]

    def _see_another(self, name: str, life: str = "") -> list[str]:
        """Another guest is there under this name than before, or nobody."""
        if name in self._lives:
            self.hands.forget(name)
        if not self.enforce:
            return []
        try:
            said = self.ledger.another(name, self.config.guests[name], life)
        except OSError as error:
            return [_unwritten(self.config.state, error)]
        return [said] if said else []

    def _begin_file(self) -> list[str]:
        try:
            if self.enforce:
                self.ledger.begin()
        except OSError as error:
            return [_unwritten(self.config.state, error)]
        return []

    def _see_hands(self, backend: LiveBackend) -> list[str]:
        said, now = [], self._clock()
        for name in self.hands.over(now):
            backend.forget_target(name)
            self.ledger.hands_on(name, backend.last.get(name))
            said.append(f"{name}: governed again")
        for name, why in self.hands.look(backend.last, now).items():
            said.append(f"{name}: hands off for {self.hands.seconds:g} s: {why}")
            try:
                self.ledger.hands_off(name, now + self.hands.seconds)
            except OSError as error:
                said.append(_unwritten(self.config.state, error))
        alone = self.hands.alone
        for name in backend.last:
            agreed = self.config.guests[name]
            if name in alone:
                continue
            whose = workable.over_size(agreed, backend.last[name].reading)
            if whose := whose or self._marks.take(agreed):
                alone[name] = whose
                if name not in backend.alone:
                    said.append(f"{name}: {whose}")
        backend.alone = alone
        return said

    # doing it

    async def _act(self, orders: Orders, said: list[str]) -> tuple[Carried, ...]:
        backend, controller = self._parts()
        if why := self._may(""):
            said.append(f"nothing is done: {why}")
            return ()
        try:
            moment = self._last, controller.time
            self.ledger.ahead(orders, backend.last, controller.plan, moment, self.config)
        except (OSError, LiveError) as error:
            said.append(f"nothing is done: {_unwritten(self.config.state, error)}")
            return ()
        act = Act(
            self.watch,
            self._knobs,
            self._may,
            self._clock,
            deadline=min(self.config.deadline, self.config.period / 2),
            patience=self._patience,
            paging=self.config.period / 5,
        )
        snapshot = self._decision.snapshot if self._decision else controller.snapshot()
        views = {view.name: view for view in snapshot.vms}
        results = await act.carry_out(orders, views, self._again)
        ended = self._clock()
        for result in results:
            if result.given is None:
                continue
            if result.what == "page-out":
                backend.paged_out(result.vm, ended)
            elif result.what == "balloon":
                backend.told(result.vm, int(result.given), sure=result.sure)
            elif result.what == "pause" and result.sure:
                backend.paused(result.vm, bool(result.given))
        self._confirm(results, said)
        return tuple(results)

    def _confirm(self, results: Sequence[Carried], said: list[str]) -> None:
        """What is known to be in force by now, so that nobody has to doubt it after us."""
        told = {
            each.vm: int(each.given)
            for each in results
            if each.what == "balloon" and each.given is not None and each.sure
        }
        going = [
            each.vm for each in results if each.what == "pause" and each.sure and each.given == 0
        ]
        try:
            self.ledger.told(told, going)
        except OSError as error:
            said.append(_unwritten(self.config.state, error))

    def _may(self, name: str) -> str:
        if os.path.lexists(self.config.hold):
            return f"{self.config.hold} is there: remove it to have it go on"
        return self.backend.alone.get(name, "") if self.backend else ""

    async def _again(self, takers: Mapping[str, int]) -> dict[str, int | None]:
        """What guests may get by now: the guard's rules once more, on what is seen now."""
        backend, controller = self._parts()
        before = {name: known.life for name, known in backend.last.items()}
        backend.saw(await self.watch.look(self._patience))
        snapshot = controller.snapshot()
        views = {
            view.name: backend.doubted(view)
            for view in snapshot.vms
            if view.name in takers and backend.last[view.name].life == before[view.name]
        }
        asked = Plan(
            memo=snapshot.memo,
            vms={
                name: VMPlan(balloon=min(takers[name], view.balloon_max), blocked=view.blocked)
                for name, view in views.items()
            },
        )
        vms = tuple(views.get(view.name, view) for view in snapshot.vms)
        allowed, _ = guard(asked, snapshot.__replace__(vms=vms), self.config.limits)
        found: dict[str, int | None] = {}
        for name, view in views.items():
            target = allowed.vms[name].balloon
            if target is not None:
                target = max(target, takers[name])
            # what it was told to hold and has not taken yet is taken back at nobody's cost
            most = max(view.ballooned, view.balloon_target)
            found[name] = None if target is None or target >= most else target
        return found

    def _log(
        self, orders: Orders, results: tuple[Carried, ...], seen: Seen, said: list[str]
    ) -> None:
        if self._audit is None or self._decision is None:
            return
        backend, _ = self._parts()
        entry = Logged(
            self._now().isoformat(timespec="milliseconds"),
            "enforce" if self.enforce else "recommend",
            self.config.policy,
            self.config.options,
            self.config.limits,
            self._decision,
            orders,
            seen.states,
            {**seen.why, **backend.alone},
            results,
        )
        try:
            self._audit.add(entry)
        except OSError as error:
            said.append(_unwritten(self.config.audit, error))


def _unwritten(path: str, error: Any) -> str:
    return f"{path} cannot be written: {getattr(error, 'strerror', None) or error}"
