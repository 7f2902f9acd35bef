"""What the engine costs a simulator that calls it: a call that does nothing, an access in batches
of several sizes, and a step of time. The table in docs/embedding.md is from here.
"""

import numpy as np
import pytest

import pageengine as pe

VMS = (1, 10, 100, 1000)
CALL, STEP = "one call", "Host.advance, a step of 0.1 s"


def _note(benchmark, items, unit, peer=None):
    benchmark.extra_info.update(per_item=items, unit=unit, **({"peer": peer} if peer else {}))


@pytest.fixture(scope="module")
def vm():
    """4 GiB, all of them private pages."""
    with pe.Host("6 GiB", contents="tokens", compression=None, swap=0) as host:
        vm = host.add_vm("a", "4 GiB")
        vm.write(np.arange(vm.pages), np.arange(1, vm.pages + 1).astype(np.uint64) << np.uint64(6))
        yield vm


@pytest.mark.benchmark(group=CALL)
def bench_try_touch_none(benchmark, vm):
    _note(benchmark, 1, "call")
    benchmark(vm.try_touch, np.zeros(0, np.int64))


@pytest.mark.benchmark(group=CALL)
def bench_events(benchmark, vm):
    _note(benchmark, 1, "call")
    benchmark(vm.events)


@pytest.mark.benchmark(group=CALL)
def bench_stats(benchmark, vm):
    _note(benchmark, 1, "call")
    benchmark(lambda: vm.stats)


@pytest.mark.parametrize("size", [1, 16, 256, 4096, 65536])
@pytest.mark.parametrize("kind", ["touch", "write"])
@pytest.mark.benchmark(group="accesses that are hits, in batches")
def bench_batch(benchmark, vm, kind, size):
    ppns = np.random.default_rng(1).integers(0, vm.pages, size)
    tokens = np.arange(size, dtype=np.uint64)
    _note(benchmark, size, "access")
    if kind == "touch":
        benchmark(vm.try_touch, ppns, True)
    else:
        benchmark(vm.try_write, ppns, tokens)


@pytest.mark.benchmark(group="first touches, in batches of 4096")
def bench_first_touches(benchmark):
    with pe.Host("4 GiB", contents="tokens", compression=None, swap=0) as host:
        vm = host.add_vm("a", "2 GiB")
        ppns = np.arange(vm.pages)

        def again():
            vm.deflate()
            vm.balloon(ppns)
            vm.deflate()

        _note(benchmark, len(ppns), "access")
        benchmark.pedantic(
            lambda: [vm.try_touch(part, True) for part in ppns.reshape(-1, 4096)],
            setup=again,
            rounds=5,
        )


@pytest.mark.benchmark(group="pages that come back from swap, in batches of 4096")
def bench_swap_in(benchmark):
    """As fast as the engine moves tokens; what a real device takes is the caller's to add."""
    with pe.Host("1 GiB", contents="tokens", sharing=False, compression=None) as host:
        vm = host.add_vm("a", "512 MiB")
        ppns = np.arange(vm.pages)
        vm.write(ppns, np.arange(1, vm.pages + 1).astype(np.uint64) << np.uint64(6))

        def out():
            host.reclaim(vm, vm.pages, "swap")

        _note(benchmark, len(ppns), "access")
        benchmark.pedantic(
            lambda: [vm.try_touch(part) for part in ppns.reshape(-1, 4096)], setup=out, rounds=5
        )


@pytest.mark.parametrize("vms", VMS)
@pytest.mark.benchmark(group=STEP)
def bench_advance(benchmark, vms):
    """Nothing is short, so that this is the step itself and one decision in 150."""
    with pe.Host("8 GiB", contents="tokens", policy="esx6") as host:
        for number in range(vms):
            vm = host.add_vm(f"vm{number}", "4 MiB")
            vm.touch(np.arange(vm.pages), True)
        ran = dict.fromkeys(host.vms, 0.1)
        _note(benchmark, vms, "VM")
        benchmark(host.advance, 0.1, ran)
