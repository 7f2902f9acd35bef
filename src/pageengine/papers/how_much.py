"""How much to take from each VM."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from pageengine.lab import Simulation, VMSpec
from pageengine.papers.base import Claim, Number, Outcome
from pageengine.policy import ESX, Plan, Policy, Proportional, Shares, Snapshot
from pageengine.policy.ladder import VMNumbers, plans, split
from pageengine.policy.watermarks import Watermarks, by_consumption
from pageengine.units import MIB

TITLE = "How much to take from each VM"
SOURCE = "A question; OSDI 2002 section 5 answers it with shares and a tax, without such a curve"
SETUP = """\
Four VMs of 96 MB with equal shares that filled their memory and then work on 90, 60, 30 and 10
MB of it. A smaller and smaller host takes the rest: in proportion to what they hold, by shares, by
shares with the idle-memory tax, and by an oracle that knows what each works on."""
NOTE = """\
The oracle is no policy that one could have: it reads the workloads' own numbers. All take by paging
to a SATA SSD, victims by second chance. That taking in proportion would cost most was expected and
did not come; the claims are what was found instead, and no test of a prediction."""

VM, USED = 96 * MIB, (90, 60, 30, 10)
TAKEN = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6)
WARM, END = 240.0, 360.0


class _Oracle:
    """Takes what lies idle in truth, from each in proportion."""

    name = "oracle"

    def __init__(self) -> None:
        self.marks = Watermarks(10)

    def reserve(self, memory: int) -> int:
        return self.marks.low(memory)

    def decide(self, snapshot: Snapshot) -> Plan:
        m, need = VMNumbers(snapshot.vms), self.marks.need(snapshot)
        used = np.array([int(name) * MIB for name in m.names])
        parts = split(need, np.maximum(0, m.consumed - used))
        if parts.sum() < need:
            parts = by_consumption(m, need)
        return Plan(
            vms=plans(m, reclaim=parts, technique="swap"),
            wake_below=self.marks.low(snapshot.memory),
        )


RULES: dict[str, Callable[[], Policy]] = {
    "in proportion to what they hold": lambda: Proportional(),
    "by shares": lambda: Shares(technique="swap"),
    "by shares, idle memory taxed": lambda: ESX(states="esx2002", idle_tax=0.75),
    "oracle: by what they do not use": lambda: _Oracle(),
}


def _waiting(policy: Policy, taken: float, seed: int) -> float:
    """Part of their time that the VMs wait, in sum."""
    host = int(len(USED) * VM * (1 - taken)) // MIB * MIB
    specs = [
        VMSpec(
            str(used),
            VM,
            {
                "kind": "idle",
                "memory": VM * 15 // 16,
                "active": used * 256,
                "rate": 1500,
                "fill": 8000,
                "write": 0.3,
            },
            driver=False,
            contents="random",
        )
        for used in USED
    ]
    simulation = Simulation(host, specs, policy=policy, costs="sata-ssd", seed=seed, epoch=2.0)
    vms = simulation.run(END).vms
    late = vms["time"] > WARM
    return float(sum(vms["stall"][late & (vms["vm"] == str(used))].mean() for used in USED))


def run(seed: int) -> Outcome:
    sums = 100 * np.array([[_waiting(make(), t, seed) for t in TAKEN] for make in RULES.values()])
    at = TAKEN.index(0.4)
    numbers = [
        Number(f"{name}: waiting in sum, {100 * TAKEN[at]:.0f} % taken", sums[i, at], None, "%")
        for i, name in enumerate(RULES)
    ]
    middle = slice(1, 5)
    hold, shares, taxed, oracle = sums
    claims = [
        Claim(
            "the tax comes nearer to the oracle than shares alone do",
            bool(taxed[middle].sum() < shares[middle].sum()),
        ),
        Claim("what is in nobody's use can be taken nearly for nothing", bool(oracle[at] < 1)),
        Claim(
            "and taking in proportion finds it: VMs that do not ask for pages back shrink",
            bool(np.abs(hold[middle] - oracle[middle]).max() < 3),
        ),
    ]
    answer = (
        f"As much as it does not use. With {100 * TAKEN[at]:.0f} % of memory taken the four wait "
        f"{oracle[at]:.1f} % of their time in sum when exactly unused memory goes, "
        f"{hold[at]:.1f} % when it goes in proportion, {taxed[at]:.1f} % by shares with the tax "
        f"and {shares[at]:.1f} % by shares alone. Proportion needs no estimate: pages that nobody "
        f"asks back stay away, and who faults grows again, as under one global LRU. What it cannot "
        f"do is protect anybody (see proportion). Shares take from VMs that use all they "
        f"have; the tax makes up for part of it, as far as the estimates carry and 6 % of memory "
        f"may be kept free. Beyond what is unused "
        f"({100 - 100 * sum(USED) * MIB / (len(USED) * VM):.0f} %) every rule costs."
    )
    return Outcome(numbers, claims, {"sums": sums}, answer)


def draw(figure: Any, data: Mapping[str, Any]) -> None:
    from pageengine.report import style

    axes = figure.subplots()
    colors = (style.VERMILION, style.ORANGE, style.BLUE, style.BLACK)
    for i, (name, color) in enumerate(zip(RULES, colors, strict=True)):
        axes.plot(100 * np.array(TAKEN), data["sums"][i], "o-", ms=3, color=color, label=name)
    unused = 100 - 100 * sum(USED) * MIB / (len(USED) * VM)
    axes.axvline(unused, color=style.GREY, ls="--", lw=0.9)
    axes.annotate(
        "all that is unused",
        (unused, 0.93),
        (-5, 0),
        ha="right",
        color=style.GREY,
        xycoords=("data", "axes fraction"),
        textcoords="offset points",
    )
    axes.set_ylim(0)
    axes.set_xlabel("memory taken (% of what the VMs have)")
    axes.set_ylabel("waiting, sum of four (% of time)")
    figure.legend(loc="outside lower center", ncols=2)
