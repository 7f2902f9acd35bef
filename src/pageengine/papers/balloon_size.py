"""Figure 2 of OSDI 2002: a ballooned machine against one that was made so small."""

import numpy as np

from pageengine.lab import GuestSpec, Simulation, VMSpec
from pageengine.papers.base import Claim, Number, Outcome
from pageengine.policy import Plan, VMPlan
from pageengine.units import MIB, PAGE_BYTES

TITLE = "A balloon against native size"
SOURCE = "Waldspurger, OSDI 2002, section 3.3, figure 2"
SETUP = """\
A machine of 128 to 256 MB that serves files through its page cache, and one of 256 MB whose balloon
leaves it as much. A kernel sizes its tables by the memory it was started with: 64 bytes of page
structure and 12 bytes of hash tables per page here, beside 8 MB that do not depend on it. So the
ballooned machine has less left for files."""
NOTE = """\
The page structure is Linux 2.4's, the hash tables (page cache, buffers) are about what it allots;
neither was chosen to hit a number. dbench with 40 clients writes and deletes what ours only reads
and writes, and how a machine slows down with a little less cache depends on that: so the numbers of
the paper are shown, and their shape is claimed."""

SIZES = (128, 160, 192, 224, 256)
PUBLISHED = {128: 4.4, 224: 1.4}
WARM, END = 300.0, 900.0
FIXED, PER_PAGE = 8 * MIB, 64 + 12


class _HoldBalloon:
    """Wants one balloon of a fixed size, and nothing else."""

    name = "fixed balloon"

    def __init__(self, size: int):
        self._size = size

    def decide(self, snapshot):
        return Plan(vms={vm.name: VMPlan(balloon=self._size) for vm in snapshot.vms})


def _served(memory: int, balloon: int, seed: int) -> float:
    """Part of the time that the server runs, once its cache is warm: throughput by its rate."""
    kernel = FIXED + memory // PAGE_BYTES * PER_PAGE
    guest = GuestSpec(kernel=kernel // PAGE_BYTES * PAGE_BYTES)
    work = {"kind": "fileserver", "files": "288 MiB", "rate": 6000, "memory": "16 MiB",
            "alpha": 0.4}  # fmt: skip
    result = Simulation(
        "512 MiB", [VMSpec("vm", memory, work, guest=guest, contents="random")],
        policy=_HoldBalloon(balloon), costs="sata-ssd", seed=seed,
    ).run(END)  # fmt: skip
    own = result.of("vm")
    assert own["balloon"][-1] == balloon
    return float(own["accesses"][own["time"] > WARM].sum())


def run(seed: int) -> Outcome:
    native = np.array([_served(size * MIB, 0, seed) for size in SIZES])
    grown = [_served(256 * MIB, (256 - size) * MIB, seed) for size in SIZES[:-1]]
    grown = np.array([*grown, native[-1]])
    overhead = 100 * (1 - grown / native)
    numbers = [
        Number(f"overhead at {size} MB", overhead[SIZES.index(size)], PUBLISHED.get(size), "%",
               None)
        for size in SIZES[:-1]
    ]  # fmt: skip
    claims = [
        Claim("a balloon costs a few per cent at the most", bool(0 < overhead[:-1].max() < 6)),
        Claim("the more is taken, the more it costs", bool((np.diff(overhead) < 0).all()),
              "derived"),
    ]  # fmt: skip
    per_second = {"native": native / (END - WARM), "grown": grown / (END - WARM)}
    return Outcome(numbers, claims, per_second)


def draw(figure, data) -> None:
    from pageengine.report import style

    axes = figure.subplots()
    at = np.arange(len(SIZES))
    axes.bar(at - 0.19, data["native"], 0.36, color=style.BLACK, label="configured so")
    axes.bar(at[:-1] + 0.19, data["grown"][:-1], 0.36, color=style.GREY, label="256 MB, ballooned")
    for i in at[:-1]:
        part = 100 * (1 - data["grown"][i] / data["native"][i])
        axes.annotate(f"-{part:.1f} %", (i + 0.19, data["grown"][i]), (0, 3), ha="center",
                      textcoords="offset points", fontsize=8)  # fmt: skip
    axes.set_xticks(at, [f"{size}" for size in SIZES])
    axes.grid(axis="x", visible=False)
    axes.set_xlabel("memory of the machine (MB)")
    axes.set_ylabel("pages served a second")
    figure.legend(loc="outside lower center", ncols=2)
