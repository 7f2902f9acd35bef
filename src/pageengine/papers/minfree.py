"""How much memory a host keeps free, and where its states begin."""

import numpy as np

from pageengine.papers.base import Claim, Number, Outcome
from pageengine.policy.states import GIB, MIB, PRESETS, minfree

TITLE = "minfree and the thresholds of the states"
SOURCE = "OSDI 2002, section 6.3; ESXi 5 and 6 as described by running systems and VMware's staff"
SETUP = """\
The sliding scale of ESXi 5 (6 % of the first 4 GB, 4 % of the next 8, 2 % of the next 16, 1 % of
the rest) and the states as parts of it; the four fixed percentages of 2002."""
NOTE = """\
The tables that give 48, 72 and 144 GB begin with 899 MB for the first 28 GB, where the slices add
up to 901.12, and some go on with 10 MB per GB, where it is 10.24: they are shown, not held to.
Whether "high" of ESXi 6 is 400 or 300 % of minfree is told both ways; this package says 400."""

SIZES = {4: 245.76, 12: 573.44, 28: 901.12, 48: 1099.0, 72: 1349.56, 96: 1597.4, 128: 1925.12,
         144: 2086.84, 1024: 11_100.0}  # fmt: skip
ROUNDED = (48, 72, 144)
DERIVED = (4, 12, 28, 1024)


def run(seed: int) -> Outcome:
    numbers = [
        Number(f"minfree of {size} GB", minfree(size * GIB) / MIB, published, "MB",
               None if size in ROUNDED else 0.001, "derived" if size in DERIVED else "read")
        for size, published in SIZES.items()
    ]  # fmt: skip
    terabyte = PRESETS["esx6"](1024 * GIB)
    for name, published in (("soft", 6.9), ("hard", 3.5), ("low", 1.7)):
        ours = terabyte.bytes[terabyte.names.index(name)] / GIB
        numbers.append(Number(f"{name} on 1 TB, ESXi 6", ours, published, "GB", 0.03))
    old = PRESETS["esx2002"](GIB)
    for name, percent in zip(old.names, (6, 4, 2, 1), strict=True):
        ours = 100 * old.bytes[old.names.index(name)] / GIB
        numbers.append(Number(f"{name}, OSDI 2002", ours, percent, "%", 1e-6))
    memory = np.geomspace(1, 4096, 200) * GIB
    free = np.array([minfree(int(size)) for size in memory])
    part = free / memory
    claims = [
        Claim("minfree grows with memory, and its part of memory falls",
              bool((np.diff(free) > 0).all() and (np.diff(part[memory > 4 * GIB]) < 0).all()))
    ]  # fmt: skip
    return Outcome(numbers, claims, {"memory": memory, "minfree": free})


def draw(figure, data) -> None:
    from pageengine.report import style

    axes = figure.subplots()
    memory, free = data["memory"] / GIB, data["minfree"] / GIB
    bounds = (("soft", 1.0, 0.64), ("hard", 0.64, 0.32), ("low", 0.32, 0.0))
    for (name, _, _), high, low in zip(bounds, (0.64, 0.32, 0.16), (0.32, 0.16, 0.0), strict=True):
        axes.fill_between(memory, free * low, free * high, color=style.STATE_COLORS[name],
                          label=f"{name}: below {100 * high:.0f} % of minfree")  # fmt: skip
    axes.plot(memory, free, color=style.BLACK, label="minfree: below it, soft is near")
    axes.plot(memory, memory * 0.06, color=style.GREY, ls="--", label="6 % of memory (ESX to 4.1)")
    axes.set_xscale("log", base=2)
    ticks = 4.0 ** np.arange(0, 7)
    axes.set_xticks(ticks, [f"{tick:.0f}" for tick in ticks])
    axes.set_ylim(0, free[-1] * 1.05)
    axes.set_xlim(memory[0], memory[-1])
    axes.set_xlabel("memory of the host (GiB)")
    axes.set_ylabel("free memory (GiB)")
    axes.legend(loc="upper left")
