"""How ``pageengine run`` runs a fleet and tells what came of it."""

import argparse
from typing import Any

import numpy as np

from pageengine import report
from pageengine.cli import outcome
from pageengine.cli.checkpoints import Checkpoints
from pageengine.cli.console import Console, percent, size
from pageengine.cli.outcome import Correction
from pageengine.cli.stopping import Stop
from pageengine.lab import build
from pageengine.lab.estimate import Pace, of_fleet
from pageengine.lab.fleet import Fleet, FleetResult
from pageengine.lab.scenario import Scenario
from pageengine.plumbing import given
from pageengine.policy.states import STATES
from pageengine.units import parse_size

_MOST = 40
_TRIAL = 0.5  # seconds that may be spent on the estimate


def run(
    arguments: argparse.Namespace,
    console: Console,
    scenario: Scenario,
    jobs: int,
    max_time: float | None,
    kept: Checkpoints,
) -> int:
    """Runs the fleet of a scenario as the command's arguments say; the exit status."""
    fleet = build.fleet(scenario, policy=arguments.policy, seed=arguments.seed)
    assert scenario.fleet is not None
    with Stop(max_time) as stop, console.progress() as show:
        said = None
        if file := kept.found(console):
            fleet.resume(file)
            kept.goes_on(console, fleet.time)
        elif not arguments.json:
            said = _foretell(console, scenario, fleet, arguments.policy, jobs, max_time, stop)
        pace, correction = Pace(scenario), Correction(console, said)

        def progress(now: float, what: str) -> bool:
            if what:
                correction.hear(pace.taken, pace.left(now))
                told = f"{scenario.name}: {outcome.span(now)}, {what}"
                show(scenario.name, told, int(now), int(scenario.seconds))
            return not stop()

        told = kept.saving(fleet.save, fleet.time, progress)
        result = fleet.run(scenario.seconds, jobs=jobs, dask=arguments.dask, progress=told)
        if result.partial and stop.why:
            result.meta["partial"] = stop.why
        folder = report.save(result, arguments.output) if arguments.output else None
    console.result(found(result) | {"output": folder})
    tell(console, result)
    outcome.end(console, result, folder)
    return stop.status if result.partial else 0


def _foretell(
    console: Console,
    scenario: Scenario,
    fleet: Fleet,
    policy: str | None,
    jobs: int,
    max_time: float | None,
    stop: Stop,
) -> float | None:
    """What will be run, how long it takes (seconds, None where that is not known), and which VMs no
    host can ever take.
    """
    guess = of_fleet(scenario, jobs, policy=policy, trial=_TRIAL, stop=stop)
    console.say(
        f"{scenario.name}: {len(scenario.vms)} VMs on {len(fleet.memory)} hosts of "
        f"{size(scenario.host['memory'])}, {outcome.span(scenario.seconds)} in rounds of "
        f"{outcome.span(fleet.round)}; {outcome.takes(guess, max_time, f', {jobs} at a time')}"
    )
    if fleet.homeless:
        first = fleet.specs[fleet.homeless[0]]
        console.say(
            f"No host takes {given.listed(fleet.homeless)}, were it empty: {first.name} is of "
            f"{size(parse_size(first.size))}, with {size(parse_size(first.reservation))} promised, "
            f"and a host of {size(scenario.host['memory'])} takes what is promised up to its "
            f"memory and working sets up to {percent(fleet.admission.full, 1)} of it (full, "
            "unseen, overcommit in [fleet]). They wait for ever.",
            style="bold red",
        )
    return guess.seconds


def found(result: FleetResult) -> dict[str, Any]:
    """What the tables hold, for JSON: amounts in bytes, times in seconds, shares as parts of 1."""
    moves = {key: np.asarray(column).tolist() for key, column in result.moves.items()}
    return {
        "summary": result.summary,
        "hosts": hosts(result),
        "states": [],
        "vms": vms(result),
        "techniques": [],
        "moves": [
            dict(zip(moves, values, strict=True)) for values in zip(*moves.values(), strict=True)
        ],
        "meta": result.meta,
        "events": result.events,
        "digest": result.digest(),
    }


