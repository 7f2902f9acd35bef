"""Replay: the decisions of an audit log made again, by the same policy or by another.

The same policy must say the same, to the byte. Another one sees what the first saw at each moment;
what it would have done does not change what was seen next.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pageengine.control.controller import Decision
from pageengine.errors import PageEngineError
from pageengine.live import records
from pageengine.live.audit import Logged, Unread
from pageengine.plumbing import reading
from pageengine.plumbing.frozen import Frozen
from pageengine.policy import table
from pageengine.policy.base import Plan, Policy, Snapshot
from pageengine.policy.guard import Clip, guard, remembered
from pageengine.policy.rules import check_plan


class Compared(Frozen):
    """One decision made again.

    Attributes:
        line: [number] of the log, from 1
        time: [text] when it was made
        same: [yes or no] whether plan, guarded plan and clips are the same to the byte
        given: [Plan] what was carried out, or would have been
        other: [Plan] the same of the other policy; None: it failed
        why: [text] why it failed
        snapshot: [Snapshot] what was seen
        wanted: [Plan] what the other policy said, before the guard; None: it failed
        clips: [Clip each] what the guard changed of that
    """

    line: int
    time: str
    same: bool
    given: Plan
    other: Plan | None
    why: str
    snapshot: Snapshot
    wanted: Plan | None = None
    clips: tuple[Clip, ...] = ()

    def differences(self) -> list[Difference]:
        """What the other would have done differently, VM by VM."""
        return list(_differences(self)) if self.other is not None else []


class Difference(Frozen):
    """One number that two policies say differently.

    Attributes:
        vm: [text] whose
        what: [text] "balloon", "reclaim", "blocked"
        given: [number] of the first: bytes, or yes and no
        other: [number] of the other
    """

    vm: str
    what: str
    given: float
    other: float


def replay(
    entries: Iterable[Logged | Unread], policy: str = "", options: Mapping[str, Any] | None = None
) -> Iterator[Compared | Unread]:
    """Every decision, made again. policy: who; "": who made it. ValueError: no such policy."""
    again = _Again(policy, options or {})
    for line, entry in enumerate(entries, 1):
        yield entry if isinstance(entry, Unread) else again.compare(line, entry)


def replay_all(
    entries: Iterable[Logged | Unread], policies: Mapping[str, tuple[str, Mapping[str, Any]]]
) -> Iterator[dict[str, Compared] | Unread]:
    """Every decision, made again by each of these: label -> name and options. ValueError: there is
    no such policy.
    """
    again = {label: _Again(name, options) for label, (name, options) in policies.items()}
    for line, entry in enumerate(entries, 1):
        if isinstance(entry, Unread):
            yield entry
        else:
            yield {label: each.compare(line, entry) for label, each in again.items()}


class _Again:
    """Decides again. What another policy remembers is its own; what the guard remembers is of what
    was really done.
    """

    def __init__(self, policy: str, options: Mapping[str, Any]):
        self._said = policy, dict(options)
        self._other = table.find(policy, **options) if policy else None
        self._made: tuple[str, Policy] | None = None
        self._plan = Plan(state="")

    def compare(self, line: int, entry: Logged) -> Compared:
        before = entry.decision
        snapshot = before.snapshot
        try:
            other = self._policy_of(entry)
            policy = other or self._same(entry)
            if other is not None:
                own = {
                    key: each
                    for key, each in self._plan.memo.items()
                    if key not in remembered(self._plan.memo)
                }
                memo = {**own, **remembered(snapshot.memo)}
                snapshot = snapshot.__replace__(memo=memo, state=self._plan.state)
            after = decide(policy, snapshot, entry)
        except PageEngineError as error:
            why = reading.clipped(str(error))
            return Compared(line, entry.time, False, before.guarded, None, why, before.snapshot)
        self._plan = after.guarded
        same = _bytes(after) == _bytes(before)
        return Compared(
            line,
            entry.time,
            same,
            before.guarded,
            after.guarded,
            "",
            before.snapshot,
            after.plan,
            after.clips,
        )

    def _policy_of(self, entry: Logged) -> Policy | None:
        """Another policy than the line's; None: it is the line's own that is asked."""
        return None if self._said == (entry.policy, dict(entry.options)) else self._other

    def _same(self, entry: Logged) -> Policy:
        """Who made it: made once for all lines that say the same. A log is data, and runs no code
        of its own.
        """
        if ":" in entry.policy and self._said[0] != entry.policy:
            raise PageEngineError(
                f"the log names code to run, {entry.policy!r}: say yourself that it may, with "
                f"--policy {entry.policy}"
            )
        key = records.line([entry.policy, entry.options])
        if self._made is None or self._made[0] != key:
            self._made = key, table.find(entry.policy, **entry.options)
        return self._made[1]


def decide(policy: Policy, snapshot: Snapshot, entry: Logged) -> Decision:
    """One decision as the controller makes it. PageEngineError: the policy fails, or its plan
    breaks a rule.
    """
    try:
        said = policy.decide(snapshot)
    except Exception as error:  # whatever a policy of somebody's does
        raise PageEngineError(f"the policy failed: {type(error).__name__}: {error}") from None
    check_plan(snapshot, said)
    if entry.limits is None:
        return Decision(snapshot, said, said, ())
    guarded, clips = guard(said, snapshot, entry.limits)
    return Decision(snapshot, said, guarded, clips)


def _bytes(decision: Decision) -> str:
    return records.line([decision.plan, decision.guarded, decision.clips])


def _differences(compared: Compared) -> Iterator[Difference]:
    other = compared.other or Plan()
    for view in compared.snapshot.vms:
        first, second = compared.given.vms.get(view.name), other.vms.get(view.name)
        for what, unsaid in (
            ("balloon", view.balloon_target),
            ("reclaim", 0),
            ("blocked", view.blocked),
        ):
            values = [
                unsaid if plan is None or getattr(plan, what) is None else getattr(plan, what)
                for plan in (first, second)
            ]
            if values[0] != values[1]:
                yield Difference(view.name, what, float(values[0]), float(values[1]))
