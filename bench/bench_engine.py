"""Accesses, scans and calls of the engine, each beside a peer or the limit of the computer in the
same run.
"""

import numpy as np
import pytest
from peers import compiled, pointer, size

import pageengine as pe

BATCH = 65536
PAGES = 2**20  # 4 GiB of guest memory
PASSES = 10  # over 160 batches: 10^8 accesses a round
TOUCH = "touch: 10^8 hits over 4 GiB of guest memory, batches of 64 Ki"


def _note(benchmark, items, peer=None, bytes=None):
    benchmark.extra_info.update(per_item=items, unit="access", **({"peer": peer} if peer else {}))
    if bytes:
        benchmark.extra_info["bytes"] = bytes


@pytest.fixture(scope="module")
def token_host():
    """4 GiB of guest memory, all private."""
    with pe.Host("6 GiB", contents="tokens", compression=None, swap=0) as host:
        vm = host.add_vm("a", "4 GiB")
        vm.write(np.arange(vm.pages), np.arange(1, vm.pages + 1).astype(np.uint64) << np.uint64(6))
        yield host


def _batches(kind):
    """Places of 160 batches, over and over."""
    rng = np.random.default_rng(3)
    if kind == "uniform":
        places = rng.integers(0, PAGES, 160 * BATCH)
    else:
        ranks = np.minimum(rng.zipf(1.2, 160 * BATCH) - 1, PAGES - 1)
        places = rng.permutation(PAGES)[ranks]
    return [*places.reshape(-1, BATCH)] * PASSES


@pytest.fixture(scope="module", params=["uniform", "zipf"])
def batches(request):
    return request.param, _batches(request.param)


def _touches(benchmark, batches, touch, peer=None):
    kind, places = batches
    _note(benchmark, BATCH * len(places), peer and f"{peer}[{kind}]")
    benchmark.pedantic(lambda: [touch(part) for part in places], rounds=5, warmup_rounds=1)


@pytest.mark.benchmark(group=TOUCH)
@pytest.mark.parametrize("write", [False, True], ids=["read", "write"])
def bench_touch(benchmark, token_host, batches, write):
    vm = token_host["a"]
    _touches(benchmark, batches, lambda part: vm.touch(part, write), "bench_words")


@pytest.mark.benchmark(group=TOUCH)
def bench_words(benchmark, batches):
    """The limit: as many independent read-modify-writes of 8 bytes, in C, asked for ahead."""
    peers, words = compiled("peers.c"), np.zeros(PAGES, dtype=np.uint64)
    _touches(
        benchmark,
        batches,
        lambda part: peers.touch_words(pointer(words), pointer(part), size(len(part))),
    )


@pytest.mark.benchmark(group=TOUCH)
def bench_numpy(benchmark, batches):
    """What numpy takes to do the same: read, modify and write 8 bytes at those places."""
    words = np.zeros(PAGES, dtype=np.uint64)

    def touch(part):
        words[part] |= np.uint64(1)

    _touches(benchmark, batches, touch)


@pytest.mark.benchmark(group="one call from Python")
def bench_call_touch(benchmark, token_host):
    vm = token_host["a"]
    one = np.array([5])
    _note(benchmark, 1, "bench_call_dict")
    benchmark(vm.touch, one)


@pytest.mark.benchmark(group="one call from Python")
def bench_call_dict(benchmark):
    """A Python dict keyed by the number: the least any pure-Python simulator pays."""
    table = {5: 1}
    _note(benchmark, 1)
    benchmark(table.get, 5)
