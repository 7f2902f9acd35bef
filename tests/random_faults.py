"""Random operations on hosts whose swap file and memory fail, against a model.

    python tests/random_faults.py [--minutes 1] [--seed 0]    rounds with seeds from there on
    python tests/random_faults.py --replay SEED               one round again, told step by step
    python tests/random_faults.py --sweep                     every operation of a standard
                                                              scenario fails, once and for ever

A round makes a host, a plan of faults and some hundred calls from its seed alone. The first round
that goes wrong is shown with its seed, and the exit status is 1. What must hold is in faulted.py.
"""

import argparse
import sys
import time
import traceback
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from faulted import Faulted, must

import pageengine as pe
from pageengine.faults import KINDS, OPERATIONS, FaultPlan

CALLS = 150  # in a round
TECHNIQUES = ("sharing", "compression", "swap", "ladder")
NAMES = ("web", "db", "mail")


class Round:
    """One seed's host, plan and calls."""

    def __init__(self, seed, tell=None):
        self.draw = draw = np.random.default_rng(seed)
        self.tell = tell or (lambda *what: None)
        tokens = draw.random() < 0.1
        options = {
            "contents": "tokens" if tokens else "bytes",
            "sharing": bool(draw.random() < 0.8),
            "compression": (None, "word", "lz", "dense")[draw.integers(4)],
            "packing": ("esx", "dense")[draw.integers(2)],
            "cache_limit": (None, "40 KiB")[draw.integers(2)],
            "swap": (None, None, "200 KiB", "1 MiB")[draw.integers(4)],
            "victims": ("clock", "random")[draw.integers(2)],
        }
        self.frames = int(draw.integers(40, 300))
        self.tell("host", self.frames, options)
        self.faulted = Faulted(seed, self.frames, **options)
        self.arm()

    def arm(self):
        """Each kind of fault in one of three rounds or so, often or seldom."""
        draw, rules = self.draw, []
        for operation in OPERATIONS:
            for kind in KINDS[operation]:
                if draw.random() < 0.3:
                    share = float(10 ** draw.uniform(-2.5, -0.3)) / (1 + 9 * (kind == "ENOMEM"))
                    rules.append((operation, kind, {"share": share}))
        self.tell("rules", rules)
        self.faulted.arm(*rules)

    def run(self):
        weights = np.array([weight for _, weight in self.STEPS], float)
        chosen = self.draw.choice(len(weights), CALLS, p=weights / weights.sum())
        for name in NAMES[:2]:
            self.add(name)
        for step in chosen:
            call = self.STEPS[step][0]
            if self.faulted.shadows or call is Round.come_and_go:
                call(self)
        self.tell("the end", self.faulted.plan.made)
        self.faulted.settle()
        return self

    # what a call is made with

    def shadow(self):
        shadows = list(self.faulted.shadows.values())
        return shadows[self.draw.integers(len(shadows))]

    def ppns(self, shadow):
        draw, pages, n = self.draw, shadow.vm.pages, int(self.draw.integers(1, 97))
        if draw.random() < 0.5:
            return (np.arange(n) + draw.integers(pages)) % pages
        return draw.integers(0, pages, n)

    def numbers(self, n):
        """Contents: many of a few, so that equal pages meet, or any."""
        return self.draw.integers(0, 12 if self.draw.random() < 0.3 else 256, n)

    # the calls

    def add(self, name):
        salt = ("", "", None)[self.draw.integers(3)]
        pages = int(self.draw.integers(16, 256))
        self.tell("add", name, pages, salt)
        self.faulted.add(name, pages, salt=salt, cache_limit="100%")

    def come_and_go(self):
        name = NAMES[self.draw.integers(len(NAMES))]
        if name in self.faulted.shadows:
            self.tell("remove", name)
            self.faulted.remove(name)
        else:
            self.add(name)

    def write(self):
        shadow = self.shadow()
        ppns = self.ppns(shadow)
        waits = bool(self.draw.random() < 0.3)
        self.tell("write", shadow.vm.name, ppns.tolist(), "waits" if waits else "")
        self.faulted.write(shadow, ppns, self.numbers(len(ppns)), waits)

    def read(self):
        shadow = self.shadow()
        ppns = self.ppns(shadow)
        self.tell("read", shadow.vm.name, ppns.tolist())
        self.faulted.read(shadow, ppns)

    def peek(self):
        shadow = self.shadow()
        ppns = self.ppns(shadow)
        self.tell("peek", shadow.vm.name, ppns.tolist())
        self.faulted.peek(shadow, ppns)

    def touch(self):
        shadow = self.shadow()
        ppns = self.ppns(shadow)
        self.tell("touch", shadow.vm.name, ppns.tolist())
        self.faulted.touch(shadow, ppns, self.draw.random(len(ppns)) < 0.4)

    def reclaim(self):
        shadow, frames = self.shadow(), int(self.draw.integers(1, self.frames))
        technique = TECHNIQUES[self.draw.choice(4, p=(0.1, 0.2, 0.4, 0.3))]
        self.tell("reclaim", shadow.vm.name, frames, technique)
        self.faulted.reclaim(shadow, frames, technique)

    def scan(self):
        rule, pages = ("hint", "two-scans")[self.draw.integers(2)], int(self.draw.integers(1, 200))
        self.tell("scan", rule, pages)
        self.faulted.call(lambda: self.faulted.host.scan(pages, rule=rule))

    def give_up(self):
        shadow, report = self.shadow(), bool(self.draw.random() < 0.5)
        ppns = np.unique(self.ppns(shadow))
        self.tell("report" if report else "balloon", shadow.vm.name, ppns.tolist())
        self.faulted.give_up(shadow, ppns, report)

    def host_calls(self):
        host, shadow = self.faulted.host, self.shadow()
        calls = (host.balance, host.trim, host.new_scan_pass, shadow.vm.deflate, shadow.vm.age)
        call = calls[self.draw.integers(len(calls))]
        self.tell(call.__name__)
        self.faulted.call(call)

    def mend(self):
        self.tell("mend", self.faulted.damaged())
        self.faulted.mend()

    def one_fault(self):
        operation = OPERATIONS[self.draw.integers(len(OPERATIONS))]
        kinds = KINDS[operation]
        kind, nth = kinds[self.draw.integers(len(kinds))], int(self.draw.integers(1, 4))
        self.tell("fault", operation, kind, nth)
        if len(self.faulted.rules) < 30:
            self.faulted.rules.append((operation, kind, {"nth": nth}))
            self.faulted.plan.fail(operation, kind, nth=nth)

    STEPS = (
        (write, 24),
        (read, 22),
        (peek, 5),
        (touch, 10),
        (reclaim, 18),
        (scan, 6),
        (give_up, 3),
        (host_calls, 4),
        (mend, 4),
        (one_fault, 4),
        (come_and_go, 2),
        (arm, 1),
    )


