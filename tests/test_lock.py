"""The rule for threads: the public calls of a host and its VMs are made one at a time,
whatever thread makes them.
"""

import itertools
import threading
import time
from contextlib import suppress

import numpy as np
import pytest

import pageengine as pe
from pageengine import errors
from pageengine.lab import Simulation

PAGE = 4096
PAGES = 64
# What a call may say when another thread was first; never KeyError, RuntimeError or the like.
ALLOWED = (errors.PageEngineError,)


class _Calls:
    """Every public call that reads or changes a host or its VMs, by name."""

    def __init__(self, host):
        self.host, self.number = host, itertools.count()

    def add(self):
        name = f"m{next(self.number)}"
        return self.host.add_vm(name, PAGES * PAGE)

    def some(self):
        return next(reversed(self.host.vms.values()))

    def remove(self):
        if len(self.host.vms) > 1:
            self.host.remove_vm(next(iter(self.host.vms)))

    def calls(self):
        host = self.host
        return {
            "add": self.add,
            "remove": self.remove,
            "advance": lambda: host.advance(1.0),
            "balance": host.balance,
            "snapshot": host.snapshot,
            "stats": lambda: host.stats,
            "columns": lambda: (host.columns(), host.counts(), host.numbers()),
            "scan": host.scan,
            "reclaim": lambda: host.reclaim(self.some(), 4),
            "check": host.check,
            "trim": host.trim,
            "policy": lambda: setattr(host, "policy", "kvm"),
            "write": lambda: self.some().write(np.arange(8), np.zeros((8, PAGE), np.uint8)),
            "read": lambda: self.some().read(np.arange(8)),
            "touch": lambda: self.some().touch(np.arange(PAGES), True),
            "balloon": lambda: self.some().balloon(np.arange(4)),
            "deflate": lambda: self.some().deflate(),
            "vm stats": lambda: (self.some().stats, self.some().active, self.some().balloon_target),
            "configure": lambda: self.some().configure(shares="high"),
            "reboot": lambda: self.some().reboot(),
            "sample": lambda: (self.some().start_sample(8), self.some().end_sample()),
            "ages": lambda: (self.some().age(), self.some().idle_ages()),
            "block": lambda: (self.some().block(True), self.some().block(False)),
            "pin": lambda: (self.some().pin([1]), self.some().unpin([1])),
        }


def run_in_threads(work):
    """Each of these functions in a thread of its own; what they raised."""
    raised = []

    def guarded(call):
        try:
            call()
        except BaseException as error:
            raised.append(error)

    threads = [threading.Thread(target=guarded, args=(call,)) for call in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive(), "a thread hangs"
    return raised


def test_every_pair_of_calls_in_eight_threads():
    with pe.Host(600 * PAGE, swap=None) as host:
        kind = _Calls(host)
        kind.add()
        calls = kind.calls()

        def repeat(call):
            for _ in range(3):
                with suppress(*ALLOWED):
                    call()

        for one, other in itertools.combinations_with_replacement(calls.values(), 2):
            work = [lambda call=call: repeat(call) for call in (one, other)] * 4
            assert run_in_threads(work) == []
            if len(host.vms) > 5:  # as they are added by one kind of call alone
                for name in list(host.vms)[:-1]:
                    host.remove_vm(name)
        host.check(deep=True)
        for name in host.vms:
            host.remove_vm(name)  # none is a ghost
        assert host.stats.free == host.stats.memory and host.snapshot().vms == ()


def public(cls):
    for owner in cls.__mro__[:-1]:
        for name, member in vars(owner).items():
            if name == "__getitem__" or not name.startswith("_"):
                yield name, member


@pytest.mark.parametrize("cls", [pe.Host, pe.VM, Simulation])
def test_no_public_call_goes_round_the_lock(cls):
    """A call added tomorrow is serialised too, or this says so."""
    for name, member in public(cls):
        if hasattr(member, "locks_itself"):
            assert name in ("close", "run")
            continue
        call = member.fget if isinstance(member, property) else member
        assert not callable(call) or hasattr(call, "__wrapped__"), name
        if isinstance(member, property) and member.fset:
            assert hasattr(member.fset, "__wrapped__"), name


def test_a_call_waits_for_the_one_at_work():
    inside, go_on, order = threading.Event(), threading.Event(), []

    class Slow:
        def decide(self, snapshot):
            inside.set()
            assert go_on.wait(30)
            order.append("decided")
            return pe.policy.Plan(state="high")

    with pe.Host(64 * PAGE, policy=Slow()) as host:
        first = threading.Thread(target=host.balance)
        first.start()
        assert inside.wait(30)
        second = threading.Thread(target=lambda: (host.stats, order.append("stats")))
        second.start()
        time.sleep(0.05)
        assert order == []
        go_on.set()
        first.join(30), second.join(30)
        assert order == ["decided", "stats"]
