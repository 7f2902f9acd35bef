"""The guest model against numpy doing the least that its work could be: an independent
read-modify-write for every touch, two marks for every page that the balloon takes and gives back.
Replacement has no such limit, and is held against libCacheSim where that is installed, on the
traces of page_traces.py: the same accesses, the same misses.
"""

import os
import subprocess
import sys

import numpy as np
import page_traces
import pytest
from peers import imported

from pageengine import Guest, traces

PAGES = 1 << 18  # 1 GiB
N = 1 << 20


def said(benchmark, n=N, unit="access", peer=None, **more):
    benchmark.extra_info.update(per_item=n, unit=unit, **more)
    if peer:
        benchmark.extra_info["peer"] = peer


@pytest.fixture(scope="module")
def ids():
    return np.random.default_rng(1).integers(0, PAGES - PAGES // 8, N)


@pytest.mark.benchmark(group="guest: touches of what is in memory")
def bench_hits(benchmark, ids):
    guest = Guest(PAGES, swap_pages=0)
    guest.access("memory", np.arange(PAGES - PAGES // 8), True)
    benchmark(guest.access, "memory", ids, True)
    said(benchmark, peer="bench_read_modify_write")


@pytest.mark.benchmark(group="guest: touches of what is in memory")
def bench_read_modify_write(benchmark, ids):
    words = np.zeros(PAGES, np.int64)

    def touch():
        words[ids] = words[ids] + 1

    benchmark(touch)
    said(benchmark)


PARTS = {"10%": 0.1, "25%": 0.25, "50%": 0.5}  # of the pages that a trace touches
REPLACEMENTS = {"lru": "LRU", "fifo": "FIFO", "clock": "Clock"}  # ours: libCacheSim's
EXACT = ("lru", "fifo")
each = pytest.mark.parametrize("how", REPLACEMENTS)
every = pytest.mark.parametrize("part", PARTS)


@pytest.fixture(scope="module", params=page_traces.names())
def trace(request, tmp_path_factory):
    """(its name, page numbers, how many different ones, the same in a file); 0 is no object."""
    ids = page_traces.pages(request.param) + 1
    path = tmp_path_factory.mktemp("traces") / f"{request.param}.oracleGeneral.bin"
    traces.write_oracle(path, ids)
    return request.param, ids, len(np.unique(ids)), str(path)


def measured(benchmark, trace, how, replay):
    """What a replay gives, done several times; what the table shows of them all."""
    name, ids, _, _ = trace
    benchmark.group = f"guest: {how} over {name}"
    result = benchmark.pedantic(replay, rounds=5, warmup_rounds=1)
    said(benchmark, len(ids), "request")
    if benchmark.stats:
        benchmark.extra_info["M/s"] = len(ids) / benchmark.stats.stats.min / 1e6
    return result


@each
@every
def bench_replay_of_a_file(benchmark, trace, part, how):
    """What libCacheSim does: reads a trace and counts what a memory of some size would miss."""
    size = int(trace[2] * PARTS[part])

    def replay():
        guest = Guest(size, replacement=how)
        return traces.open(trace[3]).replay(guest).misses, guest.nbytes

    misses, bytes_ = measured(benchmark, trace, how, replay)
    more = {"misses": misses, "B/page": bytes_ / size, "peer": "bench_libcachesim"}
    benchmark.extra_info.update(more)


@each
@every
def bench_replay(benchmark, trace, part, how):
    """The same accesses from memory."""
    size = int(trace[2] * PARTS[part])
    measured(benchmark, trace, how, lambda: Guest(size, replacement=how).replay("file", trace[1]))


def libcachesim_on(benchmark, trace, part, how, **options):
    """LRU and FIFO must miss exactly as often as ours; its clock gives one object a second chance
    at a time, ours takes 32 pages at once.
    """
    other = imported("libcachesim", "libcachesim")
    size = int(trace[2] * PARTS[part])

    def replay():
        told = other.ReaderInitParam(ignore_obj_size=True)
        reader = other.TraceReader(trace[3], other.TraceType.ORACLE_GENERAL_TRACE, told)
        cache = getattr(other, REPLACEMENTS[how])(size, **options)
        return cache.process_trace(reader)[0]

    misses = round(measured(benchmark, trace, how, replay) * len(trace[1]))
    benchmark.extra_info["misses"] = misses
    if how in EXACT:
        assert misses == Guest(size, replacement=how).replay("file", trace[1]).misses


@each
@every
def bench_libcachesim(benchmark, trace, part, how):
    """As it comes: its table has 2^24 places. It has no way to be given requests but a reader."""
    libcachesim_on(benchmark, trace, part, how)


@each
@every
def bench_libcachesim_small_table(benchmark, trace, part, how):
    """With a table of 2^16 places, which stays in a processor's cache."""
    libcachesim_on(benchmark, trace, part, how, hashpower=16)
    benchmark.extra_info["peer"] = "bench_libcachesim"


MANY = 1 << 20
GROWTH = """
import os, sys
import numpy as np
def resident():  # without what files are mapped
    with open("/proc/self/statm") as file:
        whole, shared = map(int, file.read().split()[1:3])
    return (whole - shared) * os.sysconf("SC_PAGE_SIZE")
path, name, pages = sys.argv[1], sys.argv[2], int(sys.argv[3])
"""
OUR_GROWTH = """
from pageengine import Guest, traces
trace, before = traces.open(path), resident()
guest = Guest(pages, swap_pages=0, replacement=name)
assert trace.replay(guest).misses == pages
"""
THEIR_GROWTH = """
import libcachesim as other
told = other.ReaderInitParam(ignore_obj_size=True)
trace = other.TraceReader(path, other.TraceType.ORACLE_GENERAL_TRACE, told)
before = resident()
cache = getattr(other, name)(pages, hashpower=20)
assert cache.process_trace(trace)[0] == 1
"""
SAID = "print((resident() - before) / pages)"


def growth(script, path, name):
    """Bytes per page by which a process grows that fills a memory with a million pages."""
    if not os.path.exists("/proc/self/statm"):
        return float("nan")
    command = [sys.executable, "-c", GROWTH + script + SAID, path, name, str(MANY)]
    return float(subprocess.run(command, capture_output=True, check=True, text=True).stdout)


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """A million different pages in a file."""
    path = tmp_path_factory.mktemp("traces") / "many.oracleGeneral.bin"
    traces.write_oracle(path, np.random.default_rng(6).permutation(MANY) + 1)
    return str(path)


@pytest.mark.benchmark(group="guest: a million pages, from nothing")
@each
def bench_a_full_guest(benchmark, many, how):
    def fill():
        guest = Guest(MANY, swap_pages=0, replacement=how)
        traces.open(many).replay(guest)
        return guest

    guest = benchmark.pedantic(fill, rounds=3)
    told = {"B/page": guest.nbytes / MANY, "B/page resident": growth(OUR_GROWTH, many, how)}
    said(benchmark, MANY, "page", "bench_a_full_libcachesim", **told)


@pytest.mark.benchmark(group="guest: a million pages, from nothing")
@each
def bench_a_full_libcachesim(benchmark, many, how):
    """Its table made for as many objects as there are."""
    other = imported("libcachesim", "libcachesim")

    def fill():
        told = other.ReaderInitParam(ignore_obj_size=True)
        reader = other.TraceReader(many, other.TraceType.ORACLE_GENERAL_TRACE, told)
        getattr(other, REPLACEMENTS[how])(MANY, hashpower=20).process_trace(reader)

    benchmark.pedantic(fill, rounds=3)
    resident = growth(THEIR_GROWTH, many, REPLACEMENTS[how])
    said(benchmark, MANY, "page", **{"B/page resident": resident})


@pytest.mark.benchmark(group="guest: balloon")
@pytest.mark.parametrize("pages", [4096, PAGES // 2])
def bench_in_and_out(benchmark, pages):
    """Free pages into the balloon and back."""
    guest = Guest(PAGES)

    def breathe():
        guest.inflate(pages)
        guest.deflate(pages)

    benchmark(breathe)
    said(benchmark, pages, "page", "bench_two_marks")


@pytest.mark.benchmark(group="guest: balloon")
@pytest.mark.parametrize("pages", [4096, PAGES // 2])
def bench_two_marks(benchmark, pages):
    """The least of it: each page is marked as lent, and as free again."""
    state = np.zeros(PAGES, np.uint8)
    ppns = np.random.default_rng(3).permutation(PAGES)[:pages]

    def mark():
        state[ppns] = 1
        state[ppns] = 0

    benchmark(mark)
    said(benchmark, pages, "page")


@pytest.mark.benchmark(group="guest: balloon")
def bench_out_of_a_full_guest(benchmark):
    """Pages that the guest has to write to its swap first."""

    def full():
        guest = Guest(PAGES, swap_pages=PAGES)
        guest.access("memory", np.arange(PAGES), True)
        return (guest,), {}

    benchmark.pedantic(lambda guest: guest.inflate(PAGES // 2, True), setup=full, rounds=5)
    said(benchmark, PAGES // 2, "page")
