"""At stake: everything that a governor must never do, whatever guests, other programs, the host and
time do to it. Ten invariants, I1 to I10, are looked at at every single write and after every step,
while guests lie, hang, refuse, lag, freeze, leave and come back as others, and the governor is
killed, between steps and in the middle of one.

`python tests/live/test_invariants.py [STEPS [SEED]]` makes the long run: 100,000 steps of the
governor, from seed 1.
"""

import functools
import os
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

import hypothesis.strategies as st
from fake_guests import MIB
from hypothesis import HealthCheck, seed, settings, stateful
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition
from made_governor import GIB, Made

from pageengine.live import records
from pageengine.live.lock import Marks
from pageengine.live.replay import decide
from pageengine.live.sources.process import is_same
from pageengine.live.state import StateFile
from pageengine.policy import table
from pageengine.policy.guard import Limits

NAMES = ("a", "b", "c")
SIZES = {"a": 2 * GIB, "b": GIB, "c": 512 * MIB}
NEAR = MIB
QUICK_DISK = "/dev/shm" if os.path.isdir("/dev/shm") else None
LIMITS = Limits(
    reserve_part=0.0,
    reserve=256 * MIB,
    shrink=256 * MIB,
    shrink_part=0.25,
    window=20.0,
    may_block=("c",),
    may_page_out=("a",),
)
name = st.sampled_from(NAMES)
sizes = st.integers(0, 2 * GIB // 4096).map(lambda pages: pages * 4096)
POLICIES = ("made_governor:Says", "proxmox", "kvm")


def rule(**arguments):
    """A rule that is counted."""

    def counting(function):
        @functools.wraps(function)
        def counted(self, **drawn):
            Governed.made_of[function.__name__] += 1
            return function(self, **drawn)

        made = stateful.rule(**arguments)(counted)
        made.counts = True
        return made

    return counting


class InMemory(StateFile):
    """A state file whose disk is quick."""

    def __init__(self):
        super().__init__(os.path.join(tempfile.gettempdir(), "none", "state.json"))
        self.text = self._read = None

    def write(self, saved):
        self.text, self._read = records.line({"schema": 1, **vars(saved)}), None

    def read(self):
        if self.text is None:
            return None
        if self._read is None:
            with tempfile.NamedTemporaryFile("w", dir=QUICK_DISK) as file:
                file.write(self.text)
                file.flush()
                self._read = StateFile(file.name).read()
        return self._read


class Killed(BaseException):
    """The process is gone, here and now."""


class Governed(RuleBasedStateMachine):
    steps = examples = writes = 0
    made_of: Counter[str] = Counter()

    def __init__(self):
        super().__init__()
        Governed.examples += 1
        self._folder = tempfile.TemporaryDirectory(dir=QUICK_DISK)
        self.folder = Path(self._folder.name)
        self.file = InMemory()
        self.made = None

    @initialize(
        policy=st.sampled_from(POLICIES),
        mode=st.sampled_from(("initial", "max", "leave")),
        memory=st.sampled_from((2 * GIB, 3 * GIB, 4 * GIB)),
    )
    def begin(self, policy, mode, memory):
        self.made = Made(
            self.folder, memory, LIMITS, config=dict(exit=mode), file=self.file, **SIZES
        )
        self.host, self.clock = self.made.host, self.made.clock
        self.made.tick = 0.2
        self.host.add("stranger", GIB // 2)  # on this host, and nobody's business
        guests = {key: each for key, each in self.made.config.guests.items()}
        guests["a"] = guests["a"].__replace__(page_out=True)
        guests["c"] = guests["c"].__replace__(may_pause=True)
        self.guests = guests
        self.made.config = self.made.config.__replace__(policy=policy, guests=guests)
        self.kill_at = None  # the so-many-th write from now ends the process
        self.releasing = False
        self.begun, self.first_look = self.clock(), 0.0
        self.in_force = {}  # name -> [(time, target)] of one life
        self.moved = {}  # name -> when others moved it
        self.paused = {}  # name -> life of it that was paused from here, and does not go on yet
        self.look_again()
        self._write = type(self.host)._write
        self.host._write = self.written

    def look_again(self):
        """A governor begins."""
        self.made.start()

    # every write goes by here

    def written(self, name, what, value):
        guest = self.host.guests.get(name)
        assert not self.host.read_only, "I7: a writing call while recommending"
        if self.kill_at is not None:
            self.kill_at -= 1
            if self.kill_at < 0:
                raise Killed
        assert not (self.folder / "hold").exists(), "nothing is written while held"
        assert name in ("", *self.made.config.guests), f"I4: {name} is not ours"
        assert self.file.text is not None, "the state file comes before the first change"
        if name and not self.releasing:
            assert name not in self.made.governor.backend.alone, "I4: hands off"
        if what == "balloon":
            self.see_balloon(guest, value)
        elif what == "pause" and value:
            assert name == "c", "only who may be paused is paused"
        elif what == "page-out":
            assert name == "a" and value <= 32 * MIB
        if name and not self.releasing and what != "page-out":
            late = self.clock() - self.begun - 3 * guest.slow  # its own fault
            late -= self.first_look  # which waits for all, once
            assert late <= 0.05 * self.made.config.period, f"I10: {late} s late by others"
        if what == "pause":
            self.paused[name] = guest.life if value else ""
        Governed.writes += 1
        self._write(self.host, name, what, value)

    def see_balloon(self, guest, value):
        name, now = guest.name, self.clock()
        saved = self.file.read()
        entry = saved.guests.get(name)
        assert entry is not None and is_same(entry.life, guest.life), (
            "I6: written, and not in the file"
        )
        before = self.before(guest)
        if not self.releasing:
            floor = int(LIMITS.floor_part * guest.size)
            assert 0 <= value <= max(guest.size - floor, before, guest.balloon), "I1"
            if value > max(before, guest.balloon) and guest.frozen is not None:
                assert now - guest.frozen <= LIMITS.stats_age + 5, "I3: shrunk by old statistics"
            most = min(LIMITS.shrink, int(LIMITS.shrink_part * guest.size))
            recent = self.within(guest)
            by_us = name not in self.moved  # what others took is not counted
            assert not by_us or value - min(recent) <= max(most, before - min(recent)), (
                f"I5: {value} within a window from {min(recent)}"
            )
        # what its driver took after the look is known to nobody
        grown = min(guest.balloon, guest.shown, before) - value
        if grown > 0 and name not in self.moved and not self.releasing:
            promised = sum(
                max(0, each.balloon - self.before(each))
                for each in self.host.guests.values()
                if not each.absent
                and each.name in self.in_force
                and each.name not in self.moved  # what others promised is known to nobody
            )
            left = self.host.free - promised - grown
            assert left >= LIMITS.reserve, f"I2: {left} are left after {name} was given {grown}"
        self.in_force.setdefault(name, [guest.process]).append((now, value))

    def before(self, guest):
        """The target in force."""
        told = self.in_force.get(guest.name)
        return told[-1][1] if told and told[0] == guest.process and len(told) > 1 else guest.balloon

    def within(self, guest):
        """Targets in force in the last window."""
        told = self.in_force.get(guest.name)
        if not told or told[0] != guest.process:
            self.in_force[guest.name] = told = [guest.process, (float("-inf"), guest.balloon)]
        since = self.clock() - LIMITS.window + 0.01
        at = [i for i, (time, _) in enumerate(told[1:], 1) if time <= since]
        return [value for _, value in told[max(at[-1] if at else 1, 1) :]]

    # what happens

    @rule()
    def step(self):
        self.a_step()

    @rule(times=st.integers(2, 6))
    def steps_on(self, times):
        for _ in range(times):
            self.a_step()

    def a_step(self):
        Governed.steps += 1
        self.host.run(self.made.config.period)
        self.begun = self.clock()
        config = self.made.config
        self.first_look = config.deadline if self.made.governor.backend is None else 0.0
        try:
            step = self.made.run(self.made.governor.step())
        except Killed:
            self.kill()
            return
        assert self.clock() - self.begun <= config.deadline + 1.1 + self.first_look, "I10"
        if step.decision is not None:
            self.see_decision(step.decision)

    def see_decision(self, decision):
        """I8: as a line of the audit log and back, and decided again."""
        if self.made.config.policy.startswith("made_"):
            return
        entry = type("Entry", (), {"limits": LIMITS})
        snapshot = records.snapshot(records.json.loads(records.line(decision.snapshot)))
        assert snapshot == decision.snapshot
        again = decide(table.find(self.made.config.policy), snapshot, entry)
        assert records.line(vars(again)) == records.line(vars(decision)), "I8"

    @rule(data=st.data(), who=st.sets(name, min_size=1))
    def policy_says(self, data, who):
        said = {}
        for each in sorted(who):
            said[each] = data.draw(
                st.fixed_dictionaries(
                    {},
                    optional={
                        "balloon": sizes,
                        "reclaim": st.integers(0, 20).map(lambda n: n * 4 * MIB),
                        "scan": st.floats(0, 1e6),
                        "blocked": st.booleans(),
                    },
                )
            )
            said[each].setdefault("technique", "swap")
        views = self.host.guests
        for each, plan in said.items():
            plan["reclaim"] = min(plan.get("reclaim", 0), views[each].resident)
        self.made.say(**said)

    @rule(
        name=name, what=st.sampled_from(("hangs", "refuses", "sticks", "tells")), on=st.booleans()
    )
    def turns(self, name, what, on):
        setattr(self.host.guests[name], what, on)

    @rule(name=name, speed=st.sampled_from((20 * MIB, 256 * MIB)))
    def drives(self, name, speed):
        self.host.guests[name].speed = speed

    @rule(name=name, what=st.sampled_from(("", "boot", "migrate", "save")))
    def is_busy(self, name, what):
        self.host.guests[name].busy = what

    @rule(name=name, driver=st.sampled_from(("reporting", "none", "silent", "counts-balloon")))
    def has_driver(self, name, driver):
        self.host.guests[name].driver = driver

    @rule(name=name, on=st.booleans())
    def statistics_freeze(self, name, on):
        self.host.guests[name].frozen = self.clock() if on else None

    @rule(name=name, free=st.none() | sizes)
    def lies(self, name, free):
        self.host.guests[name].lies = free

    @rule(name=name, stall=st.sampled_from((0.0, 0.05, 0.5)))
    def waits(self, name, stall):
        self.host.guests[name].stall = stall

    @rule(name=name, part=st.floats(0, 1.2))
    def uses(self, name, part):
        guest = self.host.guests[name]
        guest.used = int(part * guest.size)

    @rule(name=name, seconds=st.sampled_from((0.0, 0.01, 0.09, 0.5, 3.0)))
    def is_slow(self, name, seconds):
        self.host.guests[name].slow = seconds

    @rule(name=name)
    def leaves(self, name):
        self.host.guests[name].absent = True

    @rule(name=name)
    def comes(self, name):
        guest = self.host.guests[name]
        if guest.absent:
            guest.absent = False
            guest.another()

    @rule(name=name, times=st.integers(1, 2), counted=st.booleans())
    def reboots_unseen(self, name, times, counted):
        """Missed events: it was reset and reset again before anybody looked, if that was heard."""
        guest = self.host.guests[name]
        for _ in range(times):
            guest.reboot()
        guest.resets *= counted

    @rule(name=name, times=st.integers(1, 2))
    def is_another_unseen(self, name, times):
        """Missed events: it was another and is another again before anybody looked."""
        for _ in range(times):
            self.host.guests[name].another()

    @rule(name=name, to=sizes)
    def others_move(self, name, to):
        guest = self.host.guests[name]
        guest.moved_by_others(min(to, guest.size - MIB))
        self.moved[name] = self.clock()

    @rule(memory=st.integers(0, GIB), pressure=st.sampled_from((0.0, 0.3)))
    def host_is_used(self, memory, pressure):
        self.host.others, self.host.pressure = memory, pressure

    @rule(seconds=st.sampled_from((30.0, 4000.0)))
    def host_sleeps(self, seconds):
        self.clock.now += seconds

    @rule(on=st.sampled_from((True, False, False, False)))
    def hold_or_not(self, on):
        hold = self.folder / "hold"
        hold.write_text("") if on else hold.unlink(missing_ok=True)

    @rule(name=name)
    def another_governor(self, name):
        marks = Marks(self.made.config.lock, "another")
        if not marks.take(self.guests[name]):
            before = len(self.host.written)
            self.a_step()
            told = [each for each in self.host.written[before:] if each[0] == name]
            assert not told, "I9"
        marks.release()

    # how it ends, and begins again

    @rule()
    def is_killed(self):
        self.kill()

    @rule(writes=st.integers(0, 3), times=st.integers(1, 3))
    def is_killed_in_the_middle(self, writes, times):
        self.kill_at = writes
        for _ in range(times):
            self.a_step()
        self.kill_at = None

    def kill(self):
        self.kill_at = None
        self.made.killed()
        self.look_again()

    @rule(times=st.integers(1, 3))
    def recommends_for_a_while(self, times):
        self.made.killed()
        self.made.enforce, self.host.read_only = False, True
        self.look_again()
        for _ in range(times):
            self.a_step()
        self.made.killed()
        self.made.enforce, self.host.read_only = True, False
        self.look_again()

    @rule(without=name)
    def reads_its_config_again(self, without):
        guests = {key: each for key, each in self.guests.items() if key != without}
        config = self.made.config.__replace__(guests=guests)
        self.releasing = True
        self.made.run(self.made.governor.release(self.made.governor.dropped(config)))
        self.releasing = False
        self.made.governor.reload(config)
        self.made.config = config
        self.a_step()
        self.made.config = config.__replace__(guests=self.guests)
        self.made.governor.reload(self.made.config)

    @rule()
    def is_ended(self):
        saved = self.made.governor.ledger.saved
        begun, self.releasing, free = self.clock(), True, self.host.free
        done = {each.vm: each for each in self.made.run(self.made.governor.release())}
        self.releasing = False
        config = self.made.config
        if not self.moved and not any(each.sticks for each in self.host.guests.values()):
            assert self.host.free >= min(free, LIMITS.reserve) - 4 * NEAR, "I2 at the end"
        assert self.clock() - begun <= config.within + config.deadline + 1.5, "I6: in time"
        for name, entry in saved.guests.items():
            guest, each = self.host.guests[name], done[name]
            if each.state in ("released", "left"):
                assert self.paused.get(name) != guest.life, "I6: it is paused, and left so"
            if each.state != "released":
                assert each.state in ("left", "gone", "hands off", "held back", "no answer"), each
                assert (each.state == "left") <= (config.exit == "leave")
                if each.stays:
                    assert each.why and name in self.file.read().guests, "I6: named, and kept"
                continue
            goal = 0 if config.exit == "max" else min(entry.initial, guest.size)
            assert is_same(guest.life, entry.life)
            if name not in self.moved:
                assert abs(guest.target - goal) <= NEAR, f"I6: {guest.target}, not {goal}"
        self.made.killed()
        self.look_again()

    @precondition(lambda self: self.made is not None and len(self.moved) > 0)
    @rule()
    def others_are_forgotten(self):
        """All guests are others now, so that what others did is over."""
        for each in NAMES:
            self.host.guests[each].another()
        self.moved = {}

    def teardown(self):
        if self.made is not None:
            self.made.close()
        self._folder.cleanup()


QUICK = settings(
    max_examples=30,
    stateful_step_count=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
TestGoverned = Governed.TestCase
TestGoverned.settings = QUICK


def main(steps: int, first: int) -> None:
    """The long run, in rounds of a seed each: says what was made, and how to make a round again."""
    long = settings(
        QUICK, max_examples=200, stateful_step_count=60, database=None, derandomize=False
    )
    table.others = functools.cache(table.others)  # what is installed does not change meanwhile
    begun, number = time.monotonic(), first
    while Governed.steps < steps:
        try:
            stateful.run_state_machine_as_test(seed(number)(Governed), settings=long)
        except BaseException:
            print(f"seed {number}; again: python {sys.argv[0]} 1 {number}", flush=True)
            raise
        print(
            f"seed {number}: {Governed.steps} steps, {Governed.examples} examples, "
            f"{sum(Governed.made_of.values())} rules, "
            f"{Governed.writes} writes, {time.monotonic() - begun:.0f} s",
            flush=True,
        )
        number += 1
    rules = {each for each in vars(Governed) if hasattr(getattr(Governed, each), "counts")}
    print(f"{len(rules & Governed.made_of.keys())} of {len(rules)} rules:")
    for each, times in Governed.made_of.most_common():
        print(f"{times / sum(Governed.made_of.values()):7.1%} {each}")


if __name__ == "__main__":
    given = [int(each) for each in sys.argv[1:]]
    main(*(given + [100_000, 1][len(given) :]))
