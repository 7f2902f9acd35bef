"""What a program pays around the engine: importing it, and what two hosts in two threads gain over
one after the other. The GIL is released in every batch.
"""

import compileall
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import pageengine as pe
from pageengine.stores.hashing import hash_pages

BATCHES, BATCH = 40, 65536


def _start(code):
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.benchmark(group="start: a Python that imports")
@pytest.mark.parametrize("module", ["pageengine", "numpy"])
def bench_import(benchmark, module):
    """As installed: pip compiles what it installs, and a source tree may not be."""
    compileall.compile_dir(pe.__path__[0], quiet=2)
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
    benchmark.extra_info.update(
        per_item=2 * BATCH * BATCHES, unit="access", peer="bench_one_after_the_other"
    )


@pytest.mark.benchmark(group="two hosts: touches and a scan")
def bench_one_after_the_other(benchmark, hosts):
    made, accesses, _ = hosts
    benchmark(lambda: [_worker(host, accesses) for host in made])
    benchmark.extra_info.update(per_item=2 * BATCH * BATCHES, unit="access")


def _hash(pages):
    for _ in range(200):
        hash_pages(pages)


@pytest.fixture(scope="module")
def apart():
    """Two memories of 1 MiB, and threads."""
    with ThreadPoolExecutor(2) as pool:
        yield [np.full((256, 4096), i, np.uint8) for i in range(2)], pool


@pytest.mark.benchmark(group="two threads that share nothing: what the computer gives")
def bench_hashes_in_two_threads(benchmark, apart):
    memories, pool = apart
    benchmark(lambda: list(pool.map(_hash, memories)))
    benchmark.extra_info.update(
        per_item=2 * 200 * 256, unit="page", peer="bench_hashes_one_after_the_other"
    )


@pytest.mark.benchmark(group="two threads that share nothing: what the computer gives")
def bench_hashes_one_after_the_other(benchmark, apart):
    benchmark(lambda: [_hash(pages) for pages in apart[0]])
    benchmark.extra_info.update(per_item=2 * 200 * 256, unit="page")
