"""A VM that is warm starts with what its workload would have reached, whatever the workload, and
nothing of that is an event, or a wait, of the run.
"""

import numpy as np
import pytest

from pageengine import traces
from pageengine.lab import Simulation, VMSpec
from pageengine.lab.simulated_vm import GuestSpec
from pageengine.lab.workloads import WORKLOADS, Accesses
from pageengine.units import MIB

SIZE = 16 * MIB
QUICK = {"rate": 20_000}


@pytest.fixture(scope="module")
def workloads(tmp_path_factory):
    """Each of the table, quick enough to reach what it holds in a minute."""
    trace = tmp_path_factory.mktemp("warm") / "t.oracleGeneral"
    traces.write_oracle(trace, np.arange(5000) % 700)
    told = {kind: dict(QUICK) for kind in WORKLOADS}
    told["replay"]["trace"] = str(trace)
    told["program"]["batches"] = lambda pages, rng: iter([(np.arange(900), True)] * 5000)
    told["toucher"]["schedule"] = [[0, "4 MiB"]]
    told["fileserver"]["files"] = "4 MiB"
    told["boot"] = {"then": {"kind": "zipf", **QUICK}, "speed": "8 MiB"}
    told["moving"]["every"] = 2.0
    told["demand"] = {"series": [[0, "8 MiB"]], "interval": 1.0}
    return {kind: {"kind": kind, **options} for kind, options in told.items()}


def simulation(workload, *, warm, memory="64 MiB", count=1, policy="esx6", **options):
    guest = GuestSpec(kernel="1 MiB") if workload["kind"] == "fileserver" else None
    vms = [
        VMSpec(f"vm{i}", SIZE, workload, guest=guest, warm=warm, contents="random", **options)
        for i in range(count)
    ]
    return Simulation(memory, vms, policy=policy)


@pytest.mark.parametrize("kind", list(WORKLOADS))
def test_the_first_second_of_a_warm_vm_is_like_the_last_minute_of_a_cold_one(kind, workloads):
    warm = simulation(workloads[kind], warm=True).run(2.0)
    cold = simulation(workloads[kind], warm=False).run(90.0)
    first, last = warm.of("vm0"), cold.of("vm0")
    assert first["granted"][0] == pytest.approx(last["granted"][-1], rel=0.02)
    assert first["touched"][0] == pytest.approx(
        last["touched"][-1], rel=0.25 if kind == "heap" else 0
    )
    assert warm.host["stall"].max() <= cold.host["stall"][-1] + 0.001
    for event in ("accesses", "swap_in", "swap_out", "cow_breaks", "decompressions"):
        assert first[event][0] <= last[event][-30:].max() + 1, event


def test_a_workload_of_ones_own_that_does_not_say_has_what_it_uses():
    class Own:
        in_use, needs_guest = 300, False

        def start(self, pages, rng):
            pass

        def step(self, seconds, time):
            return [Accesses(np.arange(10), True)]

    sim = Simulation("64 MiB", [VMSpec("own", SIZE, Own(), warm=True, contents="random")])
    assert sim.run(1.0).of("own")["granted"][0] == 300 * 4096


@pytest.mark.parametrize("policy", ["esx6", "kvm"])
def test_a_host_that_is_too_small_is_filled_by_what_its_policy_has(policy, workloads):
    """40 MiB of pages on 32: the rest is in swap or compressed before the first second, with no
    swap-out in any row, and swap goes on at once at the speed that it has."""
    sim = simulation(
        workloads["sequential"] | {"rate": 1}, warm=True, memory="32 MiB", count=3, policy=policy
    )
    sim.step()
    stats = [vm.stats for vm in sim.host.vms.values()]
    out = sum(each.swapped + each.compressed for each in stats)
    assert all(each.mapped == int(0.9 * SIZE / 4096) * 4096 for each in stats)
    assert out >= 3 * 0.9 * SIZE - 32 * MIB
    assert not any(simulated.memory.waits for simulated in sim.running.values())
    host = sim.finish().host
    assert host["swap_out"][0] * 4096 < 0.2 * out and host["stall"][0] < 0.01
    assert sim.host.swap_bandwidth == sim.costs.swap_bandwidth


def test_what_no_policy_can_put_anywhere_waits(workloads):
    vms = [VMSpec(f"vm{i}", SIZE, workloads["zipf"], warm=True, contents="random") for i in (0, 1)]
    sim = Simulation("20 MiB", vms, policy="kvm", host={"swap": 0, "compression": None})
    sim.step()
    assert sim.running["vm1"].memory.waits and sim.running["vm1"].stall == 1.0
    sim.finish()


def test_a_vm_that_starts_later_leaves_the_events_of_the_others_as_they_were(workloads):
    def events(warm):
        late = VMSpec("late", SIZE, "idle", start=5.5, warm=warm, contents="random")
        zipf = VMSpec("zipf", SIZE, workloads["zipf"], contents="random")
        return Simulation("64 MiB", [zipf, late]).run(10.0).of("zipf")

    plain, beside = events(False), events(True)
    for key in ("accesses", "cow_breaks", "granted", "stall"):
        assert np.array_equal(plain[key], beside[key]), key


def test_a_reboot_begins_cold(workloads):
    sim = simulation(workloads["zipf"] | {"rate": 1}, warm=True)
    sim.step()
    sim.running["vm0"].reboot()
    assert not sim.running["vm0"].memory.waits
    sim.finish()


def test_a_scenario_says_it(tmp_path):
    from pageengine.lab import build
    from pageengine.lab.scenario import Scenario

    path = tmp_path / "warm.toml"
    path.write_text(
        '[host]\nmemory = "64 MiB"\n[run]\nduration = 1\n[[vm]]\nname = "web"\nsize = "16 MiB"\n'
        'contents = "random"\nwarm = true\nworkload = { kind = "zipf", rate = 1 }\n'
    )
    result = build.run(Scenario.load(path))
    assert result.of("web")["granted"][0] == int(0.9 * 4096) * 4096
