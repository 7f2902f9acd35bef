"""How the result of a simulation is told: the host's states, each VM, what each technique gave
back."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pageengine.cli.console import Console, percent, size
from pageengine.lab import figures
from pageengine.lab.results import Result
from pageengine.policy.states import STATES

if TYPE_CHECKING:
    from pageengine.lab.estimate import Estimate
    from pageengine.lab.fleet import FleetResult

_MOST = 40

_SOON = 2.0  # seconds after which a run's own pace is trusted more


class Correction:
    """Says anew how long a run takes, when its pace shows that what was said is wrong by a factor
    of two. said: seconds; None: nothing was."""

    def __init__(self, console: Console, said: float | None):
        self._console, self._said = console, said

    def hear(self, taken: float, left: float | None) -> None:
        """taken, left: seconds, by the run's own pace."""
        if self._said is None or left is None or taken < _SOON:
            return
        total = taken + left
        if not self._said / 2 <= total <= self._said * 2:
            self._said = total
            self._console.say(f"By its pace it takes about {span(total)} in all.")


def takes(guess: "Estimate", max_time: float | None, beside: str = "") -> str:
    """What a run takes, for the end of a sentence. max_time: seconds after which it ends. beside:
    what else there is to say of its time.
    """
    speed = "" if guess.seconds is None else f" and about {span(guess.seconds)}"
    limit = f", at most {span(max_time)} of real time" if max_time else ""
    return f"takes about {size(guess.memory)} of memory{speed}{beside}{limit}."


def found(result: Result) -> dict[str, Any]:
    """What the tables hold, for JSON: amounts in bytes, times in seconds, shares as parts of 1."""
    if not len(result.host.get("time", ())):
        return {"states": [], "vms": [], "techniques": []}
    return {
        "states": states(result),
        "vms": vms(result),
        "techniques": techniques(result),
    }


def tell(console: Console, result: Result) -> None:
    """All tables of one result."""
    data = found(result)
    if not data["techniques"]:
        console.say("Nothing was recorded.")
        return
    _states(console, result, data["states"])
    _show_vms(console, data["vms"])
    _techniques(console, data["techniques"])
    for left in result.meta.get("left_out", ()):
        console.say(f"Left out: {left}.", style="yellow")


def end(console: Console, result: "Result | FleetResult", folder: Path | None) -> None:
    """Whether it came to its end, and where it was saved (None: nowhere)."""
    if result.partial:
        console.say(f"Partial: {result.why}.", style="bold red")
    if folder:
        names = ", ".join(sorted(path.name for path in folder.iterdir()))
        console.say(f"Saved in {folder}: {names}")


def span(seconds: float) -> str:
    """Seconds as short text."""
    if seconds < 120:
        return f"{seconds:.3g} s"
    if seconds < 7200:
        return f"{seconds / 60:.3g} min"
    return f"{seconds / 3600:.3g} h"


def stalled(share: float) -> str:
    """A share of stalled time for a table."""
    return "-" if share == 0 else "<0.01 %" if share < 0.0001 else f"{100 * share:.2f} %"


def states(result: Result) -> list[dict[str, Any]]:
    """The states that the host was in."""
    host = result.host
    steps = np.diff(np.concatenate([[0.0], host["time"]]))
    rows = []
    for number, name in enumerate(STATES):
        there = np.asarray(host["state"]) == number
        if there.any():
            free, seconds = np.asarray(host["free"])[there], float(steps[there].sum())
            rows.append(
                {
                    "state": name,
                    "seconds": seconds,
                    "share": seconds / float(steps.sum()),
                    "free_least": int(free.min()),
                    "free_most": int(free.max()),
                }
            )
    return rows


def vms(result: Result) -> list[dict[str, Any]]:
    """Every VM; of one that was refused there is nothing but that."""
    stalls = figures.stalls(result)
    rows = []
    for name in result.names:
        own = result.of(name)
        rows.append(
            {
                "vm": name,
                "refused": False,
                "size": int(own["size"][-1]),
                "held": int(np.mean(own["consumed"])),
                "active": int(np.mean(own["active"])),
                "balloon_most": int(np.max(own["balloon"])),
                "swapped_most": int(np.max(own["swapped"])),
                "stall": stalls[name],
                "worst_minute": figures.worst_minute(own),
            }
        )
    nothing = dict.fromkeys(
        ("size", "held", "active", "balloon_most", "swapped_most", "stall", "worst_minute")
    )
    return rows + [
        {"vm": name, "refused": True, **nothing} for name in result.meta.get("refused", ())
    ]


def techniques(result: Result) -> list[dict[str, Any]]:
    """Bytes that each technique gave back; "in all" is without balloons of untouched memory."""
    parts = figures.won(result)
    total = sum(np.asarray(part) for part in parts.values())
    rows = {**parts, "in all": total, "untouched": figures.untouched(result)}
    return [
        {"technique": name, "mean": int(np.mean(part)), "most": int(np.max(part))}
        for name, part in rows.items()
    ]


def _states(console: Console, result: Result, rows: list[dict[str, Any]]) -> None:
    console.table(
        f"The host of {size(int(result.host['memory'][-1]))} under "
        f"{result.meta.get('policy', '?')}",
        ("state", "time", "share", "free, least", "free, most"),
        [
            (
                row["state"],
                span(row["seconds"]),
                percent(row["share"], 1),
                size(row["free_least"]),
                size(row["free_most"]),
            )
            for row in rows
        ],
    )


def _show_vms(console: Console, rows: list[dict[str, Any]]) -> None:
    ran = [row for row in rows if not row["refused"]]
    shown = ran
    if len(ran) > _MOST:
        shown = sorted(ran, key=lambda row: row["stall"], reverse=True)[:_MOST]
    cells = [
        (
            row["vm"],
            *(_mib(row[key]) for key in ("size", "held", "active", "balloon_most", "swapped_most")),
            stalled(row["stall"]),
            stalled(row["worst_minute"]),
        )
        for row in shown
    ]
    cells += [(row["vm"], *[None] * 6, "refused") for row in rows if row["refused"]]
    left = len(ran) - len(shown)
    console.table(
        "The VMs, in MiB",
        ("VM", "size", "holds", "active", "balloon", "swapped", "stalled", "worst minute"),
        cells,
        caption="holds, active: mean of the run; balloon, swapped: the most"
        + (f"; {left} more, that stalled less, are not shown" if left else ""),
    )


def _techniques(console: Console, rows: list[dict[str, Any]]) -> None:
    *parts, untouched = rows
    console.table(
        "What each technique gave back",
        ("technique", "mean", "most"),
        [(row["technique"], size(row["mean"]), size(row["most"])) for row in parts],
        total=True,
        caption=f"without {size(untouched['mean'])} (at most {size(untouched['most'])}) in "
        "balloons that nobody had touched"
        if untouched["most"]
        else None,
    )


def _mib(value: float) -> str:
    return f"{value / 2**20:,.1f}" if value else "-"
