"""How the result of a simulation is told: the host's states, each machine, what each technique gave
back."""

import numpy as np

from pageengine.cli.console import percent, size
from pageengine.lab import figures
from pageengine.policy.states import STATES

_MOST = 40


def tell(console, result) -> None:
    """All tables of one result."""
    if not len(result.host.get("time", ())):
        console.say("Nothing was recorded.")
        return
    _states(console, result)
    _machines(console, result)
    _techniques(console, result)


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


def _states(console, result) -> None:
    host = result.host
    steps = np.diff(np.concatenate([[0.0], host["time"]]))
    rows = []
    for number, name in enumerate(STATES):
        there = np.asarray(host["state"]) == number
        if there.any():
            free = np.asarray(host["free"])[there]
            rows.append((
                name, span(float(steps[there].sum())), percent(steps[there].sum(), steps.sum()),
                size(int(free.min())), size(int(free.max())),
            ))  # fmt: skip
    console.table(
        f"The host of {size(int(host['memory'][-1]))} under {result.meta.get('policy', '?')}",
        ("state", "time", "share", "free, least", "free, most"),
        rows,
    )


def _machines(console, result) -> None:
    stalls = figures.stalls(result)
    names = result.names
    if len(names) > _MOST:
        names = sorted(names, key=stalls.__getitem__, reverse=True)[:_MOST]
    rows = []
    for name in names:
        own = result.of(name)
        rows.append((
            name, _mib(own["size"][-1]), _mean(own, "consumed"), _mean(own, "active"),
            _most(own, "balloon"), _most(own, "swapped"), stalled(stalls[name]),
            stalled(figures.worst_minute(own)),
        ))  # fmt: skip
    rows += [(name, *[None] * 6, "refused") for name in result.meta.get("refused", ())]
    left = len(result.names) - len(names)
    console.table(
        "The machines, in MiB",
        ("machine", "size", "holds", "active", "balloon", "swapped", "stalled", "worst minute"),
        rows,
        caption="holds, active: mean of the run; balloon, swapped: the most"
        + (f"; {left} more, that stalled less, are not shown" if left else ""),
    )


def _techniques(console, result) -> None:
    parts = figures.given_back(result.host)
    total = sum(np.asarray(part) for part in parts.values())
    rows = [
        (name, size(int(np.mean(part))), size(int(np.max(part)))) for name, part in parts.items()
    ]
    rows.append(("in all", size(int(np.mean(total))), size(int(np.max(total)))))
    console.table("What each technique gave back", ("technique", "mean", "most"), rows, total=True)


def _mean(own, key: str) -> str:
    return _mib(np.mean(own[key]))


def _most(own, key: str) -> str:
    return _mib(np.max(own[key]))


def _mib(value: float) -> str:
    return f"{value / 2**20:,.1f}" if value else "-"
