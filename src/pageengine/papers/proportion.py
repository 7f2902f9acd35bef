"""Taking in proportion to what VMs hold, against shares per page."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from pageengine.lab import Simulation, VMSpec
from pageengine.papers.base import Claim, Number, Outcome
from pageengine.policy import ESX, Policy, Proportional, Shares
from pageengine.units import MIB

TITLE = "In proportion to consumption, or by shares per page"
SOURCE = "Waldspurger, OSDI 2002, section 5.1: twice the shares, twice the memory"
SETUP = """\
Two hosts, memory taken by paging. One has three equal VMs with 1, 2 and 4 shares that all want
more than there is. The other has one small VM with high shares beside three large ones that
sweep through their memory."""
NOTE = """\
Shares are rights to memory that is used: what a VM does not touch it does not come to hold,
whatever its shares. Victims within a VM are chosen by second chance."""

WARM, END = 120.0, 200.0
RULES: dict[str, Callable[[], Policy]] = {
    "in proportion": lambda: Proportional(),
    "by shares": lambda: Shares(technique="swap"),
    "by shares, tax 75 %": lambda: ESX(states="esx2002"),
}
RATIOS = (1, 2, 4)


def _equal_wants(policy: Policy, seed: int) -> np.ndarray:
    """Memory that VMs with 1, 2 and 4 shares come to hold, bytes."""
    sweep = {"kind": "zipf", "alpha": 0.0, "rate": 3000, "memory": 120 * MIB}
    specs = [
        VMSpec(str(n), 128 * MIB, sweep, shares=1000 * n, driver=False, contents="random")
        for n in RATIOS
    ]
    result = Simulation(200 * MIB, specs, policy=policy, costs="nvme", seed=seed).run(END)
    late = result.vms["time"] > WARM
    return np.array(
        [np.median(result.vms["consumed"][late & (result.vms["vm"] == str(n))]) for n in RATIOS]
    )


def _small_one(policy: Policy, seed: int) -> tuple[float, float]:
    """Part of its time that the small VM waits, and the large ones."""
    small = {"kind": "zipf", "alpha": 0.0, "rate": 500, "memory": 28 * MIB}
    large = {"kind": "sequential", "rate": 4000, "memory": 120 * MIB, "write": 1.0}
    specs = [VMSpec("small", 32 * MIB, small, shares=4000, driver=False, contents="random")]
    specs += [
        VMSpec(f"large{i}", 128 * MIB, large, shares=1000, driver=False, contents="random")
        for i in range(3)
    ]
    vms = Simulation(288 * MIB, specs, policy=policy, costs="nvme", seed=seed).run(END).vms
    late, small_rows = vms["time"] > WARM, vms["vm"] == "small"
    waits = [vms["stall"][late & rows].mean() for rows in (small_rows, ~small_rows)]
    return 100 * float(waits[0]), 100 * float(waits[1])


def run(seed: int) -> Outcome:
    held = {name: _equal_wants(make(), seed) for name, make in RULES.items()}
    waits = {name: _small_one(make(), seed) for name, make in RULES.items()}
    by_shares = held["by shares"] / held["by shares"][0]
    alike = held["in proportion"] / held["in proportion"][0]
    numbers = [
        Number("by shares: memory of 2 shares over 1", by_shares[1], 2, "", 0.1),
        Number("by shares: memory of 4 shares over 1", by_shares[2], 4, "", 0.1, "derived"),
        Number("in proportion: memory of 4 shares over 1", alike[2], None, ""),
    ]
    for name, (small, large) in waits.items():
        numbers.append(Number(f"{name}: small VM waits", small, None, "%"))
        numbers.append(Number(f"{name}: large VMs wait", large, None, "%"))
    claims = [
        Claim("in proportion, shares make no difference", bool(np.ptp(alike) < 0.1)),
        Claim(
            "in proportion, a small VM of many shares waits for what large ones sweep",
            waits["in proportion"][0] > 3 * waits["by shares"][0],
        ),
        Claim("by shares it keeps what it uses", waits["by shares"][0] < 2),
    ]
    answer = (
        f"Proportion treats pages alike and VMs not at all: the small VM with four times "
        f"the shares waits {waits['in proportion'][0]:.1f} % of its time because its neighbours "
        f"sweep, {waits['by shares'][0]:.1f} % by shares, and they wait "
        f"{waits['in proportion'][1]:.0f} and {waits['by shares'][1]:.0f} %. VMs that want "
        f"the same hold 1 : {by_shares[1]:.2f} : {by_shares[2]:.2f} by shares of 1 : 2 : 4, and "
        f"1 : {alike[1]:.2f} : {alike[2]:.2f} in proportion."
    )
    return Outcome(numbers, claims, {"held": held, "waits": waits}, answer)


def draw(figure: Any, data: Mapping[str, Any]) -> None:
    from pageengine.report import style

    left, right = figure.subplots(1, 2)
    at = np.arange(len(RULES))
    for i, (n, color) in enumerate(zip(RATIOS, (style.SKY, style.BLUE, style.BLACK), strict=True)):
        heights = [data["held"][name][i] / MIB for name in RULES]
        left.bar(at + 0.26 * (i - 1), heights, 0.24, color=color, label=f"shares: {n}")
    for i, (who, color) in enumerate((("small", style.VERMILION), ("large", style.GREY))):
        heights = [data["waits"][name][i] for name in RULES]
        right.bar(at + 0.38 * (i - 0.5), heights, 0.36, color=color, label=f"{who}, waiting")
    left.set_ylabel("memory held (MiB)")
    right.set_ylabel("waiting (% of time)")
    left.set_title("three that want the same")
    right.set_title("a small one, and three that sweep")
    for axes in (left, right):
        axes.set_xticks(at, [name.replace(", ", ",\n") for name in RULES])
        axes.grid(axis="x", visible=False)
        axes.legend(loc="best")


SIZE = (8.5, 4.0)
