"""Figure 8 of OSDI 2002: five machines that boot at once and share one host for an afternoon."""

import numpy as np

from pageengine.lab import GuestSpec, Simulation, VMSpec
from pageengine.lab.contents import ContentProfile
from pageengine.papers.base import Claim, Number, Outcome
from pageengine.policy import ESX
from pageengine.policy.states import STATES
from pageengine.units import GIB, MIB

TITLE = "Five servers consolidated on one gigabyte"
SOURCE = "Waldspurger, OSDI 2002, section 6.3, figure 8"
SETUP = """\
Machines of 256, 256, 320, 320 and 320 MB on 1 GB, their overhead of 32 MB each beside it: minimum
half of maximum, shares in proportion. All boot at once and zero their memory; balloon drivers start
after five minutes. Then a mail server and its load, a terminal server whose users come one by one
and their load, and a database that answers queries, idles, and later runs a long query."""
NOTE = """\
The programs are substitutes: Exchange, MetaFrame and SQL Server cannot be had, nor the times of the
paper's axes. What they hold in common is assumed to be a quarter, as figure 5 has it for machines
of one kind, and the sizes of programs were chosen so that together they want more than there is.
The trait that counts is Windows zeroing all memory while no driver runs. How many zero pages are
shared, and how much is swapped before a driver runs, depends on how fast guests zero and write,
which is not known: ours zero 16 MB a second and write at once, and peak higher. Those are shown;
what follows from the mechanism is held to."""

END, BOOT = 5400.0, 300.0
QUERIES = ((0.0, "290 MiB"), (1500.0, "24 MiB"), (3600.0, "290 MiB"), (4500.0, "24 MiB"))
CONTENTS = ContentProfile("servers", zero=0.02, common=0.25, within=0.03)


def _specs():
    server = {"kind": "fileserver", "files": "400 MiB", "rate": 400, "memory": "120 MiB"}
    users = {"kind": "toucher", "rate": 4000,
             "schedule": [[600.0 * i, f"{60 + 30 * i} MiB"] for i in range(6)]}  # fmt: skip
    load = {"kind": "fileserver", "files": "300 MiB", "rate": 200, "memory": "60 MiB"}
    query = {"kind": "toucher", "rate": 6000, "schedule": [list(step) for step in QUERIES]}
    machines = (("mail", 256, server), ("mail load", 256, load), ("terminals", 320, users),
                ("terminal load", 320, load), ("database", 320, query))  # fmt: skip
    return [
        VMSpec(name, size * MIB, {"kind": "boot", "speed": "16 MiB", "then": then},
               reservation=size * MIB // 2, overhead="32 MiB", contents=CONTENTS,
               guest=GuestSpec(kernel="20 MiB", boot=BOOT))
        for name, size, then in machines
    ]  # fmt: skip


def run(seed: int) -> Outcome:
    result = Simulation(
        GIB + 160 * MIB, _specs(), policy=ESX(states="esx2002"), costs="hdd", seed=seed, epoch=2.0
    ).run(END)
    host, database = result.host, result.of("database")
    time = host["time"]
    after = time > BOOT + 120
    granted = np.zeros(len(time))
    for name in result.names:
        own = result.of(name)
        granted[-len(own["time"]) :] += own["granted"]
    held = database["consumed"] / MIB
    idle, busy = (time > 2400) & (time < 3600), (time > 4000) & (time < 4500)
    states = np.array(STATES)[host["state"]]
    calm = float(np.isin(states, ("high", "soft"))[after].mean())
    numbers = [
        Number("configured, with overhead", 1472 + 160, 1632, "MB", 0.0, "derived"),
        Number("zero pages shared at the most", host["zero"].max() / MIB, 325, "MB", None,
               "recalled"),
        Number("swapped at the most", host["swapped"].max() / MIB, 35, "MB", None),
        Number("swapped after the boot phase", host["swapped"][after].max() / MIB, (0, 20), "MB",
               0.0),
        Number("allocated after the boot phase", float(np.median(granted[after])) / MIB, 1200,
               "MB", 0.1, "recalled"),
        Number("saved by sharing, late", float(np.median(host["saving"][-600:])) / MIB, 200, "MB",
               None, "recalled"),
        Number("database, idle, least", float(held[idle].min()), 160, "MB", None, "recalled"),
        Number("database, long query", float(held[busy].max()), 300, "MB", 0.07, "recalled"),
        Number("time in high or soft after the boot phase", 100 * calm, None, "%"),
    ]  # fmt: skip
    boot_zero = host["zero"][time < BOOT].max()
    claims = [
        Claim("while no driver runs, shared zero pages carry the boot, and little goes to disk",
              bool(boot_zero > 5 * host["swapped"].max())),
        Claim("the host is nearly always in high or soft", calm > 0.95, "recalled"),
        Claim("after boot shared memory falls and balloons take over",
              bool(host["saving"][time < BOOT].max() > 1.3 * np.median(host["saving"][-600:])
                   and host["ballooned"][time < BOOT].max() == 0
                   and host["ballooned"][after].max() > 50 * MIB), "recalled"),
        Claim("aggregate allocation exceeds machine memory", bool(granted.max() > GIB), "recalled"),
        Claim("the idle database gives memory up, and has it again within two minutes of its query",
              bool(held[idle].min() < 0.9 * held[time < 1500].max()
                   and held[time < 3720][-1] > 0.95 * held[busy].max()), "recalled"),
    ]  # fmt: skip
    data = {"time": time, "state": host["state"], "allocated": granted, "shared": host["saving"],
            "active": sum(result.of(name)["active"] for name in result.names),
            "ballooned": host["ballooned"], "swapped": host["swapped"],
            "database": database["consumed"], "database active": database["active"]}  # fmt: skip
    return Outcome(numbers, claims, data)


def draw(figure, data) -> None:
    from pageengine.report import style

    ribbon, top, bottom = figure.subplots(
        3, 1, sharex=True, gridspec_kw={"height_ratios": (0.35, 3, 2)}
    )
    style.ribbon(ribbon, data["time"], data["state"], STATES)
    lines = (("allocated", style.BLUE), ("active", style.PURPLE), ("shared", style.GREEN),
             ("ballooned", style.SKY), ("swapped", style.VERMILION))  # fmt: skip
    for key, color in lines:
        label = "reclaimed by sharing" if key == "shared" else key
        top.plot(data["time"], data[key], color=color, label=label)
    top.axhline(GIB, color=style.GREY, ls="--", lw=0.9)
    bottom.plot(data["time"], data["database"], color=style.BLUE)
    bottom.plot(data["time"], data["database active"], color=style.PURPLE)
    style.size_axis(top, float(data["allocated"].max()), "all machines")
    style.size_axis(bottom, 320.0 * MIB, "database")
    top.set_ylim(0)
    bottom.set_ylim(0)
    style.time_axis(bottom, data["time"])
    figure.legend(*top.get_legend_handles_labels(), loc="outside lower center", ncols=5)


SIZE = (8.5, 6.0)