# the sweep


def standard(faulted):
    """Pages go everywhere they can be, and come back."""
    draw = np.random.default_rng(4)
    faulted.add("web", 48)
    faulted.add("db", 40, cache_limit="100%")
    for shadow in list(faulted.shadows.values()):
        ppns = np.arange(shadow.vm.pages)
        faulted.write(shadow, ppns, draw.integers(0, 40, len(ppns)))
    faulted.call(lambda: faulted.host.scan())
    faulted.call(lambda: faulted.host.scan(rule="two-scans"))
    for technique in ("compression", "swap", "ladder"):
        for shadow in list(faulted.shadows.values()):
            faulted.reclaim(shadow, 14, technique)
    for shadow in list(faulted.shadows.values()):
        faulted.read(shadow, np.arange(0, shadow.vm.pages, 3))
        faulted.write(shadow, np.arange(0, 20, 2), np.arange(10) + 100, waits=True)
        faulted.give_up(shadow, np.arange(20, 24))
        faulted.touch(shadow, np.arange(10, 30), np.ones(20, bool))
    faulted.add("mail", 30)
    faulted.call(faulted.host.balance)


def fresh(seed=1):
    return Faulted(seed, 64, compression="lz", cache_limit="24 KiB", swap="1 MiB")


def sweep(tell=print):
    """Runs of the standard scenario in which one operation fails, or all from one on; how many."""
    clean = fresh()
    made = clean.plan.operations["memory"]  # requests that making the host takes
    standard(clean)
    operations = clean.plan.operations
    clean.settle()
    tell(f"operations of the standard scenario: {operations}, {made} of memory to make the host")
    runs = 0
    for operation, kinds in KINDS.items():
        for kind in kinds:
            for nth in range(1, operations[operation] + 1 - made * (operation == "memory")):
                for always in (False, True):
                    what = f"{operation} {kind} {nth}{' and all that follow' if always else ''}"
                    try:
                        one = fresh()
                        one.arm((operation, kind, {"nth": nth, "always": always}))
                        standard(one)
                        one.settle()
                    except BaseException:
                        tell(f"wrong at: {what}")
                        raise
                    runs += 1
    return runs + sweep_of_making(made)


def sweep_of_making(made):
    """The same for requests while the host itself is made."""
    for nth in range(1, made + 1):
        for always in (False, True):
            plan = FaultPlan().fail("memory", "ENOMEM", nth=nth, always=always)
            try:
                pe.Host("256 KiB", compression="lz", swap="1 MiB", faults=plan)
            except MemoryError:
                must(plan.held == 0, "memory was not freed, request", nth)
                continue
            raise AssertionError(f"request {nth} for memory failed, and the host was made")
    return 2 * made


def rounds(first, minutes=None, count=None, tell=print):
    """Rounds until the time is up or so many were made; (rounds, operations, calls, faults by
    kind). A round that goes wrong is told with its seed and raises.
    """
    end = None if minutes is None else time.monotonic() + 60 * minutes
    done = operations = calls = reported = 0
    made = dict.fromkeys([kind for kinds in KINDS.values() for kind in kinds], 0)
    while (end is None or time.monotonic() < end) and (count is None or done < count):
        seed = first + done
        try:
            faulted = Round(seed).run().faulted
        except BaseException as error:
            if not isinstance(error, KeyboardInterrupt):
                tell(f"wrong in the round of seed {seed}: repeat it with --replay {seed}")
            raise
        done, operations, calls = done + 1, operations + faulted.operations, calls + faulted.calls
        reported += faulted.reported
        for kind, n in faulted.plan.made.items():
            made[kind] += n
    return done, operations, calls, reported, made


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seed", type=int, default=0, help="of the first round")
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--replay", type=int, metavar="SEED", help="run one round, step by step")
    parser.add_argument("--sweep", action="store_true", help="every operation of one scenario")
    chosen = parser.parse_args()
    began = time.monotonic()
    try:
        if chosen.replay is not None:
            Round(chosen.replay, tell=print).run()
        elif chosen.sweep:
            print(f"{sweep()} runs, nothing wrong, {time.monotonic() - began:.0f} s")
        else:
            done, operations, calls, reported, made = rounds(chosen.seed, chosen.minutes)
            minutes = (time.monotonic() - began) / 60
            print(f"{done} rounds, {operations} operations in {calls} calls, nothing wrong")
            a_minute = operations / minutes, calls / minutes
            print("{:,.0f} operations and {:,.0f} calls a minute".format(*a_minute))
            print(f"{sum(made.values())} faults, {reported} errors for them: {made}")
    except Exception:
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
