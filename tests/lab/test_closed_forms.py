"""Where the world is simple enough for a formula, the lab gives what the formula says."""

import numpy as np
import pytest

from pageengine.core.device import Device
from pageengine.lab import CostModel, Simulation, VMSpec
from pageengine.policy.simple import FreeFirst, Proportional

PAGE, MIB = 4096, 2**20
FREE = {
    name: 0.0
    for name in (
        "faults_absent",
        "cow_breaks",
        "decompressions",
        "swap_out",
        "sample_faults",
        "guest_reads",
        "guest_writes",
    )
}
SWAP_IN = 100e-6
COSTS = CostModel(**FREE, swap_in=SWAP_IN, read_rate=1e9, swap_bandwidth=1e15)


def slow(value):
    return pytest.param(value, marks=pytest.mark.slow)


def swapped(policy, specs, memory, *, costs=COSTS, seconds=120, epoch=1.0, victims="random"):
    """The last two thirds of a run in which swap is all there is."""
    host = {"compression": None, "sharing": False, "victims": victims}
    result = Simulation(
        memory, specs, policy=policy, costs=costs, epoch=epoch, host=host, seed=3
    ).run(seconds)
    late = {name: result.of(name) for name in result.names}
    return {
        name: {key: column[len(column) // 3 :] for key, column in own.items()}
        for name, own in late.items()
    }


def spec(name, size, rate, alpha=0.0, **more):
    work = {"kind": "zipf", "alpha": alpha, "rate": rate, "memory": size, "write": 1.0}
    return VMSpec(name, size, work, contents="random", driver=False, **more)


def misses(own):
    return own["swap_in"].sum() / own["accesses"].sum()


@pytest.mark.parametrize("part", [slow(0.3), slow(0.6), 0.9])
@pytest.mark.parametrize("epoch", [slow(0.2), slow(1.0), 5.0])
def test_uniform_touches_miss_what_is_not_held_and_wait_for_it(part, epoch):
    """Miss ratio 1 - M / W; of a second, every touch takes 1 / rate and every miss swap_in more."""
    rate, size = 3000, 32 * MIB
    own = swapped(
        "proportional", [spec("a", size, rate)], int(size * part) // PAGE * PAGE, epoch=epoch
    )["a"]
    held = own["consumed"].mean() / size
    ratio = 1 - held
    assert misses(own) == pytest.approx(ratio, rel=0.02)
    assert own["stall"].mean() == pytest.approx(
        ratio * rate * SWAP_IN / (1 + ratio * rate * SWAP_IN), rel=0.02
    )


@pytest.mark.parametrize("alpha", [slow(0.5), 1.0])
def test_zipf_touches_miss_what_random_replacement_leaves_out(alpha):
    """With victims drawn at random a page of popularity p is held for p T / (1 + p T) of the time,
    and T follows from what is held in all (Gelenbe 1973: as first in, first out).
    """
    size, part = 16 * MIB, 0.5
    own = swapped("proportional", [spec("a", size, 4000, alpha)], int(size * part))["a"]
    popular = 1.0 / np.arange(1, size // PAGE + 1) ** alpha
    popular /= popular.sum()
    held, low, high = own["consumed"].mean() / PAGE, 0.0, 1e12
    for _ in range(200):
        middle = (low + high) / 2
        here = (popular * middle / (1 + popular * middle)).sum()
        low, high = (middle, high) if here < held else (low, middle)
    assert misses(own) == pytest.approx((popular / (1 + popular * low)).sum(), rel=0.03)


@pytest.mark.slow
def test_proportional_reclaim_ends_where_each_vm_wins_what_it_loses():
    """Each loses in proportion to what it holds, and wins what it misses: rate_i (1 - h_i / W) is
    the same multiple of h_i for both.
    """
    costs = CostModel(**FREE, swap_in=0.0, swap_bandwidth=1e15)
    specs = [spec("a", 32 * MIB, 4000), spec("b", 32 * MIB, 1000)]
    late = swapped("proportional", specs, 40 * MIB, costs=costs, seconds=180)
    held = [late[name]["consumed"].mean() for name in "ab"]
    whole, total = 32 * MIB, sum(held)
    a = np.linspace(0.01, 0.99, 9801) * total
    a = a[(a < whole) & (total - a < whole)]
    gap = 4000 * (1 - a / whole) / a - 1000 * (1 - (total - a) / whole) / (total - a)
    expected = a[np.argmin(np.abs(gap))]
    assert held[0] == pytest.approx(expected, rel=0.02)


@pytest.mark.slow
def test_min_funding_ends_where_both_hold_as_much_per_share():
    """Whoever holds most per share gives first, so two that want more hold by their shares,
    whatever their rates.
    """
    specs = [spec("a", 32 * MIB, 1500, shares=2000), spec("b", 32 * MIB, 6000, shares=1000)]
    late = swapped(FreeFirst(technique="swap"), specs, 36 * MIB)
    held = [late[name]["consumed"].mean() for name in "ab"]
    assert held[0] == pytest.approx(2 * held[1], rel=0.01)


@pytest.mark.slow
def test_two_equal_vms_hold_the_same_under_both():
    for policy in (Proportional(), FreeFirst(technique="swap")):
        late = swapped(policy, [spec("a", 32 * MIB, 3000), spec("b", 32 * MIB, 3000)], 40 * MIB)
        held = [late[name]["consumed"].mean() for name in "ab"]
        assert held[0] == pytest.approx(held[1], rel=0.02)


# The device


@pytest.mark.parametrize("busy", [0.3, 0.6, 0.8])
@pytest.mark.parametrize("slice_", [slow(0.02), 0.5])
def test_requests_at_random_wait_as_in_an_m_d_1_queue(busy, slice_):
    """The mean time in the queue is r service^2 / (2 (1 - r service)): Pollaczek and Khinchine. A
    thousand clients that ask rarely come like a Poisson process.
    """
    service, clients, seconds = 1e-3, 1000, 20.0
    rate = busy / service
    device, draw = Device(service), np.random.default_rng(1)
    names = [device.join(stream=i) for i in range(clients)]
    asked = 0
    for end in np.arange(slice_, seconds + slice_ / 2, slice_).tolist():
        for name in names:
            n = int(draw.poisson(rate / clients * slice_))
            asked += n
            given = max(0.0, end - device.at(name) - device.left(name)[0])
            device.add(name, given, 0.0, n, service)
        device.serve(end)
    waited = sum(device.take_waited(name) for name in names) / asked - service
    assert waited == pytest.approx(rate * service**2 / (2 * (1 - rate * service)), rel=0.1)


@pytest.mark.slow
def test_whoever_waits_shares_the_device():
    """On a disk that serves one at a time, each of n that do nothing but read gets an n-th."""
    costs = CostModel(**FREE, swap_in=7e-3, read_rate=1 / 7e-3, swap_bandwidth=1e15)
    reads = []
    for n in (1, 4):
        specs = [spec(f"m{i}", 16 * MIB, 50_000) for i in range(n)]
        late = swapped("proportional", specs, n * 8 * MIB, costs=costs, seconds=60)
        reads.append(sum(own["swap_in"].mean() for own in late.values()))
        assert all(own["stall"].mean() > 0.95 for own in late.values())
    assert reads[0] == pytest.approx(1 / 7e-3, rel=0.05)
    assert reads[1] == pytest.approx(reads[0], rel=0.05)
