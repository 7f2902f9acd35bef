"""Figure 6 of OSDI 2002: the sampled estimate of active memory follows what is used."""

import numpy as np

from pageengine.lab import Simulation, VMSpec
from pageengine.lab.workloads import Accesses
from pageengine.papers.base import Claim, Number, Outcome
from pageengine.policy import ESX
from pageengine.units import MIB, PAGE_BYTES

TITLE = "Sampling active memory"
SOURCE = "Waldspurger, OSDI 2002, section 5.4, figure 6"
SETUP = """\
One machine of 256 MB; a program touches 50 to 235 MB over and over, in steps, while the system
touches another 15 MB. Then the program exits, and all the pages it ever had are zeroed. 100 pages
are sampled per period of 30 s of the machine's time; the estimate is the largest of the slow
average, the fast one, and the fast one with the period that is not over."""
NOTE = """\
The paper touches up to 250 MB, beside which the system has to page; here both fit. It prints
neither the steps nor the gains of its averages; ours are 0.1 and 0.9, those of the flip-flop filter
it cites. So the shape is claimed, and that the scatter of a steady estimate is what 100 samples
have."""

STEPS = ((0.0, 50), (420.0, 150), (840.0, 235), (1260.0, 120), (1680.0, 200), (2100.0, 70))
EXIT, END, BACKGROUND = 2700.0, 3600.0, 15
SIZE_MIB = 256


class _Toucher:
    """Touches what the schedule says, and the background, evenly, every second; zeroes what it had
    when it exits.
    """

    needs_guest, in_use = False, 0

    def start(self, pages, rng):
        self._rng, self._zeroed = rng, False


    def step(self, seconds, time):
        own = [size for at, size in STEPS if at <= time][-1] if time < EXIT else 0
        used = (own + BACKGROUND) * MIB // PAGE_BYTES
        self.in_use = used
        ids = self._rng.integers(0, used, int(used * seconds / 4))
        if time >= EXIT and not self._zeroed:
            self._zeroed = True
            ids = np.arange((max(size for _, size in STEPS) + BACKGROUND) * MIB // PAGE_BYTES)
        return [Accesses(ids, True)]


def run(seed: int) -> Outcome:
    size = SIZE_MIB * MIB
    spec = VMSpec("vm", size, _Toucher(), contents="random")
    own = Simulation("512 MiB", [spec], policy=ESX(), seed=seed).run(END).of("vm")
    time, estimate, truth = own["time"], own["active"] / MIB, own["touched"] / MIB

    def settles(start: float, end: float, level: float) -> float:
        """Seconds from a step until the estimate is within a tenth of the level."""
        within = (time > start) & (time <= end) & (np.abs(estimate - level) <= 0.1 * level)
        return float(time[within][0] - start) if within.any() else end - start

    starts = [at for at, _ in STEPS] + [EXIT]
    up = [settles(420, 840, 165), settles(840, 1260, 250), settles(1680, 2100, 215)]
    down = [settles(1260, 1680, 135), settles(2100, 2700, 85)]
    ends = list(zip(starts, starts[1:], strict=False))
    steady = [(time > a + 120) & (time <= b) for a, b in ends if a in (420.0, 840.0, 1680.0)]
    errors = [100 * (estimate[s].mean() / truth[s][0] - 1) for s in steady]
    spike = float(estimate[(time > EXIT) & (time < EXIT + 60)].max())
    numbers = [
        Number("slowest step up, to within 10 %", max(up), None, "s"),
        Number("fastest step down, to within 10 %", min(down), None, "s"),
        Number("largest mean error after a step up", max(errors, key=abs), None, "%"),
        Number("scatter of one period at half active", _scatter(seed), 5, "points", 0.1,
               "derived"),
    ]  # fmt: skip
    before = float(truth[time <= EXIT][-1])
    claims = [
        Claim("growing, the estimate follows quickly (within two periods)", max(up) <= 60),
        Claim("shrinking, it follows gradually (later than any step up)", min(down) > max(up)),
        Claim("zeroing freed pages after the exit shows as a spike", spike > 1.5 * before),
        Claim("and the estimate comes down to the background after it",
              bool(estimate[-1] < 4 * BACKGROUND)),
    ]  # fmt: skip
    return Outcome(numbers, claims, {"time": time, "estimate": own["active"],
                                     "truth": own["touched"]})  # fmt: skip


def _scatter(seed: int) -> float:
    """Standard deviation, in points of a hundred, of what 100 samples say of a machine that touches
    half of its pages, over 400 periods of the engine's own sampling.
    """
    from pageengine import Host

    with Host("64 MiB", contents="tokens", seed=seed) as host:
        vm = host.add_vm("vm", "32 MiB")
        vm.touch(np.arange(vm.pages))
        found = []
        for _ in range(400):
            vm.start_sample(100)
            vm.touch(np.arange(vm.pages // 2))
            hit, marked = vm.end_sample()
            found.append(100 * hit / marked)
        return float(np.std(found))


def draw(figure, data) -> None:
    from pageengine.report import style

    axes = figure.subplots()
    axes.plot(data["time"], data["truth"], color=style.BLACK, lw=1.1, ls="--", label="touched")
    axes.plot(data["time"], data["estimate"], color=style.BLUE, label="estimate")
    axes.annotate("exit, freed\npages zeroed", (EXIT, 150 * MIB), (8, 0), color=style.GREY,
                  textcoords="offset points")  # fmt: skip
    axes.axvline(EXIT, color=style.GREY, lw=0.9, ls="--")
    style.size_axis(axes, 256.0 * MIB, "memory")
    style.time_axis(axes, data["time"])
    axes.set_ylim(0, 300 * MIB)
    figure.legend(loc="outside lower center", ncols=2)
