"""Policies side by side on one scenario: VMs carried, memory given back by technique, time
stalled."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from pageengine.lab.figures import CARRIED_BELOW, stalls, won
from pageengine.lab.results import Result
from pageengine.report import style

WHAT = "results by policy"
TITLE = "Policies compared"


def height(results: Mapping[str, Result]) -> float:
    """Inches for that many policies."""
    return 1.5 + 0.62 * len(results)


def draw(figure: Any, results: Mapping[str, Result]) -> None:
    carried, memory, stall = figure.subplots(1, 3, sharey=True, width_ratios=(0.8, 1.6, 1.4))
    names = list(results)[::-1]
    places = np.arange(len(names))
    _draw_carried(carried, [results[name] for name in names], places)
    _draw_memory(memory, [results[name] for name in names], places)
    _draw_stall(stall, [results[name] for name in names], places)
    carried.set_yticks(places, names)
    carried.set_ylim(-0.6, len(names) - 0.4)
    for axes in (carried, memory, stall):
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="y", visible=False)
    handles, labels = memory.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))


def _draw_carried(axes: Any, results: list[Result], places: np.ndarray) -> None:
    from matplotlib.ticker import MaxNLocator

    shares = [stalls(result) for result in results]
    counts = [sum(value < CARRIED_BELOW for value in each.values()) for each in shares]
    whole = max((len(each) for each in shares), default=1)
    axes.barh(places, [whole] * len(places), color=style.PALE, height=0.55)
    axes.barh(places, counts, color=style.BLUE, height=0.55)
    for place, count, each, result in zip(places, counts, shares, results, strict=True):
        refused = len(result.meta.get("refused", ()))
        text = f"{count} of {len(each)}" + (f"\n{refused} refused" if refused else "")
        inside = count > 0.45 * whole
        axes.text(
            count + (-0.03 if inside else 0.03) * whole,
            place,
            text,
            va="center",
            ha="right" if inside else "left",
            fontsize=8.5,
            color="white" if inside else style.BLACK,
        )
    axes.set_xlim(0, whole)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))
    axes.set_xlabel(f"VMs stalled < {100 * CARRIED_BELOW:g} %")
    axes.set_title("Carried")


def _draw_memory(axes: Any, results: list[Result], places: np.ndarray) -> None:
    from matplotlib.ticker import FuncFormatter

    means = [
        {name: float(np.mean(column)) for name, column in won(result).items()} for result in results
    ]
    most = max([sum(each.values()) for each in means] + [2.0**20])
    factor, unit = style.size_unit(most)
    base = np.zeros(len(places))
    for name, color in style.TECHNIQUE_COLORS.items():
        width = np.array([each[name] for each in means])
        axes.barh(places, width, left=base, color=color, label=name, height=0.55)
        base += width
    for place, total in zip(places, base, strict=True):
        axes.text(
            total + 0.015 * most,
            place,
            f"{total / factor:,.0f}" if total >= 10 * factor else f"{total / factor:.2g}",
            va="center",
            fontsize=8.5,
        )
    axes.set_xlim(0, most * 1.17)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value / factor:g}"))
    axes.xaxis.set_major_locator(style.rounded(factor))
    axes.set_xlabel(f"{unit}, mean of the run")
    axes.set_title("Memory given back")


def _draw_stall(axes: Any, results: list[Result], places: np.ndarray) -> None:
    from matplotlib.ticker import FuncFormatter

    axes.axvline(CARRIED_BELOW, color=style.GREY, lw=1, ls=(0, (4, 2)))
    worst_of_all = 0.0
    for place, result in zip(places, results, strict=True):
        refused = result.meta.get("refused", ())
        each = {name: stall for name, stall in stalls(result).items() if name not in refused}
        if not each:
            continue
        worst = max(each, key=each.__getitem__)
        worst_of_all = max(worst_of_all, each[worst])
        spread = np.linspace(-0.14, 0.14, len(each)) if len(each) > 1 else [0.0]
        axes.scatter(
            list(each.values()),
            place + np.asarray(spread),
            s=16,
            color=style.VERMILION,
            alpha=0.75,
            lw=0,
            clip_on=False,
        )
        axes.annotate(
            f"{worst} {100 * each[worst]:.2g} %",
            (each[worst], place),
            xytext=(7, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
            bbox={"fc": "white", "ec": "none", "alpha": 0.8, "pad": 1},
        )
    axes.set_xlim(0, max(1.55 * worst_of_all, 1.2 * CARRIED_BELOW))
    axes.xaxis.set_major_formatter(
        FuncFormatter(lambda value, _: f"{100 * value:g}" if value < 1.001 else "")
    )
    axes.set_xlabel("stalled (% of time), one dot a VM")
    axes.set_title("Stalled; the worst is named")
