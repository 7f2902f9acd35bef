"""A controller's integral in a host that cannot reach its goal: what it does afterwards."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from pageengine.lab import GuestSpec, Simulation, VMSpec
from pageengine.lab.results import Result
from pageengine.papers.base import Claim, Number, Outcome
from pageengine.policy import PI
from pageengine.policy.pi import FREE, KI, KP, PERIOD
from pageengine.units import MIB

TITLE = "Wind-up of a balloon's controller"
SOURCE = "balloon.py of qemus/qemu (2026), its gains, bounds and back-calculation"
SETUP = """\
A host of 256 MiB, a fifth of which should be available, and one guest of 128 MiB with a balloon,
which reads more files than its cache holds. Three others have no balloon: one holds 150 MiB, two
hold 20 MiB each. For five minutes the goal cannot be reached: the guest is at its floor, 35 % of
its size. Then one of the two leaves, which is not enough, and two minutes later the other. The
integral as it is (at a bound it becomes what would just lead there), only kept within 1, and
without any bound."""
NOTE = """\
Changes of a MiB and more are sent here, not of 128 MiB, as guests are small. The original runs with
the first form; the others are options of the policy, and what a plain controller would do. What
leaves, leaves all at once."""

HOST, VM = 256 * MIB, 128 * MIB
FIRST, SECOND, END, EPOCH = 300.0, 420.0, 900.0, 5.0
FORMS: dict[str, dict[str, Any]] = {
    "back-calculated": {},
    "within 1": {"back_calculate": False},
    "without a bound": {"back_calculate": False, "most_integral": 1e6},
}


def _rests(mib: int) -> dict[str, Any]:
    return {"kind": "idle", "fill": 100_000, "rate": 0, "active": 1, "memory": mib * MIB}


def _result(seed: int, **options: Any) -> Result:
    server = {"kind": "fileserver", "files": 120 * MIB, "rate": 400, "memory": 8 * MIB}
    without: dict[str, Any] = {"driver": False, "contents": "own"}
    specs = [
        VMSpec("guest", VM, server, guest=GuestSpec(kernel="8 MiB"), contents="own"),
        VMSpec("stays", 160 * MIB, _rests(150), **without),
        VMSpec("first", 32 * MIB, _rests(20), stop=FIRST, **without),
        VMSpec("second", 32 * MIB, _rests(20), stop=SECOND, **without),
    ]
    policy = PI(hysteresis=MIB, **options)
    return Simulation(HOST, specs, policy=policy, costs="nvme", seed=seed, epoch=EPOCH).run(END)


def _rounds(error: float, integral: float) -> float:
    """Rounds until a controller with this integral takes less than before, the error being what it
    is now.
    """
    rounds = 1
    while KP * error + KI * (integral + rounds * PERIOD * error) >= 0:
        rounds += 1
    return rounds


class _Shortage:
    """time and the columns of one form's run; bytes and seconds."""

    def __init__(self, result: Result):
        host, own = result.host, result.of("guest")
        self.time, self.free = host["time"], host["free"] / HOST
        self.balloon, self.ordered = own["balloon"], own["balloon_target"]
        self.at_bound = float(self.balloon[self.time <= FIRST][-1])
        short = self.free[self.time <= FIRST][-1]
        # all errors until the second leaves, each counted for a round
        self.wound = float(np.sum(FREE - self.free[self.time <= SECOND]) * PERIOD)
        self.short = float(FREE - short)
        between = (self.time > FIRST) & (self.time <= SECOND)
        self.early = float(self.free[between].min())
        self.error = float(FREE - self.free[self.time > SECOND][0])

    def waits(self, since: float) -> float:
        """Seconds from then on until less is ordered than at the bound; infinite: never."""
        less = self.time[(self.time > since) & (self.ordered < self.at_bound - MIB / 2)]
        return float(less[0]) - since if len(less) else np.inf

    def least_free(self) -> float:
        """Least free part of memory after the second has left."""
        return float(self.free[self.time > SECOND].min())


def run(seed: int) -> Outcome:
    runs = {name: _Shortage(_result(seed, **options)) for name, options in FORMS.items()}
    back, bounded, free = runs.values()
    derived = PERIOD * _rounds(bounded.error, 1.0)
    unwinds = PERIOD * _rounds(free.error, free.wound)
    numbers = [
        Number(
            "within 1: seconds until it gives back",
            bounded.waits(SECOND),
            derived,
            "s",
            0.25,
            "derived",
        ),
        Number("back-calculated: the same", back.waits(SECOND), None, "s"),
        Number(
            "without a bound: the same, by its integral",
            unwinds,
            None,
            "s",
        ),
        *(
            Number(f"{name}: least free memory afterwards", 100 * form.least_free(), None, "%")
            for name, form in runs.items()
        ),
    ]
    claims = _claims(back, bounded, free)
    answer = (
        f"An integral without a bound has {free.wound:.0f} to unwind, and would take "
        f"{unwinds / 60:.0f} minutes for it. Kept within 1 it takes {bounded.waits(SECOND):.0f} s, "
        f"while there is memory for the guest. Back-calculation answers at once, and has a price "
        f"of its own: at the bound the integral stands against the error, so a relief that is not "
        f"enough makes the guest grow all the same (free memory falls to {100 * back.early:.1f} %, "
        f"where 20 were wanted), and after one that is enough the guest takes so much that "
        f"{100 * back.least_free():.1f} % are left, against {100 * bounded.least_free():.1f} %. "
        f"These two come to 20 % in the end."
    )
    data = {name: (form.time, form.free, form.balloon) for name, form in runs.items()}
    return Outcome(numbers, claims, data, answer)


def _claims(back: _Shortage, bounded: _Shortage, free: _Shortage) -> list[Claim]:
    return [
        Claim(
            "while the goal cannot be reached, the guest is at its floor in all three forms",
            len({form.at_bound for form in (back, bounded, free)}) == 1 and back.short > 0.1,
            "derived",
        ),
        Claim(
            "back-calculated, it gives back at the first round after the goal is met",
            back.waits(SECOND) <= 2 * PERIOD,
            "derived",
        ),
        Claim(
            "within 1, it waits for several rounds first",
            bounded.waits(SECOND) > 2 * PERIOD,
            "derived",
        ),
        Claim(
            "without a bound it still waits when the run ends, eight minutes later",
            free.waits(SECOND) == np.inf,
            "derived",
        ),
        Claim(
            "back-calculated, it also gives back while the host is still short of its goal",
            back.waits(FIRST) <= 2 * PERIOD and back.early < FREE,
            "derived",
        ),
        Claim("the others do not", bounded.waits(FIRST) > SECOND - FIRST, "derived"),
    ]


def draw(figure: Any, data: Mapping[str, Any]) -> None:
    from pageengine.report import style

    top, bottom = figure.subplots(2, 1, sharex=True)
    colors = (style.BLUE, style.ORANGE, style.VERMILION)
    for (name, (time, free, balloon)), color in zip(data.items(), colors, strict=True):
        top.plot(time / 60, balloon / MIB, color=color, label=name)
        bottom.plot(time / 60, 100 * free, color=color)
    bottom.axhline(100 * FREE, color=style.BLACK, lw=0.8, ls=":")
    for axes in (top, bottom):
        axes.set_ylim(0)
        for when in (FIRST, SECOND):
            axes.axvline(when / 60, color=style.BLACK, lw=0.8, ls=":")
    top.set_ylabel("balloon (MiB)")
    bottom.set_ylabel("free memory (%)")
    bottom.set_xlabel("minutes")
    figure.legend(*top.get_legend_handles_labels(), loc="outside lower center", ncols=3)
