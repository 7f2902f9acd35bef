"""Working sets beyond the allocation: sampling saturates, a miss-ratio curve does not."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from pageengine.analysis.missratio import MissRatios
from pageengine.lab import GuestSpec, Simulation, VMSpec
from pageengine.lab.workloads import make as make_workload
from pageengine.papers.base import Claim, Number, Outcome
from pageengine.policy import Plan, Snapshot, VMPlan
from pageengine.units import MIB, PAGE_BYTES

TITLE = "How much more does a VM need?"
SOURCE = "Waldspurger, Park, Garthwaite, Ahmad, FAST 2015 (SHARDS); limits of sampling: OSDI 2002"
SETUP = """\
A guest of 256 MB runs a program on 200 MB with some skew; its balloon leaves it 40 to 240 MB, so it
pages to its own swap. The sampling estimate of what it uses is read at each size, and the part of
accesses for which the guest paged. Beside them the miss-ratio curve from a sample of 5 % of the
program's pages."""
NOTE = """\
The host samples pages that the guest holds: given less than it needs, it uses all of them, and how
much is missing cannot be seen from there. The curve is of LRU and the guest has a clock, so they
differ by more than the sample's error. A real host would have to catch the sampled pages' accesses;
here they are given."""

VM_SIZE, USED = 256 * MIB, 200 * MIB
SIZES = (40, 80, 120, 160, 200, 240)
WORK = {"kind": "zipf", "alpha": 0.5, "rate": 4000, "memory": USED}
WARM, END = 150.0, 300.0


class _HoldBalloon:
    """Wants one balloon, and nothing else."""

    name = "fixed balloon"

    def __init__(self, size: int):
        self._size = size

    def decide(self, snapshot: Snapshot) -> Plan:
        return Plan(vms={vm.name: VMPlan(balloon=self._size) for vm in snapshot.vms})


def _left_with(size: int, seed: int) -> tuple[float, float]:
    """(the estimate in bytes, part of accesses for which the guest paged) with so many MiB."""
    spec = VMSpec(
        "vm",
        VM_SIZE,
        WORK,
        guest=GuestSpec(swap=VM_SIZE, kernel="4 MiB"),
        balloon_max="90%",
        contents="random",
    )
    policy = _HoldBalloon(VM_SIZE - size * MIB)
    simulation = Simulation("512 MiB", [spec], policy=policy, costs="nvme", seed=seed)
    paged = {}

    def note(time: float, state: str) -> None:
        guest = simulation.running["vm"].vm.guest
        assert guest is not None
        paged[time] = guest.stats.swap_in

    own = simulation.run(END, progress=note).of("vm")
    late = own["time"] > WARM
    touched = WORK["rate"] * own["progress"][late].sum()
    return float(np.median(own["active"][late])), (paged[END] - paged[WARM]) / touched


def _curve(seed: int) -> tuple[np.ndarray, np.ndarray, int]:
    """Miss ratios at all sizes, from a twentieth of the pages."""
    work = make_workload(WORK)
    work.start(VM_SIZE // PAGE_BYTES, np.random.Generator(np.random.Philox(key=[seed, 0])))
    ratios = MissRatios(VM_SIZE // PAGE_BYTES, rate=0.05, seed=seed)
    for second in range(int(END)):
        for step in work.step(1.0, float(second)):
            ratios.see(step.ids)
    sizes = np.arange(0, 257, 4)
    first = ratios.curve([VM_SIZE // PAGE_BYTES])[0]  # accesses that no memory could have served
    curve = (ratios.curve(sizes * MIB / PAGE_BYTES) - first) / (1 - first)
    return sizes, curve, ratios.working_set() * PAGE_BYTES


def run(seed: int) -> Outcome:
    active, missed = np.array([_left_with(size, seed) for size in SIZES]).T
    sizes, curve, needed = _curve(seed)
    predicted = np.interp(SIZES, sizes, curve)
    error = np.abs(predicted - missed)
    numbers = [
        Number("estimate by sampling, with 40 MB", active[0] / MIB, None, "MB"),
        Number("working set by the curve", needed / MIB, USED / MIB, "MB", 0.1, "derived"),
        Number(
            "mean error of the miss ratio", 100 * error.mean(), (0, 5), "points", 0.0, "derived"
        ),
        Number("largest error of the miss ratio", 100 * error.max(), None, "points"),
    ]
    below = np.array(SIZES) * MIB < USED
    share = active[below] / (np.array(SIZES)[below] * MIB)
    claims = [
        Claim(
            "with less than it needs, the estimate is what it has, whatever it needs",
            bool((share > 0.8).all() and (share <= 1.0).all()),
        ),
        Claim(
            "the curve falls to nothing where the working set ends",
            bool(np.interp(210, sizes, curve) < 0.01 < np.interp(180, sizes, curve)),
        ),
    ]
    answer = (
        f"Left with 40 MB, sampling says {active[0] / MIB:.0f} MB are in use; the curve, from the "
        f"same accesses, says that {needed / MIB:.0f} MB would be (in truth {USED // MIB}), and "
        f"what every size between would cost, to {100 * error.mean():.1f} points in the mean."
    )
    data = {
        "sizes": sizes,
        "curve": curve,
        "given": np.array(SIZES),
        "missed": missed,
        "active": active / MIB,
    }
    return Outcome(numbers, claims, data, answer)


def draw(figure: Any, data: Mapping[str, Any]) -> None:
    from pageengine.report import style

    left, right = figure.subplots(1, 2)
    left.plot(data["given"], data["active"], "o-", color=style.ORANGE, label="sampled estimate")
    left.plot(data["given"], data["given"], ":", color=style.GREY, label="what it has")
    left.axhline(USED / MIB, color=style.BLACK, ls="--", lw=0.9, label="what it works on")
    right.plot(data["sizes"], 100 * data["curve"], color=style.BLUE, label="curve from the sample")
    right.plot(data["given"], 100 * data["missed"], "s", color=style.BLACK, label="measured")
    left.set_ylabel("estimated working set (MB)")
    right.set_ylabel("accesses that miss (%)")
    for axes in (left, right):
        axes.set_xlabel("memory left by the balloon (MB)")
        axes.set_ylim(0)
        axes.legend(loc="best")


SIZE = (8.5, 3.8)
