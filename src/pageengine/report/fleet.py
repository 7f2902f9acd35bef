"""The hosts of a fleet over time, a row each: how full working sets made them, how long their VMs
waited, and how many VMs moved.
"""

from typing import Any

import numpy as np

from pageengine.lab.fleet.results import FleetResult
from pageengine.report import style

WHAT = "fleet"
TITLE = "The hosts over time"

_NAMED = 24  # hosts whose names can be read beside their rows
_WAIT_LEAST = 0.001  # share of the time: the top of the scale is at least that


def height(result: FleetResult) -> float:
    """Inches for that many hosts."""
    return 3.4 + 2 * min(2.4, max(0.9, 0.16 * len(result.names)))


def draw(figure: Any, result: FleetResult) -> None:
    rows = figure.subplots(3, 1, sharex=True, height_ratios=(1.5, 1.5, 0.8))
    full, waits, moved = rows
    if not len(result.hosts["time"]):
        full.text(0.5, 0.5, "nothing was recorded", transform=full.transAxes, ha="center")
        return
    times, active = result.grid("active")
    _, memory = result.grid("memory")
    _, vms = result.grid("vms")
    _, stall = result.grid("stall")
    share = np.where(vms > 0, active / memory, np.nan)
    top = max(1.0, float(np.nanmax(share, initial=0.0)))
    _heat(figure, full, result, times, share, "cividis", top, "of memory (%)")
    full.set_title(f"Working sets of each host's VMs ({_about(result)})")
    most = max(_WAIT_LEAST, float(np.max(stall)))
    shown = np.where(vms > 0, stall, np.nan)
    _heat(figure, waits, result, times, shown, "magma_r", most, "of time (%)")
    waits.set_title("What VMs waited for memory, mean of each host's")
    _moves(moved, result, times)
    style.time_axis(moved, times)
    for axes in rows[:-1]:
        axes.set_xlabel("")
        axes.tick_params(axis="x", length=0)
    figure.align_ylabels(rows)


def _about(result: FleetResult) -> str:
    meta = result.meta
    moves = "no VM moves"
    if meta.get("migration"):
        moves = f"{len(result.moves['vm'])} moved by {meta.get('leaving', 'advice')}"
    parts = [f"policy {meta.get('policy', '?')}", f"placement {meta.get('placement', '?')}", moves]
    return ", ".join([*parts, "partial run"] if result.partial else parts)


def _edges(times: np.ndarray) -> np.ndarray:
    return np.concatenate([[0.0], times])


def _heat(
    figure: Any,
    axes: Any,
    result: FleetResult,
    times: np.ndarray,
    values: np.ndarray,
    colours: str,
    most: float,
    what: str,
) -> None:
    """A row for each host, the first on top; where it has no VM, nothing."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    names = result.names
    drawn = axes.pcolormesh(
        _edges(times), np.arange(len(names) + 1), values, cmap=colours, vmin=0, vmax=most
    )
    axes.set_facecolor("white")
    axes.set_ylim(len(names), 0)
    axes.grid(False)
    if len(names) <= _NAMED:
        axes.set_yticks(np.arange(len(names)) + 0.5, names, fontsize=7.5)
    else:
        axes.yaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
        axes.set_ylabel("host")
    axes.tick_params(axis="y", length=0)
    bar = figure.colorbar(
        drawn, ax=axes, pad=0.01, format=FuncFormatter(lambda value, _: f"{100 * value:g}")
    )
    bar.set_label(what)
    bar.outline.set_visible(False)


def _moves(axes: Any, result: FleetResult, times: np.ndarray) -> None:
    from matplotlib.ticker import MaxNLocator

    edges = _edges(times)
    moved, _ = np.histogram(result.moves["time"], np.append(edges, np.inf))
    waiting = np.asarray(result.waiting["vms"])
    axes.stairs(moved[:-1], edges, fill=True, color=style.BLUE, label="moved in this round")
    axes.stairs(
        waiting, edges, color=style.VERMILION, baseline=None, lw=1.4, label="without a host"
    )
    most = max(1, int(moved.max()), int(waiting.max(initial=0)))
    axes.set_ylim(0, most * 1.5)  # room for the legend
    axes.yaxis.set_major_locator(MaxNLocator(nbins=3, integer=True))
    axes.set_ylabel("VMs")
    axes.set_title("VMs that moved, and that no host could take")
    axes.legend(loc="upper right", ncols=2)
