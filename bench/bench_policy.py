"""What deciding costs. On a host with 10,000 VMs: the entitlement against scipy's brentq on
the same function, and whole policies against making 10,000 plans that say nothing. On hosts of 10,
100 and 1000 VMs: the microseconds of docs/policies.md.

The host is a little short of memory, so that every policy has something to do; 50 ms is what one
decision may take.
"""

import numpy as np
import pytest
from beside import shortest
from hot_paths import view
from peers import imported

from pageengine.policy import POLICIES, GuestView, Limits, Snapshot, VMPlan, find
from pageengine.policy.entitlement import Claims, _holdings, entitle
from pageengine.policy.guard import guard

VMS, TAX = 10_000, 0.75
PAGE, MIB = 4096, 2**20


def said(benchmark, peer=None, **more):
    benchmark.extra_info.update(per_item=VMS, unit="VM", **more)
    if peer:
        benchmark.extra_info["peer"] = peer


@pytest.fixture(scope="module")
def claims():
    draw = np.random.default_rng(1)
    minimum = draw.integers(0, 50_000, VMS)
    return Claims(
        draw.integers(1, 100_000, VMS),
        draw.integers(0, 200_000, VMS),
        minimum,
        minimum + draw.integers(0, 250_000, VMS),
    )


@pytest.fixture(scope="module")
def pages(claims):
    return int(claims.minimum.sum() + claims.maximum.sum()) // 2


@pytest.mark.benchmark(group="entitlement")
def bench_entitle(benchmark, claims, pages):
    held = benchmark(entitle, claims, pages, TAX)
    assert held.sum() == pages
    said(benchmark, "bench_brentq")


@pytest.mark.benchmark(group="entitlement")
def bench_brentq(benchmark, claims, pages):
    """The root of the same sum; whole pages are not even made of it."""
    optimize = imported("scipy", "scipy.optimize")
    k = 1 / (1 - TAX)
    top = float(((claims.active + (claims.maximum - claims.active) * k) / claims.shares).max()) + 1

    def missing(x):
        return _holdings(claims, x, k).sum() - pages

    x = benchmark(optimize.brentq, missing, 0.0, top, xtol=1e-12 * top)
    assert np.abs(_holdings(claims, x, k) - entitle(claims, pages, TAX)).max() < 2
    said(benchmark)


def one_vm(i, draw):
    size = int(draw.choice([256, 512, 1024, 4096])) * MIB
    held = int(draw.random() * size) // PAGE * PAGE
    reservation = int(draw.choice([0, held // 2])) // PAGE * PAGE
    return view(
        f"vm{i}",
        size,
        held,
        shares=int(draw.choice([1000, 5000, 10240])),
        reservation=reservation,
        balloon_max=int(size * 0.65) - reservation if size * 0.65 > reservation else 0,
        guest=GuestView(total=size, free=size // 4),
    )


def short_host(n):
    draw = np.random.default_rng(2)
    vms = tuple(one_vm(i, draw) for i in range(n))
    held = sum(vm.consumed for vm in vms)
    free = held // 4000
    return Snapshot(held + free, free, 2**50, vms)


@pytest.fixture(scope="module")
def snapshot():
    return short_host(VMS)


@pytest.mark.benchmark(group="decide")
def bench_empty_plans(benchmark, snapshot):
    benchmark(lambda: {vm.name: VMPlan() for vm in snapshot.vms})
    said(benchmark)


@pytest.mark.benchmark(group="decide")
@pytest.mark.parametrize("name", POLICIES)
def bench_decide(benchmark, snapshot, name):
    policy = find(name)
    plan = benchmark(policy.decide, snapshot)
    taken = sum(wish.reclaim > 0 for wish in plan.vms.values())
    ms = 1e3 * shortest(benchmark)
    said(benchmark, "bench_empty_plans", state=plan.state, taken_from=taken, ms=f"{ms:.1f}")


@pytest.mark.benchmark(group="decide on smaller hosts")
@pytest.mark.parametrize("n", [10, 100, 1000])
@pytest.mark.parametrize("name", POLICIES)
def bench_decide_on_smaller_hosts(benchmark, n, name):
    """The table of docs/policies.md."""
    benchmark(find(name).decide, short_host(n))
    us = shortest(benchmark) * 1e6
    benchmark.extra_info.update(per_item=1, unit="decision", us=f"{us:.0f}")


@pytest.mark.benchmark(group="guard")
@pytest.mark.parametrize("vms", [100, VMS])
def bench_guard(benchmark, vms):
    """What stands between a decision and its execution."""
    seen = short_host(vms)
    fresh = tuple(vm.__replace__(stats_age=1.0, progress_age=0.0) for vm in seen.vms)
    seen = seen.__replace__(vms=fresh)
    plan, clips = benchmark(guard, find("esx6").decide(seen), seen, Limits())
    ms = 1e3 * shortest(benchmark)
    benchmark.extra_info.update(per_item=vms, unit="VM", clips=len(clips), ms=f"{ms:.1f}")
