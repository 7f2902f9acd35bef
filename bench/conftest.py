"""Pages of real processes for the benchmarks, and the table of ratios that ends every run.

A benchmark tells the table what it did through ``benchmark.extra_info``: ``per_item`` (items in one
round), ``unit`` (what an item is), ``bytes`` (bytes in one round), ``peer`` (the benchmark of the
same group it is held against). A ratio above 1 is faster than the peer. Times are the medians of
all rounds; a ratio is the median of rounds in which the two took turns (``beside``), with its
quartiles.
"""

import os
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

try:
    import pytest_benchmark  # noqa: F401

    import pageengine
except ImportError as why:
    raise pytest.UsageError(
        f"benchmarks are of the package as it is installed: {why}; pip install a wheel of "
        "pageengine (or . here) with its extra [bench]"
    ) from None
import peers
from beside import Remembering, by_turns

from pageengine import images

os.environ["PAGEENGINE_THREADS"] = "1"  # as their peers have; bench_threads.py says how many
HOME = Path(pageengine.__file__).resolve().parent
PAGE = 4096
REAL_PAGES_MAX = 32768  # 128 MiB
BIG_BYTES = 1 << 30
SECONDS_PER_BENCHMARK = 0.4
DONE = pytest.StashKey()  # the module that is being run, and its benchmarks so far

# Three ordinary programs: a table of records, numerical work, a compiler. Each prints when it is
# done.
PROGRAMS = {
    "records": """
import json, random
draw = random.Random(1)
rows = [{"id": i, "name": "user-%06d" % draw.randrange(10**6), "score": draw.random(),
         "tags": draw.sample(["red", "green", "blue", "alpha", "beta"], 2)} for i in range(40000)]
text = json.dumps(rows)
index = {row["name"]: row for row in rows}
""",
    "numbers": """
import numpy as np
draw = np.random.default_rng(2)
steps = np.cumsum(draw.normal(size=400_000))
counts = draw.poisson(3, 1_000_000).astype(np.int32)
grid = np.zeros((1200, 1200)); grid[200:500, 300:900] = 1.5
order = np.argsort(steps)
""",
    "compiler": """
import ast, pathlib, sysconfig
folder = pathlib.Path(sysconfig.get_path("stdlib"))
texts = [p.read_text(errors="replace") for p in sorted(folder.glob("*.py"))[:38]]
trees = [ast.parse(text) for text in texts]
codes = [compile(tree, "x", "exec") for tree in trees]
""",
}


