"""One HTML page of a fleet: its figures, a heat map of its hosts, its hosts and its moves."""

import numpy as np

from pageengine.inline.markup import percent, size
from pageengine.lab.fleet.results import FleetResult
from pageengine.plumbing.visible import on_page
from pageengine.policy.states import STATES
from pageengine.report.html import document, embedded, table
from pageengine.units import format_size

_MOVES_MOST = 200
_VMS_MOST = 50


def page(result: FleetResult) -> str:
    """result: that of ``Fleet.run``."""
    name = str(result.meta.get("name") or "fleet")
    parts = [f"<h1>{on_page(name)}</h1>", f'<p class="sub">{on_page(_about(result))}</p>']
    if result.meta.get("description"):
        parts.append(f"<p>{on_page(result.meta['description'])}</p>")
    if result.partial:
        said = f"The run did not come to its end: {result.why}. What is shown was recorded."
        parts.append(f'<p class="note">{on_page(said)}</p>')
    if len(result.hosts["time"]):
        parts += [
            table("The fleet", *figures(result)),
            embedded("fleet", result),
            table("The hosts", *hosts(result)),
            table("VMs that waited most", *_worst(result)),
            _moves(result),
        ]
    else:
        parts.append("<p>Nothing was recorded.</p>")
    return document(name, parts)


def _about(result: FleetResult) -> str:
    meta = result.meta
    times = np.unique(result.hosts["time"])
    hours = float(times[-1]) / 3600 if len(times) else 0.0
    return (
        f"{len(result.names)} hosts, policy {meta.get('policy', '?')}, placement "
        f"{meta.get('placement', '?')}, {hours:g} hours of simulated time in rounds of "
        f"{meta.get('round', 0):g} s, seed {meta.get('seed', 0)}"
    )


def figures(result: FleetResult) -> tuple[list[str], list[list[str]]]:
    """Head and rows of the table of the whole."""
    told = result.summary
    rows = [
        ["VMs waited for memory, mean", percent(told["stall"])],
        ["the worst VM in its worst round", percent(told["worst_stall"])],
        ["hosts with VMs, most at a time", str(told["hosts_used"])],
        ["working sets were more than a host's memory", percent(told["full"])],
        ["least free memory of a host", format_size(told["free_least"])],
        ["swapped out by all hosts, most", format_size(told["swapped_most"])],
        ["VMs moved", f"{told['moved']:,}"],
        ["sent for that", format_size(told["bytes_moved"])],
        ["VMs without a host, most at a time", f"{told['waiting_most']:,}"],
    ]
    return ["figure", ""], rows


def hosts(result: FleetResult) -> tuple[list[str], list[list[str]]]:
    """Head and rows of the table of hosts."""
    head = ["host", "memory", "VMs", "working sets, mean", "most", "waited", "lowest state"]
    grids = {key: result.grid(key)[1] for key in ("memory", "vms", "active", "stall", "state")}
    rows = []
    for i, name in enumerate(result.names):
        own = {key: grid[i] for key, grid in grids.items()}
        rows.append(
            [
                name,
                size(own["memory"][-1]),
                f"{own['vms'].mean():.3g}",
                size(own["active"].mean()),
                size(own["active"].max()),
                percent(float(own["stall"].mean())),
                STATES[int(own["state"].max())],
            ]
        )
    return head, rows


def _worst(result: FleetResult) -> tuple[list[str], list[list[str]]]:
    stalls = sorted(result.stalls().items(), key=lambda item: (-item[1], item[0]))
    return ["VM", "waited"], [[name, percent(share)] for name, share in stalls[:_VMS_MOST]]


def _moves(result: FleetResult) -> str:
    moves = result.moves
    rows = [
        [
            f"{moves['time'][i]:g} s",
            str(moves["vm"][i]),
            str(moves["source"][i]),
            str(moves["target"][i]),
            size(moves["bytes"][i]),
            f"{moves['seconds'][i]:.3g} s",
            f"{1000 * moves['downtime'][i]:.3g} ms",
        ]
        for i in range(min(_MOVES_MOST, len(moves["vm"])))
    ]
    if not rows:
        return ""
    head = ["time", "VM", "from", "to", "sent", "took", "stood still"]
    return table(f"VMs that moved ({len(moves['vm'])} in all)", head, rows)
