"""When all working sets together exceed the host, reclaiming only thrashes."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from pageengine.lab import Simulation, VMSpec
from pageengine.papers.base import Claim, Number, Outcome
from pageengine.policy import ESX, KVM, FreeFirst, NoOvercommit, Policy
from pageengine.units import MIB

TITLE = "Working sets beyond the host"
SOURCE = "A question; Denning 1968 calls it thrashing, OSDI 2002 does not go there"
SETUP = """\
Six VMs that work on all they hold, in sum 0.5 to 1.6 times the host's memory, paged to a hard
disk. Work done is the time they run, as a part of what six would run alone. Beside the policies: as
many VMs as fit run, the others are suspended."""
NOTE = """\
Uniform accesses are the hard case: with skew the fall is slower. The disk sets its depth; where it
begins depends on memory alone. The depth depends on the disk so much that a first run on a SATA
SSD, where all six still did 90 % of their work at 1.2, did not show the second and third claim:
they are of a disk that seeks for every page."""

VMS, HOST, RATE = 6, 240 * MIB, 3000
LOADS = (0.5, 0.7, 0.85, 0.95, 1.05, 1.2, 1.4, 1.6)
WARM, END = 60.0, 120.0
POLICIES: dict[str, Callable[[], Policy]] = {
    "ESX": lambda: ESX(states="esx2002"),
    "KVM": lambda: KVM(ksm="off", balloon=False),
    "FreeFirst": lambda: FreeFirst(technique="swap"),
    "NoOvercommit": lambda: NoOvercommit(),
}


def _work(policy: Policy, load: float, running: int, seed: int) -> float:
    """Work of ``running`` of the six, as a part of what all six could do."""
    used = int(HOST * load / VMS) // MIB * MIB
    work = {"kind": "zipf", "alpha": 0.0, "rate": RATE, "memory": used}
    specs = [VMSpec(f"vm{i}", used, work, driver=False, contents="random") for i in range(running)]
    simulation = Simulation(HOST, specs, policy=policy, costs="hdd", seed=seed, epoch=2.0)
    vms = simulation.run(END).vms
    late = vms["time"] > WARM
    return float(vms["progress"][late].sum() / (VMS * (END - WARM) / 2.0))


def run(seed: int) -> Outcome:
    work = {
        name: np.array([_work(make(), load, VMS, seed) for load in LOADS])
        for name, make in POLICIES.items()
    }
    fit = [min(VMS, int(0.94 * VMS / load)) for load in LOADS]
    suspended = np.array(
        [_work(ESX(states="esx2002"), load, n, seed) for load, n in zip(LOADS, fit, strict=True)]
    )
    shared = ("ESX", "KVM", "FreeFirst")
    beyond = np.array(LOADS) > 1.1
    best = np.max([work[name] for name in shared], axis=0)
    at = LOADS.index(1.2)
    numbers = [
        Number(f"{name}: work done at 1.2 of the host", 100 * values[at], None, "%")
        for name, values in (*work.items(), ("suspending", suspended))
    ]
    claims = [
        Claim(
            "up to the host's memory nothing is lost, whatever the policy",
            bool(min(work[name][1] for name in shared) > 0.97),
        ),
        Claim(
            "beyond it, no policy that runs all VMs saves more than half of the work",
            bool((best[beyond] < 0.5).all()),
        ),
        Claim("running as many as fit beats all of them", bool((suspended > best)[beyond].all())),
    ]
    answer = (
        f"At 1.2 times the host, all six together do {100 * best[at]:.0f} % of their work under "
        f"the best policy, and {fit[at]} of them alone {100 * suspended[at]:.0f} %: no division of "
        f"memory replaces a VM that leaves. That is what migration advice is for."
    )
    return Outcome(numbers, claims, {"work": work, "suspended": suspended}, answer)


def draw(figure: Any, data: Mapping[str, Any]) -> None:
    from pageengine.report import style

    axes = figure.subplots()
    colors = (style.BLUE, style.VERMILION, style.BLACK, style.ORANGE)
    for (name, values), color in zip(data["work"].items(), colors, strict=True):
        axes.plot(LOADS, 100 * values, "o-", ms=3, color=color, label=name)
    axes.plot(
        LOADS,
        100 * data["suspended"],
        "s--",
        ms=4,
        color=style.GREEN,
        label="as many as fit, others suspended",
    )
    axes.axvline(1, color=style.GREY, lw=0.9, ls="--")
    axes.set_ylim(0, 105)
    axes.set_xlabel("working sets together / memory of the host")
    axes.set_ylabel("work done (% of six VMs alone)")
    figure.legend(loc="outside lower center", ncols=5)
