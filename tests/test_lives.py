"""A VM that is gone is gone: whoever still has its object, its name or its id reaches none of
another, also where it went in the middle of a batch, or in a policy.
"""

import gc
import threading

import numpy as np
import pytest
from guest_accesses import touch_in_guest

import pageengine as pe
from pageengine import errors

PAGE = 4096


def pages(n, value):
    return np.full((n, PAGE), value, np.uint8)


class Swapping:
    """A policy that, asked in the middle of a batch, removes a VM and adds another."""

    def __init__(self, then=lambda host: None):
        self.host, self.then, self.asked = None, then, 0

    def reserve(self, memory):
        return memory // 4

    def decide(self, snapshot):
        self.asked += 1
        wishes = {}
        if self.host is not None:
            host, self.host = self.host, None
            host.remove_vm("a")
            self.then(host)
            wishes["a"] = pe.policy.VMPlan(reclaim=PAGE)  # it was there when it was asked
        return pe.policy.Plan(state="high", vms=wishes)


@pytest.mark.parametrize("how", ["write", "read", "touch", "write_some", "touch_some"])
@pytest.mark.parametrize("renamed", ["a", "b"])
def test_a_batch_of_a_vm_that_was_removed_meanwhile_ends(how, renamed):
    def another(host):
        host.add_vm(renamed, 256 * PAGE).write(np.arange(30), pages(30, 9))

    policy = Swapping(another)
    with pe.Host(128 * PAGE, policy=policy, sharing=False) as host:
        a = host.add_vm("a", 256 * PAGE)
        policy.host, ppns = host, np.arange(200)
        calls = {
            "write": lambda: a.write(ppns, pages(200, 5)),
            "write_some": lambda: a.write_some(ppns, pages(200, 5)),
            "read": lambda: a.read(ppns),
            "touch": lambda: a.touch(ppns, True),
            "touch_some": lambda: a.touch_some(ppns, True),
        }
        with pytest.raises(errors.Closed, match="'a' was removed while a batch") as stop:
            calls[how]()
        assert 0 < stop.value.done < 200 and str(stop.value.done) in str(stop.value)
        other = host[renamed]
        assert (other.read(np.arange(30)) == 9).all()
        assert (other.read(np.arange(30, 100)) == 0).all()
        host.check(deep=True)
        with pytest.raises(errors.Closed):
            a.read([0])


def test_a_host_that_its_policy_closes_in_a_batch_is_closed():
    policy = Swapping(lambda host: host.close())
    host = pe.Host(128 * PAGE, policy=policy)
    a = host.add_vm("a", 256 * PAGE)
    policy.host = host
    with pytest.raises(errors.Closed):
        a.write(np.arange(200), pages(200, 5))
    with pytest.raises(errors.Closed):
        host.stats  # noqa: B018


def test_a_policy_may_not_have_the_host_decide_again():
    class Nested:
        def decide(self, snapshot):
            for call in (host.balance, lambda: host.advance(1), lambda: host.apply(None)):
                with pytest.raises(RuntimeError, match="the policy is deciding"):
                    call()
            with pytest.raises(errors.OutOfFrames):
                host["a"].write(np.arange(100), pages(100, 1))
            return pe.policy.Plan(state="high")

    with pe.Host(64 * PAGE, policy=Nested(), sharing=False) as host:
        host.add_vm("a", 256 * PAGE)
        host.balance()
        host.check()


def test_vms_that_come_and_go_while_time_passes():
    """A driver at work brings a decision about, and the policy changes who is there."""

    class Restless:
        def __init__(self):
            self.n = 0

        def reserve(self, memory):
            return memory // 8

        def decide(self, snapshot):
            self.n += 1
            names = list(host.vms)
            if self.n % 2 and len(names) > 2:
                host.remove_vm(names[self.n % len(names)])
            host.add_vm(f"new{self.n}", 64 * PAGE, guest=pe.Guest(64))
            plans = {name: pe.policy.VMPlan(balloon=40 * PAGE) for name in names}
            return pe.policy.Plan(state="soft", vms=plans, again=0.5)

    with pe.Host(512 * PAGE, policy=Restless(), sharing=False) as host:
        for i in range(4):
            vm = host.add_vm(f"vm{i}", 64 * PAGE, guest=pe.Guest(64))
            touch_in_guest(vm, vm.guest.access("memory", np.arange(60), True))
        for _ in range(40):
            try:
                host.advance(1.0)
            except errors.Closed as stop:
                assert "removed" in str(stop)
            host.check()
            if len(host.vms) > 8:
                for name in list(host.vms)[4:]:
                    host.remove_vm(name)


def test_removing_and_adding_in_a_thread_while_another_writes():
    with pe.Host(256 * PAGE) as host:
        stop, wrong = threading.Event(), []

        def churn():
            while not stop.is_set():
                vm = host.add_vm("b", 64 * PAGE)
                vm.write(np.arange(16), pages(16, 9))
                if not (vm.read(np.arange(64))[16:] == 0).all():
                    wrong.append("bytes of another")
                host.remove_vm(vm)

        thread = threading.Thread(target=churn)
        thread.start()
        for _ in range(60):
            a = host.add_vm("a", 128 * PAGE)
            a.write(np.arange(128), pages(128, 5))
            assert (a.read(np.arange(128)) == 5).all()
            host.remove_vm(a)
        stop.set()
        thread.join()
        assert not wrong
        host.check(deep=True)


def test_a_finalizer_may_call_the_host_that_is_at_work():
    """Garbage is collected in the middle of calls; what it runs may be a call of the same host."""
    with pe.Host(64 * PAGE) as host:
        host.add_vm("a", 16 * PAGE)
        seen = []

        class Cycle:
            def __init__(self):
                self.me = self

            def __del__(self):
                seen.append(host.stats.vms)

        thresholds = gc.get_threshold()
        gc.set_threshold(1)
        try:
            for _ in range(50):
                Cycle()
                host.snapshot()
        finally:
            gc.set_threshold(*thresholds)
        gc.collect()
        assert len(seen) == 50 and set(seen) == {1}