def vms(result: FleetResult) -> list[dict[str, Any]]:
    """Every VM, as ``outcome.vms`` has those of one host; None is what a fleet does not record."""
    names, which = np.unique(np.asarray(result.vms["vm"], dtype=str), return_inverse=True)
    rounds = np.bincount(which)
    mean = {
        key: np.bincount(which, result.vms[key]) / rounds
        for key in ("size", "consumed", "active", "stall")
    }
    unknown = dict.fromkeys(("balloon_most", "swapped_most", "worst_minute"))
    rows = [
        {
            "vm": name,
            "refused": False,
            "size": int(mean["size"][i]),
            "held": int(mean["consumed"][i]),
            "active": int(mean["active"][i]),
            "stall": float(mean["stall"][i]),
            **unknown,
        }
        for i, name in enumerate(names.tolist())
    ]
    nothing = unknown | dict.fromkeys(("size", "held", "active", "stall"))
    never = [name for name in result.meta["refused"] if name not in set(names.tolist())]
    return rows + [{"vm": name, "refused": True, **nothing} for name in never]


def hosts(result: FleetResult) -> list[dict[str, Any]]:
    """Every host."""
    if not len(result.hosts["time"]):
        return []
    keys = ("memory", "vms", "active", "stall", "state", "swapped", "came", "left")
    grids = {key: result.grid(key)[1] for key in keys}
    rows = []
    for i, name in enumerate(result.names):
        own = {key: grid[i] for key, grid in grids.items()}
        rows.append(
            {
                "host": name,
                "memory": int(own["memory"][-1]),
                "vms": float(own["vms"].mean()),
                "active": int(own["active"].mean()),
                "active_most": int(own["active"].max()),
                "swapped_most": int(own["swapped"].max()),
                "stall": float(own["stall"].mean()),
                "state": STATES[int(own["state"].max())],
                "came": int(own["came"].sum()),
                "left": int(own["left"].sum()),
            }
        )
    return rows


def tell(console: Console, result: FleetResult) -> None:
    """All tables of a fleet's result."""
    rows = hosts(result)
    if not rows:
        console.say("Nothing was recorded.")
        return
    meta = result.meta
    shown = sorted(rows, key=lambda row: row["stall"], reverse=True)[:_MOST]
    shown = rows if len(rows) <= _MOST else shown
    left = len(rows) - len(shown)
    console.table(
        f"{len(rows)} hosts under {meta.get('policy', '?')}, placed by {meta['placement']}",
        ("host", "VMs", "working sets", "most", "swapped", "stalled", "lowest", "came", "left"),
        [
            (
                row["host"],
                f"{row['vms']:.3g}",
                percent(row["active"], row["memory"]),
                percent(row["active_most"], row["memory"]),
                size(row["swapped_most"]),
                outcome.stalled(row["stall"]),
                row["state"],
                f"{row['came']:,}",
                f"{row['left']:,}",
            )
            for row in shown
        ],
        caption="VMs, working sets (of its memory), stalled: mean of the run; swapped: the most"
        + (f"; {left} more, whose VMs stalled less, are not shown" if left else ""),
    )
    _sum(console, result)
    for each in meta.get("left_out", ()):
        console.say(f"Left out: {each}.", style="yellow")


def _sum(console: Console, result: FleetResult) -> None:
    told = result.summary
    worst = max(result.stalls().items(), key=lambda item: item[1], default=("", 0.0))
    console.table(
        "The fleet",
        ("figure", ""),
        [
            ("hosts with VMs, most at a time", f"{told['hosts_used']:,}"),
            ("VMs stalled, mean", outcome.stalled(told["stall"])),
            (f"most: {worst[0]}", outcome.stalled(worst[1])),
            (
                "hosts and rounds in which working sets were more than memory",
                percent(told["full"], 1),
            ),
            ("VMs moved", f"{told['moved']:,}"),
            ("sent for that", size(told["bytes_moved"])),
            ("VMs without a host, most at a time", f"{told['waiting_most']:,}"),
        ],
    )
