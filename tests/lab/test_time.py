"""The clock of the lab: what is recorded adds up, what happens does so at its own time, and who
waits is charged when it waits.
"""

import numpy as np
import pytest

import pageengine as pe
from pageengine.lab import CostModel, GuestSpec, Simulation, VMSpec
from pageengine.lab.events import Event
from pageengine.lab.slices import FINEST, on_grid
from pageengine.policy import ESX, Plan, VMPlan

MIB = 2**20


def zipf(name, rate=3000, memory="24 MiB", **more):
    work = {"kind": "zipf", "rate": rate, "memory": memory, "alpha": 0.2}
    return VMSpec(name, "32 MiB", work, guest=GuestSpec(kernel="2 MiB"), contents="own", **more)


@pytest.mark.parametrize("policy", ["esx6", "kvm", "no-overcommit"])
@pytest.mark.parametrize("costs", ["nvme", "hdd"])
def test_progress_stall_and_idle_add_up_to_one_in_every_row(policy, costs):
    specs = [zipf("a"), zipf("b", start=2.3), zipf("c", stop=7.7), zipf("d", start=3.0)]
    result = Simulation("60 MiB", specs, policy=policy, costs=costs, seed=2).run(12)
    parts = [result.vms[key] for key in ("progress", "stall", "idle")]
    assert np.allclose(np.sum(parts, axis=0), 1.0, atol=1e-12)
    assert all((part >= 0).all() for part in parts)
    blocked = result.vms["blocked"] > 0
    assert (result.vms["stall"][blocked] > 0).all()


def test_a_vm_that_is_not_there_yet_or_has_nothing_to_do_is_idle():
    def twice(pages, rng):
        yield np.arange(1000)

    program = {"kind": "program", "batches": twice, "rate": 1000}
    specs = [zipf("late", start=2.25), VMSpec("short", "8 MiB", program)]
    result = Simulation("256 MiB", specs, epoch=1.0).run(4)
    assert result.of("late")["time"].tolist() == [3, 4]
    assert result.of("late")["idle"][0] == pytest.approx(0.25)
    assert result.of("short")["idle"][-1] == pytest.approx(1.0)
    assert result.of("short")["progress"][0] > 0.99


def test_events_happen_at_their_own_time_whatever_the_epoch():
    for epoch in (0.3, 5.0):
        made = Simulation(
            "256 MiB", [zipf("a", start=1.7)], epoch=epoch, events=[Event(2.4, "stop", "a")]
        )
        result = made.run(5)
        assert [e["time"] for e in result.events] == [on_grid(1.7), on_grid(2.4)]


def test_memory_that_is_plenty_takes_one_slice_per_epoch_and_scarce_memory_many():
    plenty = Simulation("1 GiB", [zipf("a", rate=100)], epoch=1.0)
    for _ in range(40):
        plenty.step()
    assert plenty._slice <= 42
    scarce = Simulation("36 MiB", [zipf("a"), zipf("b")], policy="kvm", epoch=1.0)
    for _ in range(10):
        scarce.step()
    assert scarce._slice >= 5 / FINEST


