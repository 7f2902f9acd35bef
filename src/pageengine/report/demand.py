"""What all VMs together were given, held and used, over time: how much of what is provisioned
nobody needs at one moment."""

from typing import Any

import numpy as np

from pageengine.demand.base import Demand
from pageengine.demand.grid import date
from pageengine.demand.summary import Sums, summarise, total
from pageengine.report import style

WHAT = "demand"
TITLE = "What VMs were given, and what they used"

_KINDS = (("size", "provisioned", style.GREY), ("used", "used", style.SKY))
_ACTIVE = ("active", "active", style.BLUE)
_POINTS = 1200  # that a picture can show


def draw(figure: Any, demand: Demand) -> None:
    axes = figure.subplots()
    found = summarise(demand)
    told = [
        (getattr(found, name), total(getattr(demand, name)), label, color)
        for name, label, color in (*_KINDS, _ACTIVE)
        if getattr(found, name) is not None
    ]
    most = max((np.nanmax(sums) for _, sums, _, _ in told), default=1.0)
    factor, unit = style.size_axis(axes, float(most), f"memory of {found.vms} VMs")
    time, width = demand.time, max(1, -(-demand.slots // _POINTS))
    style.time_axis(axes, np.array([found.span]))
    for sums, series, label, color in told:
        where, low, mean, high = _thinned(time - found.start, series, width)
        if label == "provisioned":
            axes.step(where, mean, where="mid", color=color, lw=1.4)
        else:
            axes.fill_between(where, low, high, color=color, alpha=0.35, lw=0)
            axes.plot(where, mean, color=color, lw=0.9)
    axes.set_ylim(0, float(most) * 1.12 or 1.0)
    needed = next((each for each in reversed(told) if each[2] != "provisioned"), None)
    if needed is not None:
        _mark(axes, needed, found.start)
    _name_lines(axes, told, needed, factor, unit)
    axes.set_title(f"{TITLE}, from {date(found.start)} UTC")


def _thinned(
    time: np.ndarray, series: np.ndarray, width: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(time, least, mean, most) of every ``width`` slots, so that no peak is left out."""
    count = -(-len(series) // width)
    padded = np.full(count * width, np.nan)
    padded[: len(series)] = series
    blocks = padded.reshape(count, width)
    known = np.isfinite(blocks)
    empty = ~known.any(axis=1)
    low = np.where(known, blocks, np.inf).min(axis=1)
    high = np.where(known, blocks, -np.inf).max(axis=1)
    mean = np.where(known, blocks, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    for each in (low, mean, high):
        each[empty] = np.nan
    return time[::width], low, mean, high


def _mark(axes: Any, needed: tuple[Sums, np.ndarray, str, str], start: float) -> None:
    """The peak of the sum, and the sum of the maxima, as lines over the whole width."""
    sums, _, _, color = needed
    axes.axhline(sums.maxima, color=style.VERMILION, lw=1.1, ls=(0, (4, 2)))
    axes.axhline(sums.peak, color=color, lw=1.1, ls=(0, (4, 2)))
    axes.plot(
        [sums.peak_time - start], [sums.peak], "o", ms=6, mfc="none", mec=color, mew=1.5, zorder=5
    )


def _name_lines(
    axes: Any,
    told: list[tuple[Sums, np.ndarray, str, str]],
    needed: tuple[Sums, np.ndarray, str, str] | None,
    factor: int,
    unit: str,
) -> None:
    """What each line is, and how high, to the right of the picture; texts keep apart."""
    texts = []
    for sums, _, label, color in told:
        given = label == "provisioned"
        texts.append((sums.peak, label, color) if given else (sums.mean, f"{label}, mean", color))
    if needed is not None:
        sums, _, label, color = needed
        texts.append((sums.peak, f"{label}, peak of all together", color))
        texts.append((sums.maxima, f"{label}, maxima of each added", style.VERMILION))
    low, high = axes.get_ylim()
    gap = 0.055 * (high - low)
    places = style.apart([height for height, _, _ in texts], gap, low, high - gap / 2)
    for (height, text, color), place in zip(texts, places, strict=True):
        axes.annotate(
            f"{text}: {height / factor:,.3g} {unit}",
            (1, place),
            xycoords=("axes fraction", "data"),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            fontsize=8.5,
            color=color,
            annotation_clip=False,
        )
