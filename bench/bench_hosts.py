"""What a program pays around the engine: importing it, and what two hosts in two threads gain over
one after the other. The GIL is released in every batch.
"""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import pageengine as pe

BATCHES, BATCH = 40, 65536


def _start(code):
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.benchmark(group="start: a Python that imports")
@pytest.mark.parametrize("module", ["pageengine", "numpy"])
def bench_import(benchmark, module):
    benchmark.pedantic(_start, (f"import {module}",), rounds=15, warmup_rounds=2)
    peer = {"peer": "bench_import[numpy]"} if module != "numpy" else {}
    benchmark.extra_info.update(per_item=1, unit="start", **peer)


def _worker(host, accesses):
    vm = next(iter(host.vms.values()))
    for part in accesses:
        vm.touch(part, True)
    host.scan()


@pytest.fixture(scope="module")
def hosts():
    made = []
    for seed in range(2):
        host = pe.Host("512 MiB", contents="tokens", seed=seed)
        vm = host.add_vm("a", "400 MiB")
        vm.write(np.arange(vm.pages), np.arange(1, vm.pages + 1).astype(np.uint64) << np.uint64(6))
        made.append(host)
    draw = np.random.default_rng(1)
    accesses = [draw.integers(0, 400 * 256, BATCH) for _ in range(BATCHES)]
    with ThreadPoolExecutor(2) as pool:
        yield made, accesses, pool
    for host in made:
        host.close()


@pytest.mark.benchmark(group="two hosts: touches and a scan")
def bench_in_two_threads(benchmark, hosts):
    made, accesses, pool = hosts
    benchmark(lambda: list(pool.map(_worker, made, [accesses] * 2)))
    benchmark.extra_info.update(per_item=2 * BATCH * BATCHES, unit="access",
                                peer="bench_one_after_the_other")  # fmt: skip


@pytest.mark.benchmark(group="two hosts: touches and a scan")
def bench_one_after_the_other(benchmark, hosts):
    made, accesses, _ = hosts
    benchmark(lambda: [_worker(host, accesses) for host in made])
    benchmark.extra_info.update(per_item=2 * BATCH * BATCHES, unit="access")
