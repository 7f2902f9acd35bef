"""The host's memory over time: by place, how much is free against the thresholds of the states,
and what each technique gave back."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from pageengine.lab.figures import given_back, most as highest
from pageengine.lab.results import Result
from pageengine.policy.states import STATES
from pageengine.report import style

WHAT = "result"
TITLE = "Host memory"

_PLACES = (  # what machine memory is used for, from the bottom
    ("overhead", "overhead of the VMs", "#555555"),
    ("private", "pages on frames of their own", style.BLUE),
    ("shared_common", "shared frames", style.GREEN),
    ("cache", "compression cache", style.ORANGE),
    ("free", "free", "#f4f4f4"),
)


def draw(figure: Any, result: Result) -> None:
    host = style.thin(result.host)
    rows = figure.subplots(4, 1, sharex=True, height_ratios=(0.16, 2.1, 1.2, 1.2))
    top, places, free, techniques = rows
    style.ribbon(top, host["time"], host["state"], STATES)
    top.set_title(f"State of the host, and its memory by place ({_about(result)})")
    _draw_places(places, host)
    _draw_free(free, host, result.meta.get("thresholds") or {})
    _draw_techniques(techniques, host)
    for axes in rows[1:]:
        axes.margins(x=0)
    for axes in rows[:-1]:
        axes.tick_params(axis="x", length=0)
    style.time_axis(techniques, host["time"])
    for axes in rows[:-1]:
        axes.set_xlabel("")
    figure.align_ylabels(rows[1:])


def _about(result: Result) -> str:
    parts = [f"policy {result.meta.get('policy', '?')}"]
    if result.partial:
        parts.append("partial run")
    return ", ".join(parts)


def _draw_places(axes: Any, host: Mapping[str, np.ndarray]) -> None:
    most = highest(host["memory"])
    shown = [(k, name, color) for k, name, color in _PLACES if k in host]
    shown = [each for each in shown if np.any(np.nan_to_num(host[each[0]]))]
    axes.stackplot(
        host["time"],
        *(np.nan_to_num(host[key]) for key, _, _ in shown),
        labels=[name for _, name, _ in shown],
        colors=[color for _, _, color in shown],
        lw=0,
    )
    axes.set_ylim(0, most)
    axes.grid(False)
    style.size_axis(axes, most, "machine memory")
    handles, labels = axes.get_legend_handles_labels()
    for handle, label in zip(handles, labels, strict=True):
        if label == "free":
            handle.set_edgecolor(style.GREY)
    axes.legend(handles[::-1], labels[::-1], loc="upper left", bbox_to_anchor=(1.01, 1.02))


def _draw_free(axes: Any, host: Mapping[str, np.ndarray], thresholds: Mapping[str, float]) -> None:
    axes.set_title("Free memory against the thresholds of the states", fontsize=9)
    most = highest(host["memory"])
    low = 0.5 * min([*thresholds.values(), most / 50])
    axes.set_yscale("log")
    axes.set_ylim(low, most)
    style.log_size_axis(axes, low, most, "free")
    axes.plot(host["time"], np.maximum(host["free"], low), color=style.BLACK, lw=1.2)
    names = sorted(thresholds, key=thresholds.__getitem__)
    heights = [float(np.log(thresholds[name] / low) / np.log(most / low)) for name in names]
    places = style.apart(heights, 0.13, 0.02, 0.98)
    for name, height, place in zip(names, heights, places, strict=True):
        color = style.GREEN if name == "high" else style.STATE_COLORS.get(name, style.GREY)
        word = "again from" if name == names[-1] else "below"
        axes.axhline(thresholds[name], color=color, lw=1.2, ls=(0, (4, 2)))
        axes.annotate(
            f"{name} {word} {thresholds[name] / 2**20:,.3g} MiB",
            (1, height),
            xytext=(1.03, place),
            xycoords="axes fraction",
            textcoords="axes fraction",
            va="center",
            fontsize=8,
            arrowprops={
                "arrowstyle": "-",
                "color": color,
                "lw": 1,
                "shrinkA": 1,
                "shrinkB": 0,
                "relpos": (0, 0.5),
            },
        )


def _draw_techniques(axes: Any, host: Mapping[str, np.ndarray]) -> None:
    axes.set_title("Guest memory that needs no machine memory, by technique", fontsize=9)
    parts = {name: column for name, column in given_back(host).items() if np.any(column)}
    if not parts:
        axes.text(
            0.5,
            0.5,
            "nothing was reclaimed",
            transform=axes.transAxes,
            ha="center",
            color=style.GREY,
        )
    else:
        axes.stackplot(
            host["time"],
            *parts.values(),
            labels=list(parts),
            lw=0,
            colors=[style.TECHNIQUE_COLORS[name] for name in parts],
        )
        handles, labels = axes.get_legend_handles_labels()
        axes.legend(handles[::-1], labels[::-1], loc="upper left", bbox_to_anchor=(1.01, 1.02))
    most = max(float(np.sum(list(parts.values()), axis=0).max()) if parts else 0.0, 2.0**20)
    axes.set_ylim(0, most * 1.05)
    style.size_axis(axes, most, "given back")