def test_of_a_slow_device_each_vm_gets_its_part_whatever_the_order():
    taken = {}
    for names in ("abc", "cba"):
        with pe.Host(
            "64 MiB", contents="tokens", swap="64 MiB", sharing=False, compression=None
        ) as host:
            host.swap_bandwidth = 300 * 4096.0
            for name in names:
                host.add_vm(name, "16 MiB").touch(np.arange(4096), True)
            host.advance(1.0)
            wish = {name: VMPlan(reclaim=8 * MIB, technique="swap") for name in names}
            host.apply(Plan(vms=wish))
            taken[names] = {name: host[name].stats.swapped // 4096 for name in "abc"}
            host.apply(Plan(vms=wish))  # nothing is left of this second
            assert {name: host[name].stats.swapped // 4096 for name in "abc"} == taken[names]
            host.swap_was_read(10.0)
            host.advance(1.0)
            host.apply(Plan(vms=wish))  # reads leave half
            assert sum(host[name].stats.swapped // 4096 for name in "abc") in (449, 450, 451)
    assert sum(taken["abc"].values()) == 300
    assert max(taken["abc"].values()) - min(taken["abc"].values()) <= 1
    assert all(abs(taken["abc"][name] - taken["cba"][name]) <= 1 for name in "abc")


class Asked:
    """Remembers when it was asked."""

    def __init__(self, **plan):
        self.plan, self.times = plan, []

    def decide(self, snapshot):
        self.times.append(snapshot.time)
        return Plan(**self.plan)


def test_a_policy_is_asked_when_free_memory_is_back():
    policy = Asked(wake_above=4 * MIB, again=100.0)
    with pe.Host("8 MiB", contents="tokens", policy=policy) as host:
        vm = host.add_vm("a", "8 MiB")
        vm.touch(np.arange(1500), True)
        host.advance(1.0)  # for the VM that came
        host.advance(1.0)
        assert policy.times == [1.0]
        vm.report_free(np.arange(1000))
        host.advance(1.0)
        assert policy.times == [1.0, 3.0]


def test_a_policy_is_asked_after_a_refused_try():
    policy = Asked(wake_below=4 * MIB, again=100.0)
    with pe.Host("8 MiB", contents="tokens", policy=policy) as host:
        vm = host.add_vm("a", "8 MiB")
        host.advance(1.0)
        done, status, _ = vm.try_touch(np.arange(2000), True)
        assert (done < 2000, status, policy.times) == (True, "PE_NO_FRAME", [1.0])
        host.advance(1.0)
        assert policy.times == [1.0, 2.0]


def test_due_is_what_comes_next():
    with pe.Host("64 MiB", contents="tokens", policy=Asked(again=7.0)) as host:
        host.add_vm("a", "8 MiB")
        assert host.due <= host.time  # a VM came
        host.advance(1.0)
        assert host.due == 8.0
        host.apply(Plan(vms={"a": VMPlan(balloon=4 * MIB)}, again=7.0))
        assert host.due == 2.0  # a driver is polled once a second while it is at work
        host.advance(1.0)
        host.advance(1.0)
        assert host.due == 8.0


@pytest.mark.slow
def test_strict_balloons_leave_a_host_where_a_burst_put_it_and_the_default_does_not():
    """Both readings of "balloon stops", on a load that balloons alone can carry."""
    low = {}
    for stops in (False, True):
        vms = [
            VMSpec(
                f"m{i}",
                "64 MiB",
                {"kind": "zipf", "rate": 4000, "memory": "48 MiB", "alpha": 0.3},
                guest=GuestSpec(kernel="4 MiB"),
                contents="own",
            )
            for i in range(4)
        ]
        result = Simulation("72 MiB", vms, policy=ESX(balloon_stops=stops), epoch=2.0).run(60)
        low[stops] = int(np.sum(result.host["swap_in"]))
    assert low[False] < low[True]


@pytest.mark.slow
def test_deep_thrashing_is_as_bad_as_a_queue_makes_it():
    """Four VMs that wait for one disk each wait for the others; one alone does not."""
    costs = CostModel(swap_in=7e-3, read_rate=143, swap_bandwidth=100e6, name="disk")
    found = []
    for n in (1, 4):
        work = {"kind": "zipf", "rate": 400, "memory": "16 MiB", "alpha": 0.0, "write": 1.0}
        specs = [VMSpec(f"m{i}", "16 MiB", work, contents="random") for i in range(n)]
        result = Simulation(
            n * 12 * MIB, specs, policy="proportional", costs=costs, host={"compression": None}
        ).run(120)
        late = result.vms["time"] > 60
        found.append(result.vms["stall"][late].mean())
    alone, together = found
    assert alone < 0.5 < together
