"""How much memory a host keeps free, and where its states begin."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from pageengine.papers.base import Claim, Number, Outcome
from pageengine.policy.states import GIB, MIB, PRESETS, minfree

TITLE = "minfree and the thresholds of the states"
SOURCE = "OSDI 2002, section 6.3; ESXi 5 and 6 as described by running systems and VMware's staff"
SETUP = """\
The sliding scale of ESXi 5 (6 % of the first 4 GB, 4 % of the next 8, 2 % of the next 16, 1 % of
the rest) and the states as parts of it; the four fixed percentages of 2002. Thresholds are found by
asking for the state of a host of 1 TB, or 1 GB in 2002, at 20,000 amounts of free memory: where it
falls into a state, and where it comes back to high."""
NOTE = """\
The tables that give 48, 72 and 144 GB begin with 899 MB for the first 28 GB, where the slices add
up to 901.12, and some go on with 10 MB per GB, where it is 10.24: they are shown, not held to.
Whether "high" of ESXi 6 is 400 or 300 % of minfree is told both ways; this package says 400. The
margin by which a host has to exceed a threshold on its way up is not printed; it is none here."""

SIZES = {
    4: 245.76,
    12: 573.44,
    28: 901.12,
    48: 1099.0,
    72: 1349.56,
    96: 1597.4,
    128: 1925.12,
    144: 2086.84,
    1024: 11_100.0,
}
ROUNDED = (48, 72, 144)
DERIVED = (4, 12, 28, 96, 1024)
#: Preset -> memory of the host, and each state's threshold as a percentage of minfree (of memory in
#: 2002).
STATES: dict[str, tuple[int, dict[str, float | tuple[float, float]]]] = {
    "esx2002": (GIB, {"high": 6, "soft": 4, "hard": 2, "low": 1}),
    "esx5": (1024 * GIB, {"high": 100, "soft": 64, "hard": 32, "low": 16}),
    "esx6": (1024 * GIB, {"high": (300, 400), "clear": 100, "soft": 64, "hard": 32, "low": 16}),
}
TITLES = {"esx2002": "OSDI 2002", "esx5": "ESXi 5", "esx6": "ESXi 6"}
POINTS = 20_000  # amounts of free memory that are asked for


def _entered(preset: str, memory: int) -> dict[str, float]:
    """State -> the most free memory at which a host falls into it; for the first, the least at
    which it comes back.
    """
    thresholds = PRESETS[preset](memory)
    free = np.linspace(0, 1.1 * thresholds.bytes[0], POINTS)
    states = np.array([thresholds.state(int(amount)) for amount in free])
    first, second = thresholds.names[:2]
    back = [thresholds.next_state(second, int(amount), 0.0) == first for amount in free]
    found = {name: float(free[states == name].max()) for name in thresholds.names[1:]}
    return {first: float(free[back].min())} | found


def run(seed: int) -> Outcome:
    numbers = [
        Number(
            f"minfree of {size} GB",
            minfree(size * GIB) / MIB,
            published,
            "MB",
            None if size in ROUNDED else 0.001,
            "derived" if size in DERIVED else "read",
        )
        for size, published in SIZES.items()
    ]
    for preset, (size, parts) in STATES.items():
        entered = _entered(preset, size)
        whole, of = (size, "memory") if preset == "esx2002" else (minfree(size), "minfree")
        for name, percent in parts.items():
            numbers.append(
                Number(
                    f"{TITLES[preset]}, {name}: part of {of}",
                    100 * entered[name] / whole,
                    percent,
                    "%",
                    0.01,
                )
            )
    terabyte = _entered("esx6", 1024 * GIB)
    for name, published in (("soft", 6.9), ("hard", 3.5), ("low", 1.7)):
        numbers.append(
            Number(f"{name} on 1 TB, ESXi 6", terabyte[name] / GIB, published, "GB", 0.03)
        )
    memory = np.geomspace(1, 4096, 200) * GIB
    free = np.array([minfree(int(size)) for size in memory])
    part = free / memory
    claims = [
        Claim(
            "minfree grows with memory, and its part of memory falls",
            bool((np.diff(free) > 0).all() and (np.diff(part[memory > 4 * GIB]) < 0).all()),
            "derived",
        )
    ]
    answer = (
        f"On 4 GB a host keeps {minfree(4 * GIB) / MIB:.0f} MB free, {100 * part[0]:.0f} %; on "
        f"1 TB {minfree(1024 * GIB) / GIB:.1f} GB, {100 * minfree(1024 * GIB) / GIB / 1024:.2f} %, "
        f"and balloons move only above {100 - 100 * terabyte['soft'] / GIB / 1024:.1f} % in use."
    )
    return Outcome(numbers, claims, {"memory": memory, "minfree": free}, answer)


def draw(figure: Any, data: Mapping[str, Any]) -> None:
    from pageengine.report import style

    axes = figure.subplots()
    memory, free = data["memory"], data["minfree"]
    low, most = 0.1 * free[0], 0.12 * memory[-1]
    bands = (
        ("high", most / free, 1.0),
        ("clear", 1.0, 0.64),
        ("soft", 0.64, 0.32),
        ("hard", 0.32, 0.16),
        ("low", 0.16, low / free),
    )
    for name, upper, lower in bands:
        label = name if name == "high" else f"{name}: below {100 * upper:.0f} % of minfree"
        axes.fill_between(
            memory, free * lower, free * upper, lw=0, label=label, color=style.STATE_COLORS[name]
        )
    axes.plot(memory, free, color=style.BLACK, label="minfree, ESXi 5 and later")
    axes.plot(
        memory,
        4 * free,
        color=style.BLACK,
        ls=":",
        lw=1.1,
        label="400 % of it: from clear back to high",
    )
    axes.plot(memory, 0.06 * memory, color=style.GREY, ls="--", label="6 % of memory, to ESX 4.1")
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    ticks = GIB * 4.0 ** np.arange(0, 7)
    axes.set_xticks(ticks, [f"{tick / GIB:.0f}" for tick in ticks])
    style.log_size_axis(axes, low, most, "free memory")
    axes.set_ylim(low, most)
    axes.set_xlim(memory[0], memory[-1])
    axes.set_xlabel("memory of the host (GiB)")
    figure.legend(loc="outside right center")


SIZE = (8.5, 4.2)
