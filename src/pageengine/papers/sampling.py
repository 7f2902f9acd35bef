"""Figure 6 of OSDI 2002: the sampled estimate of active memory follows what is used."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from pageengine import Host
from pageengine.lab import Simulation, VMSpec
from pageengine.lab.workloads import Accesses, Release
from pageengine.papers.base import Claim, Number, Outcome
from pageengine.policy import ESX
from pageengine.units import MIB, PAGE_BYTES

TITLE = "Sampling active memory"
SOURCE = "Waldspurger, OSDI 2002, section 5.4, figure 6"
SETUP = """\
Eight VMs of 256 MB. In each a program touches 50 to 240 MB over and over, in steps, while the
system touches another 15 MB. Then the programs exit, and in four VMs all pages they ever had
are zeroed. 100 pages are sampled per period of 30 s of a VM's time; the estimate is the
largest of the slow average, the fast one, and the fast one with the period that is not over. Times
are of the mean estimate of the VMs, each of which has its own samples."""
NOTE = """\
The paper touches up to 250 MB, beside which a system of 256 MB has to page; here both fit. It
prints neither the times of its steps nor the gains of its averages; ours give the new value 0.1 and
0.9, as the flip-flop filter does that it cites. How long a step down takes follows from the slow
gain: 22 periods to nine tenths of it. So the shape is claimed, and that single periods scatter as
100 samples do. The largest of three noisy values lies above their mean, so a steady estimate
tends to be too high. One VM alone scatters so much that nine tenths of a step up may take it
longer than two periods: that is why the mean of eight is measured."""

STEPS = ((0.0, 50), (600.0, 150), (1200.0, 240), (1800.0, 120), (3000.0, 200), (3600.0, 70))
EXIT, END, BACKGROUND = 4800.0, 6000.0, 15
SIZE_MIB, PERIOD, SWEEP, VMS = 256, 30.0, 10.0, 8


class _Toucher:
    """Touches what the schedule says, and the background, page after page, all of it in SWEEP
    seconds. ``zeroes``: all it ever had is zeroed when it exits.
    """

    needs_guest, in_use = False, 0

    def __init__(self, zeroes: bool):
        self._zero = zeroes

    def start(self, pages: int, rng: np.random.Generator) -> None:
        self._next = 0

    def step(self, seconds: float, time: float) -> list[Accesses | Release]:
        own = [size for at, size in STEPS if at <= time][-1] if time < EXIT else 0
        self.in_use = used = (own + BACKGROUND) * MIB // PAGE_BYTES
        n = int(used * seconds / SWEEP)
        ids = (self._next + np.arange(n)) % used
        self._next = (self._next + n) % used
        if time >= EXIT and self._zero:
            self._zero = False
            ids = np.arange((max(size for _, size in STEPS) + BACKGROUND) * MIB // PAGE_BYTES)
        return [Accesses(ids, True)]


def _estimates(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Times, and estimates in MiB [VM, time]; freed pages are zeroed in the first half."""
    specs = [
        VMSpec(f"vm{i}", SIZE_MIB * MIB, _Toucher(i < VMS // 2), contents="random")
        for i in range(VMS)
    ]
    result = Simulation("4 GiB", specs, policy=ESX(), seed=seed).run(END)
    rows = [result.of(name) for name in result.names]
    return rows[0]["time"], np.array([row["active"] for row in rows]) / MIB


def _most_of_step(
    time: np.ndarray, estimate: np.ndarray, at: float, until: float, level: float
) -> float:
    """Seconds from a step to ``level`` until the estimate has gone nine tenths of its way; infinite
    where it has not until the next step.
    """
    before = estimate[time <= at][-1]
    within = (time > at) & (time <= until)
    there = (estimate[within] - before) / (level - before) >= 0.9
    return float(time[within][there][0] - at) if there.any() else np.inf


def run(seed: int) -> Outcome:
    time, each = _estimates(seed)
    estimate, zeroed, plain = each.mean(0), each[: VMS // 2], each[VMS // 2 :]
    starts = [at for at, _ in STEPS] + [EXIT]
    levels = [size + BACKGROUND for _, size in STEPS]
    up: list[float] = []
    down: list[float] = []
    errors: list[float] = []
    for i in range(1, len(STEPS)):
        took = _most_of_step(time, estimate, starts[i], starts[i + 1], levels[i])
        (up if levels[i] > levels[i - 1] else down).append(took)
        if levels[i] > levels[i - 1]:
            steady = (time > starts[i] + 120) & (time <= starts[i + 1])
            errors.append(float(estimate[steady].mean()) / levels[i] - 1)
    shortly = (time > EXIT) & (time <= EXIT + 2 * PERIOD)
    spike, calm = (rows[:, shortly].max(1) for rows in (zeroed, plain))
    before = each[:, time <= EXIT][:, -1]
    grew = calm - before[VMS // 2 :]
    numbers = [
        Number("slowest step up, to nine tenths of it", max(up), None, "s"),
        Number("fastest step down, to nine tenths of it", min(down), None, "s"),
        Number("largest mean error after a step up", 100 * max(errors, key=abs), None, "%"),
        Number("mean estimate before the programs exit", before.mean(), None, "MB"),
        Number("at most, within two periods after it, pages zeroed", spike.mean(), None, "MB"),
        Number("the same where nothing is zeroed", calm.mean(), None, "MB"),
        Number(
            "scatter of one period at half active", _scatter(2, seed), 5, "points", 0.1, "derived"
        ),
        Number(
            "scatter of one period at a tenth active",
            _scatter(10, seed),
            3,
            "points",
            0.1,
            "derived",
        ),
    ]
    claims = [
        Claim("growing, the estimate follows quickly (within two periods)", max(up) <= 2 * PERIOD),
        Claim(
            "shrinking, it follows gradually (ten times as long as growing, and more)",
            min(down) > 10 * max(up),
        ),
        Claim(
            "right after the exit there is a spike, of half as much again as before",
            bool((spike > 1.5 * before[: VMS // 2]).all()),
        ),
        Claim(
            "zeroing of freed pages is its cause: without, there is none",
            bool((grew <= 0.1 * SIZE_MIB).all()),
        ),
        Claim(
            "and the estimate comes down to the background after it",
            bool(abs(estimate[-1] - BACKGROUND) < 0.1 * SIZE_MIB),
            "derived",
        ),
    ]
    data = {
        "time": time,
        "estimate": zeroed[0] * MIB,
        "plain": plain[0] * MIB,
        "mean": estimate * MIB,
    }
    return Outcome(numbers, claims, data)


def _scatter(part: int, seed: int) -> float:
    """Standard deviation, in points of a hundred, of what 100 samples say of a VM that touches
    one ``part`` of its pages, over 1000 periods of the engine's own sampling.
    """
    with Host("64 MiB", contents="tokens", seed=seed) as host:
        vm = host.add_vm("vm", "32 MiB")
        vm.touch(np.arange(vm.pages))
        found = []
        for _ in range(1000):
            vm.start_sample(100)
            vm.touch(np.arange(vm.pages // part))
            hit, marked = vm.end_sample()
            found.append(100 * hit / marked)
        return float(np.std(found))


def draw(figure: Any, data: Mapping[str, Any]) -> None:
    from pageengine.report import style

    axes = figure.subplots()
    time, before = data["time"], data["time"] <= EXIT
    steps = [*STEPS, (EXIT, 0), (END, 0)]
    axes.plot(
        [at for at, _ in steps],
        [(size + BACKGROUND) * MIB for _, size in steps],
        color=style.BLACK,
        lw=1.1,
        ls="--",
        drawstyle="steps-post",
        label="touched",
    )
    axes.plot(time, data["estimate"], color=style.SKY, lw=1.1, label="estimate, one VM")
    axes.plot(time[before], data["mean"][before], color=style.BLUE, label=f"mean of {VMS}")
    axes.plot(
        time[~before],
        data["plain"][~before],
        color=style.GREEN,
        lw=1.1,
        label="estimate, freed pages not zeroed",
    )
    axes.annotate(
        "exit, freed\npages zeroed",
        (EXIT, 200 * MIB),
        (14, 0),
        color=style.GREY,
        textcoords="offset points",
    )
    axes.axvline(EXIT, color=style.GREY, lw=0.9, ls="--")
    style.size_axis(axes, 256.0 * MIB, "memory")
    style.time_axis(axes, time)
    axes.set_ylim(0, 300 * MIB)
    figure.legend(loc="outside lower center", ncols=4)
