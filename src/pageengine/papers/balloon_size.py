"""Figure 2 of OSDI 2002: a VM that is ballooned down, and one configured that small."""

import math
from collections.abc import Mapping
from typing import Any, Literal, cast

import numpy as np

from pageengine.core.guest import Guest
from pageengine.lab import costs
from pageengine.lab.workloads import Accesses, make
from pageengine.papers.base import Claim, Number, Outcome
from pageengine.units import MIB, PAGE_BYTES

TITLE = "A balloon against a smaller VM"
SOURCE = "Waldspurger, OSDI 2002, section 3.2, figure 2 (dbench, 40 clients, Red Hat Linux 7.2)"
SETUP = """\
Guests configured with 128 to 224 MB, and guests of 256 MB that balloon down to the same size. All
serve the same requests, a million after as many to warm up: 40 clients read and write 900 MB of
files through the page cache, from a hard disk; beside it 450 and 200 MB. What the kernel of a guest
holds for good is 12 MB and the structures that Linux 2.4 sizes when it boots."""
NOTE = """\
The paper's cause is the only one at work here: structures that grow with the memory a guest had at
boot. Their sizes follow the sources of Linux 2.4: a struct page of 68 bytes (its fields in 2.4.0 to
2.4.9 on i386) for each page; hash tables of pages (4 bytes per page), dentries (4), inodes (2), TCP
(two, of 2 each), buffers and routes, rounded up to powers of two; and the free reserve of a zone,
3/128 of it up to 765 pages. 12 MB for the rest of the kernel, 20 MB for 40 processes, the size of
the files, their popularity (1 / rank ** 0.9, the lab's default) and the cost of a miss are
assumptions. None is fitted: 900 MB is about what 40 clients of dbench use, as far as we recall, and
the smaller amounts show how much hangs on that: files that nearly fit come near to the paper's
numbers. dbench reads and writes whole files in a set order, and neither that nor Linux's rules for
dirty buffers and readahead are modelled. So only direction and shape are claimed."""

Kind = Literal["memory", "file"]

SIZES, FULL = (128, 160, 192, 224), 256
KERNEL, PROCESSES = 12 * MIB, 20 * MIB
FILES = (900, 450, 200)  # MB; the first is what numbers are of
REQUESTS, BATCH = 1_000_000, 2000
PROCESSOR = 1e-4  # seconds of it per request


def _power(pages: float) -> int:
    """Bytes of a table that takes so many pages, which come in powers of two."""
    return PAGE_BYTES << (max(1, math.ceil(pages)) - 1).bit_length()


