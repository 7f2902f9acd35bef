"""Figures of one result that tables, pictures and verdicts share, each computed in one place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pageengine.lab.results import Result

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: A machine is carried when it ran, and stalled for less than this share of its time.
CARRIED_BELOW = 0.05


def given_back(host: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[np.float64]]:
    """Bytes of guest memory that each technique keeps from needing machine memory, per epoch; in
    balloons there may be memory that was never touched (``won`` is without it)."""
    zero = np.zeros(len(host["time"]))

    def column(name: str) -> NDArray[np.float64]:
        return np.asarray(host.get(name, zero), dtype=float)

    return {
        "sharing": column("saving"),
        "balloon": column("ballooned"),
        "compression": np.maximum(column("compressed") - column("cache"), 0),
        "swap": column("swapped"),
    }


def most_held(result: Result) -> dict[str, float]:
    """Bytes of each machine that were in use at once, at most: in memory, compressed, swapped, or
    in its guest's swap. What a balloon takes beyond that nobody has touched."""
    keys = ("granted", "compressed", "swapped", "guest_swapped")
    return {
        name: float(np.max(sum(np.asarray(own[key], dtype=float) for key in keys)))
        for name, own in ((name, result.of(name)) for name in result.names)
    }


def untouched(result: Result, held: Mapping[str, float] | None = None) -> NDArray[np.float64]:
    """Bytes in balloons, per epoch, that no machine has ever touched: no memory is won by them.

    held: bytes that each machine uses at most, where more is known of it than from this result,
    such as from runs of the same scenario under other policies.
    """
    held = most_held(result) if held is None else held
    total = np.zeros(len(result.host["time"]))
    for name in result.names:
        own = result.of(name)
        spare = np.maximum(np.asarray(own["size"], dtype=float) - held[name], 0)
        rows = np.searchsorted(result.host["time"], own["time"])
        np.add.at(total, rows, np.minimum(own["balloon"], spare))
    ballooned = np.asarray(result.host["ballooned"], dtype=float)
    found: NDArray[np.float64] = np.minimum(total, ballooned)
    return found


def won(result: Result, held: Mapping[str, float] | None = None) -> dict[str, NDArray[np.float64]]:
    """``given_back``, without what balloons took and nobody had touched."""
    found = given_back(result.host)
    return {**found, "balloon": found["balloon"] - untouched(result, held)}


def stalls(result: Result) -> dict[str, float]:
    """Mean share of its time that each machine stalled; one that was refused stalled wholly."""
    found = {name: float(np.mean(result.of(name)["stall"])) for name in result.names}
    return found | dict.fromkeys(result.meta.get("refused", ()), 1.0)


def worst_minute(own: Mapping[str, NDArray[Any]]) -> float:
    """The largest mean stall of a machine over any minute (the whole run, where it is shorter)."""
    time, stall = np.asarray(own["time"], float), np.asarray(own["stall"], float)
    step = float(time[-1] - time[0]) / (len(time) - 1) if len(time) > 1 else 60.0
    width = min(len(stall), max(1, round(60 / step)))
    sums = np.cumsum(np.concatenate([[0.0], stall]))
    return float(np.max(sums[width:] - sums[:-width]) / width)


def slowdowns(result: Result) -> dict[str, float]:
    """How many times longer each machine took for its work than without waiting for memory."""
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