def _memory_of(program):
    """What a process that ran the program holds, as uint8 [n, 4096]; pages it never touched are
    left out.
    """
    wait = "\nprint(flush=True); input()\n"
    child = subprocess.Popen(
        [sys.executable, "-c", program + wait], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        child.stdout.readline()
        with images.open(f"/proc/{child.pid}") as image:
            parts = [pages.copy() for _, pages in image]
    finally:
        child.communicate(b"\n")
    return np.concatenate(parts)


@pytest.fixture
def benchmark(benchmark, request):
    """The plugin's fixture; when both of a pair are done, they take turns."""
    benchmark.__class__ = Remembering
    yield benchmark
    module, done = request.config.stash.get(DONE, (None, []))
    if benchmark.disabled or benchmark.has_error or benchmark.measured is None:
        return
    if module is not request.module:  # what the last one made is gone
        done = []
        request.config.stash[DONE] = request.module, done
    done.append(benchmark)
    for each in done:
        peer = _peer(each, done)
        if peer is not None and benchmark in (each, peer):
            work = _work(each, peer)
            each.extra_info["ratio"] = by_turns(each.measured, peer.measured, work)
            each.extra_info["against"] = peer.fullname  # as it is, whatever its parameters


@pytest.fixture(scope="session")
def pages_of_programs():
    """{program: what it holds}, each uint8 [n, 4096], zero and equal pages kept."""
    if not os.path.exists("/proc/self/mem"):
        pytest.skip("real pages come from Linux /proc")
    return {name: _memory_of(program) for name, program in PROGRAMS.items()}


@pytest.fixture(scope="session")
def real_pages(pages_of_programs):
    """uint8 [n, 4096]: the memory of three programs one after the other, zero and equal pages
    kept.
    """
    return np.concatenate(list(pages_of_programs.values()))[:REAL_PAGES_MAX]


@pytest.fixture(scope="session")
def real_pages_nonzero(real_pages):
    """The real pages that are not all zero."""
    return np.ascontiguousarray(real_pages[real_pages.view(np.uint64).any(axis=1)])


@pytest.fixture(scope="session")
def big_pages(real_pages):
    """More pages than any cache holds: 1 GiB, or a quarter of what the computer has to spare. The
    real pages over and over; in every repetition one word of each page that is not zero is another.
    """
    pages = min(BIG_BYTES, _memory_available() // 4) // PAGE
    out = np.empty((pages, PAGE), np.uint8)
    words = out.view(np.uint64)
    for turn, first in enumerate(range(0, pages, len(real_pages))):
        n = min(len(real_pages), pages - first)
        out[first : first + n] = real_pages[:n]
        used = words[first : first + n].any(axis=1)
        words[first : first + n, 7][used] += np.uint64(turn)
    return out


def _memory_available():
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):
        return 1 << 30


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    """Short rounds, and one table in place of the plugin's own (-v shows both)."""
    if getattr(config.option, "numprocesses", None):
        raise pytest.UsageError("benchmarks have the computer to themselves: run them without -n")
    if not hasattr(config.option, "benchmark_quiet"):
        return  # its plugin was left out: its fixture will be missed by name
    if config.option.verbose <= 0:
        config.option.benchmark_quiet = True
    if float(config.option.benchmark_max_time) == 1.0:  # the plugin's default
        config.option.benchmark_max_time = SECONDS_PER_BENCHMARK
    config.option.benchmark_disable_gc = True


def pytest_report_header():
    return [
        f"computer: {_cpu()}, {os.cpu_count()} cores, load {_load():.1f}",
        f"measured: pageengine {pageengine.__version__}, {_how_installed()}: {HOME}",
        *(f"no {line}" for line in peers.lines()),
    ]


def _load():
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")


def _how_installed():
    """A wheel has what its build made of the package; an editable install has the tree."""
    return "installed" if HOME.parent.name in ("site-packages", "dist-packages") else "from a tree"


def pytest_benchmark_update_machine_info(config, machine_info):
    """So that a file of --benchmark-json says by itself what was measured, and on what."""
    machine_info["pageengine"] = {
        "version": pageengine.__version__,
        "how": _how_installed(),
        "numpy": np.__version__,
        "processor": _cpu(),
        "load": round(_load(), 1),
        "peers": [name for name in peers.PEERS if not peers.missing(name)],
    }


def _cpu():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            return next(line.split(":", 1)[1].strip() for line in file if "model name" in line)
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def pytest_terminal_summary(terminalreporter, config):
    session = getattr(config, "_benchmarksession", None)
    results = [b for b in getattr(session, "benchmarks", []) if b and not b.has_error]
    if not results:
        return
    groups = list(dict.fromkeys(result.group for result in results))
    results.sort(key=lambda result: groups.index(result.group))
    terminalreporter.section("ratios (above 1: faster than the peer)")
    rows = [HEAD, *(_row(result, results) for result in results)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    group = None
    for result, row in zip([None, *results], rows, strict=True):
        if result is not None and result.group != group:
            group = result.group
            terminalreporter.write_line("")
            terminalreporter.write_line(group or "", bold=True)
        cells = [align(cell, n) for align, cell, n in zip(ALIGN, row, widths, strict=True)]
        terminalreporter.write_line("  ".join(cells).rstrip())


HEAD = ("  benchmark", "per item", "GB/s", "ratio", "quartiles", "peer", "also")
ALIGN = (str.ljust, str.rjust, str.rjust, str.rjust, str.rjust, str.ljust, str.ljust)
TOLD = {"per_item", "unit", "bytes", "peer", "ratio", "against"}


def _row(result, results):
    info, usual = result.extra_info, result.stats.median
    peer, ratio = _peer(result, results), info.get("ratio")
    items = info.get("per_item", 1)
    return (
        "  " + _plain(result.name),
        f"{_time(usual / items)} / {info.get('unit', 'call')}",
        f"{info['bytes'] / usual / 1e9:.2f}" if info.get("bytes") else "",
        f"{ratio[0] if ratio else _ratio(result, peer):.2f}" if peer else "",
        f"{ratio[1]:.2f}-{ratio[2]:.2f}" if ratio else "",
        _plain(peer.name) if peer else "",
        ", ".join(f"{key} {_short(value)}" for key, value in info.items() if key not in TOLD),
    )


def _peer(result, results):
    """The benchmark named as peer: with the same parameters if there is one, else by its plain
    name.
    """
    name = result.extra_info.get("peer")
    group = {other.name: other for other in results if other.group == result.group}
    brackets = result.name[result.name.find("[") :] if "[" in result.name else ""
    for start in ("", "test_", "bench_"):
        for end in (brackets, ""):
            found = group.get(f"{start}{name}{end}")
            if found is not None and found is not result:
                return found
    return None


def _plain(name):
    return name.removeprefix("test_").removeprefix("bench_").replace("_", " ")


def _work(result, peer):
    """How many times the peer's work a round does: in bytes where both say them, else in items."""
    both = result.extra_info.get("bytes") and peer.extra_info.get("bytes")
    what = "bytes" if both else "per_item"
    return result.extra_info.get(what, 1) / peer.extra_info.get(what, 1)


def _ratio(result, peer):
    """How many times the peer's speed, by the medians of all rounds."""
    return _work(result, peer) * peer.stats.median / result.stats.median


def _time(seconds):
    for unit, size in (("s", 1), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.2f} {unit}"
    return f"{seconds * 1e9:.2f} ns"


def _short(value):
    return f"{value:.3g}" if isinstance(value, float) else str(value)
