"""Figure 4 of OSDI 2002: what identical machines share."""

import numpy as np

from pageengine import Host
from pageengine.papers.base import Claim, Number, Outcome
from pageengine.papers.real import captured
from pageengine.tokens import make_tokens
from pageengine.units import MIB, PAGE_BYTES

TITLE = "Page sharing in one to ten identical machines"
SOURCE = "Waldspurger, OSDI 2002, section 4.4, figure 4"
SETUP = """\
One to ten machines of 40 MB are filled and scanned. Each holds 2.75 MB of zero pages, 4.5 MB of
content that is there twice, and 19.55 MB that is there once, all the same in every machine; the
rest is its own. The same with real memory: one Python program, started one to five times and
captured."""
NOTE = """\
The paper ran SPEC95 in Red Hat 7.2. What machines have in common is derived from its end points for
one machine (5 MB given back, 55 % of it zero pages) and for many (67 % shared); that so much is
given back at ten, and how it grows in between, is the engine's own counting. About 28 MB of single
copies is the difference of two percentages that are printed without decimals: it is shown, not held
to. Real programs share what their kind shares: that curve varies from run to run and nothing is
claimed of it."""

VM_BYTES, MOST, REAL = 40 * MIB, 10, 5
ZERO, TWICE, COMMON = (int(size * MIB) // PAGE_BYTES for size in (2.75, 4.5, 19.55))


def _contents(vm, number: int):
    """Tokens of a machine's pages."""
    page = np.arange(vm.pages)
    twice, once = page - ZERO, page - ZERO - TWICE
    identity = np.select(
        [page < ZERO, twice < TWICE, once < COMMON],
        [0, 1 + twice // 2, TWICE + once],
        (number + 1) * 2**32 + page,
    )
    return np.where(page < ZERO, 0, make_tokens(identity, 2048)).astype(np.uint64)


def _measured(fill, count: int, contents: str, size: int) -> np.ndarray:
    """(shared, reclaimed, zero) in bytes when ``count`` machines are filled and scanned."""
    with Host(count * size + 16 * MIB, contents=contents, seed=1, swap=0,
              reserve_swap=False) as host:  # fmt: skip
        for number in range(count):
            vm = host.add_vm(f"vm{number}", size)
            fill(vm, number)
        host.scan()
        stats = host.stats
        return np.array([stats.shared, stats.saving, stats.zero], np.float64)


def _made(count: int) -> np.ndarray:
    def fill(vm, number):
        vm.write(np.arange(vm.pages), _contents(vm, number))

    return _measured(fill, count, "tokens", VM_BYTES)


def real() -> dict:
    """The same of real processes: curves in parts of all memory; empty where none can be read."""
    found = captured(["records"] * REAL, 8)
    if not found:
        return {}
    size = max(len(image) for image in found) * PAGE_BYTES
    used = np.cumsum([len(image) * PAGE_BYTES for image in found])

    def fill(vm, number):
        vm.write(np.arange(len(found[number])), found[number])

    rows = [_measured(fill, n, "bytes", size) for n in range(1, REAL + 1)]
    return {"real": np.array(rows) / used[:, None]}


def run(seed: int) -> Outcome:
    rows = np.array([_made(n) for n in range(1, MOST + 1)])
    total = np.arange(1, MOST + 1) * VM_BYTES
    shared, saved, zero = rows.T
    single = (shared - saved)[1:] / MIB
    numbers = [
        Number("1 machine: reclaimed", saved[0] / MIB, 5, "MB", 0.05),
        Number("1 machine: zero pages of that", 100 * zero[0] / saved[0], 55, "%", 0.05),
        Number("10 machines: shared", 100 * shared[-1] / total[-1], 67, "%", 0.03),
        Number("10 machines: reclaimed", 100 * saved[-1] / total[-1], 60, "%", 0.03, "recalled"),
        Number("10 machines: single copies", single[-1], 28, "MB", None, "derived"),
    ]
    slopes = np.diff(shared[1:])
    claims = [
        Claim("from 2 to 10 machines, shared memory grows linearly",
              bool(slopes.max() < 1.02 * slopes.min())),
        Claim("single copies of common pages are nearly constant in MB",
              bool(single.max() < 1.1 * single.min()), "recalled"),
        Claim("going from 1 to 2 machines, sharing jumps",
              bool(shared[1] - shared[0] > 1.5 * slopes[0]), "recalled"),
    ]  # fmt: skip
    return Outcome(numbers, claims, {"rows": rows, "total": total, **real()})


def draw(figure, data) -> None:
    from pageengine.report import style

    left, right = figure.subplots(1, 2)
    count = np.arange(1, MOST + 1)
    names = (("shared", style.BLUE), ("reclaimed", style.GREEN), ("zero pages", style.ORANGE))
    for column, (name, color) in enumerate(names):
        left.plot(count, data["rows"][:, column] / MIB, "o-", ms=3, color=color, label=name)
        right.plot(count, 100 * data["rows"][:, column] / data["total"], "o-", ms=3, color=color)
        if "real" in data:
            right.plot(np.arange(1, len(data["real"]) + 1), 100 * data["real"][:, column], "--",
                       color=color, lw=1, label=f"{name}, real processes")  # fmt: skip
    single = data["rows"][:, 0] - data["rows"][:, 1]
    left.plot(count, single / MIB, ":", color=style.BLACK, label="shared less reclaimed")
    right.plot(count, 100 * single / data["total"], ":", color=style.BLACK)
    left.set_ylabel("memory (MB)")
    right.set_ylabel("% of the machines' memory")
    for axes in (left, right):
        axes.set_xlabel("machines")
        axes.set_xticks(count)
        axes.set_ylim(0)
    figure.legend(loc="outside lower center", ncols=4)


SIZE = (8.5, 4.2)
