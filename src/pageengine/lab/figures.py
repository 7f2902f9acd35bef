"""Figures of one result that tables, pictures and verdicts share, each computed in one place. What
a recording does not know (NaN) is in none of them: nothing is said to be won by it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pageengine.lab.results import Result

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: A VM is carried when it ran, and stalled for less than this share of its time.
CARRIED_BELOW = 0.05


def given_back(host: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[np.float64]]:
    """Bytes of guest memory that each technique keeps from needing machine memory, per epoch; in
    balloons there may be memory that was never touched (``won`` is without it)."""
    zero = np.zeros(len(host["time"]))

    def column(name: str) -> NDArray[np.float64]:
        known: NDArray[np.float64] = np.nan_to_num(np.asarray(host.get(name, zero), dtype=float))
        return known

    return {
        "sharing": column("saving"),
        "balloon": column("ballooned"),
        "compression": np.maximum(column("compressed") - column("cache"), 0),
        "swap": column("swapped"),
    }


def mean(column: NDArray[Any]) -> float:
    """The mean of what is known; NaN where nothing is."""
    known = np.asarray(column, dtype=float)
    known = known[~np.isnan(known)]
    return float(np.mean(known)) if len(known) else float("nan")


def most(column: NDArray[Any]) -> float:
    """The most of what is known; NaN where nothing is."""
    known = np.asarray(column, dtype=float)
    known = known[~np.isnan(known)]
    return float(np.max(known)) if len(known) else float("nan")


def most_held(result: Result) -> dict[str, float]:
    """Bytes of each VM that were in use at once, at most: in memory, compressed, swapped, or
    in its guest's swap. What a balloon takes beyond that nobody has touched. Infinite where what
    it holds is not known."""
    found = {}
    for name in result.names:
        own = result.of(name)
        more = (np.nan_to_num(own[key]) for key in ("compressed", "swapped", "guest_swapped"))
        held = np.asarray(own["granted"], dtype=float) + sum(more)
        found[name] = float("inf") if np.isnan(held).any() else float(np.max(held))
    return found


def untouched(result: Result, held: Mapping[str, float] | None = None) -> NDArray[np.float64]:
    """Bytes in balloons, per epoch, that no VM has ever touched: no memory is won by them.

    held: bytes that each VM uses at most, where more is known of it than from this result,
    such as from runs of the same scenario under other policies.
    """
    held = most_held(result) if held is None else held
    total = np.zeros(len(result.host["time"]))
    for name in result.names:
        own = result.of(name)
        spare = np.maximum(np.asarray(own["size"], dtype=float) - held[name], 0)
        rows = np.searchsorted(result.host["time"], own["time"])
        np.add.at(total, rows, np.nan_to_num(np.minimum(own["balloon"], spare)))
    ballooned = np.nan_to_num(np.asarray(result.host["ballooned"], dtype=float))
    found: NDArray[np.float64] = np.minimum(total, ballooned)
    return found


def won(result: Result, held: Mapping[str, float] | None = None) -> dict[str, NDArray[np.float64]]:
    """``given_back``, without what balloons took and nobody had touched."""
    found = given_back(result.host)
    return {**found, "balloon": found["balloon"] - untouched(result, held)}


def stalls(result: Result) -> dict[str, float]:
    """Mean share of its time that each VM stalled; one that was refused stalled wholly."""
    found = {name: mean(result.of(name)["stall"]) for name in result.names}
    return found | dict.fromkeys(result.meta.get("refused", ()), 1.0)


def worst_minute(own: Mapping[str, NDArray[Any]]) -> float:
    """The largest mean stall of a VM over any minute (the whole run, where it is shorter)."""
    known = ~np.isnan(own["stall"])
    time, stall = np.asarray(own["time"], float)[known], np.asarray(own["stall"], float)[known]
    if not len(stall):
        return float("nan")
    step = float(time[-1] - time[0]) / (len(time) - 1) if len(time) > 1 else 60.0
    width = min(len(stall), max(1, round(60 / step)))
    sums = np.cumsum(np.concatenate([[0.0], stall]))
    return float(np.max(sums[width:] - sums[:-width]) / width)


def slowdowns(result: Result) -> dict[str, float]:
    """How many times longer each VM took for its work than without waiting for memory."""
    refused = dict.fromkeys(result.meta.get("refused", ()), float("inf"))
    found = {}
    for name in result.names:
        ran = float(np.mean(result.of(name)["progress"]))
        found[name] = 1 / ran if ran > 0 else float("inf")
    return found | refused


def per_second(result: Result, key: str) -> float:
    """Pages per second of simulated time that the host counted under ``key``."""
    time = result.host["time"]
    return float(np.sum(result.host[key])) / float(time[-1]) if len(time) else 0.0