def at_boot(pages: int) -> dict[str, int]:
    """What Linux 2.4 sets aside when it boots with so many pages, in bytes."""
    normal = max(pages - 4096, 0)  # beyond the first 16 MB, which are a zone of their own
    reserve = 3 * min(max(normal // 128, 20), 255) + 3 * (min(pages, 4096) // 128)
    tables = (pages / 1024, pages / 1024, pages / 2048, 4 * (pages >> 14), pages >> 14)
    return {
        "struct page": 68 * pages,
        "hash tables": sum(map(_power, tables)) + 2 * _power(pages >> 11),
        "free reserve": reserve * PAGE_BYTES,
    }


def _served(configured: int, size: int, files: int, seed: int) -> float:
    """MB per second of a guest configured with so many MB, with a balloon that leaves ``size``."""
    pages = configured * MIB // PAGE_BYTES
    kernel = (KERNEL + sum(at_boot(pages).values())) // PAGE_BYTES
    guest = Guest(pages, swap_pages=pages, kernel_pages=kernel)
    balloon = pages - size * MIB // PAGE_BYTES
    while guest.stats.ballooned < balloon * PAGE_BYTES:
        guest.inflate(balloon - guest.stats.ballooned // PAGE_BYTES, sleeping=True)
    work = make({"kind": "fileserver", "files": files * MIB, "rate": BATCH, "memory": PROCESSES})
    work.start(pages, np.random.Generator(np.random.Philox(key=[seed, 2])))
    for _ in range(2):
        before = guest.stats
        for _ in range(REQUESTS // BATCH):
            for step in work.step(1.0, 0.0):
                assert isinstance(step, Accesses)  # a file server releases nothing
                guest.access(cast(Kind, step.kind), step.ids, step.write)
    after = guest.stats
    counts = {
        f"guest_{key}": getattr(after, f"disk_{key}") - getattr(before, f"disk_{key}")
        for key in ("reads", "writes")
    }
    seconds = REQUESTS * PROCESSOR + costs.PRESETS["hdd"].stall(counts)
    return REQUESTS * PAGE_BYTES / seconds / 1e6


def run(seed: int) -> Outcome:
    native = np.array([[_served(size, size, files, seed) for size in SIZES] for files in FILES])
    balloon = np.array([[_served(FULL, size, files, seed) for size in SIZES] for files in FILES])
    overhead = 100 * (1 - balloon / native)
    extra = [
        (sum(at_boot(FULL * 256).values()) - sum(at_boot(size * 256).values())) / MIB
        for size in SIZES
    ]
    numbers = [
        Number("overhead of the balloon at 128 MB", overhead[0, 0], 4.4, "%"),
        Number("overhead of the balloon at 224 MB", overhead[0, -1], 1.4, "%"),
        Number("memory that the larger guest's kernel holds more, at 128 MB", extra[0], None, "MB"),
        Number("the same at 224 MB", extra[-1], None, "MB"),
    ]
    claims = [
        Claim(
            "a guest that was ballooned down is slower than one configured that small, by less "
            "than 5 % at every size",
            bool(np.all((overhead > 0) & (overhead < 5))),
        ),
        Claim(
            f"the overhead falls from size to size ({FILES[0]} MB of files), and from 128 to 224 "
            "MB with any of the three",
            bool(np.all(np.diff(overhead[0]) < 0))
            and bool(np.all(overhead[:, -1] < overhead[:, 0])),
            "derived",
        ),
    ]
    fitting = overhead[-1]
    answer = (
        f"The kernel of a guest of {FULL} MB holds {extra[0]:.1f} MB more than that of one of 128 "
        f"MB, {100 * extra[0] / 128:.1f} % of those 128, and that costs {overhead[0, 0]:.1f} % of "
        f"throughput. How much it costs depends on the files: with {FILES[-1]} MB of them, which "
        f"nearly fit, it is {fitting[0]:.1f} % at 128 MB and {fitting[-1]:.1f} % at 224 MB."
    )
    full = _served(FULL, FULL, FILES[0], seed)
    data = {"native": [*native[0], full], "balloon": balloon[0], "overhead": overhead}
    return Outcome(numbers, claims, data, answer)


def draw(figure: Any, data: Mapping[str, Any]) -> None:
    from pageengine.report import style

    left, right = figure.subplots(1, 2)
    at = np.arange(len(SIZES) + 1)
    left.bar(at - 0.2, data["native"], 0.38, color=style.BLACK, label="configured with the size")
    left.bar(at[:-1] + 0.2, data["balloon"], 0.38, color=style.GREY, label="ballooned down to it")
    left.set_xticks(at, [str(size) for size in (*SIZES, FULL)])
    left.grid(axis="x", visible=False)
    left.set_ylabel(f"throughput with {FILES[0]} MB of files (MB/s)")
    colors = (style.BLUE, style.SKY, style.GREEN)
    for files, row, color in zip(FILES, data["overhead"], colors, strict=True):
        right.plot(SIZES, row, "o-", ms=4, color=color, label=f"{files} MB of files")
    right.plot([128, 224], [4.4, 1.4], "x", ms=8, color=style.VERMILION, label="OSDI 2002")
    right.set_xticks(SIZES)
    right.set_ylim(0, 5)
    right.set_ylabel("overhead of the balloon (%)")
    for axes in (left, right):
        axes.set_xlabel("size of the guest (MB)")
    figure.legend(loc="outside lower center", ncols=3)


SIZE = (8.5, 4.2)
