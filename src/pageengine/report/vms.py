"""Each virtual machine over time: what it holds and should hold, what it works with, and what was
taken from it. Small multiples with one scale, so that VMs can be compared."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from pageengine.lab.figures import mean, most as highest
from pageengine.lab.results import Result
from pageengine.report import style

WHAT = "result"
TITLE = "Each virtual machine"

#: More VMs than this are not drawn; the busiest by stall and reclaimed memory are.
MOST = 12
_LINES = (  # column, label, color, width, dashes
    ("consumed", "holds (consumed)", style.BLUE, 1.6, "-"),
    ("target", "should hold (target)", style.BLACK, 1.1, (0, (4, 2))),
    ("active", "active, as estimated", style.PURPLE, 1.2, "-"),
)
_AREAS = (
    ("balloon", "in its balloon", style.SKY),
    ("swapped", "swapped by the host", style.VERMILION),
)


def height(result: Result) -> float:
    """Inches that the small multiples need."""
    names = chosen(result)
    return 1.0 + 1.75 * -(-len(names) // columns_for(len(names)))


def columns_for(count: int) -> int:
    """How many stand side by side."""
    return {0: 1, 1: 1, 2: 2, 4: 2}.get(count, 3)


def chosen(result: Result) -> list[str]:
    """The VMs that are drawn, in the order of the result."""
    names = result.names
    if len(names) <= MOST:
        return names

    def weight(name: str) -> tuple[float, float]:
        rows = result.of(name)
        stalled, *taken = (np.nansum(rows[key]) for key in ("stall", "balloon", "swapped"))
        return float(stalled), float(sum(taken))

    kept = set(sorted(names, key=weight, reverse=True)[:MOST])
    return [name for name in names if name in kept]


def draw(figure: Any, result: Result) -> None:
    names = chosen(result)
    columns = columns_for(len(names))
    grid = figure.subplots(
        -(-len(names) // columns) or 1, columns, sharex=True, sharey=True, squeeze=False
    )
    rows = {name: style.thin(result.of(name)) for name in names}
    end = result.host["time"]
    most = max((float(_top(table)) for table in rows.values()), default=1.0)
    cells = grid.reshape(-1)
    for axes, name in zip(cells, names, strict=False):
        _draw_one(axes, name, rows[name], most)
    for axes in cells[len(names) :]:
        axes.set_axis_off()
    _label_edges(grid, len(names), end, most)
    left = len(result.names) - len(names)
    if left:
        figure.suptitle(
            f"The {len(names)} VMs that stalled or gave most; {left} more are not shown",
            fontsize=9,
            color=style.GREY,
        )
    handles, labels = cells[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))


def _top(table: Mapping[str, np.ndarray]) -> float:
    tops = [highest(table[key]) for key in ("size", *(key for key, *_ in _LINES))]
    return max(0.0 if np.isnan(top) else top for top in tops)


def _draw_one(axes: Any, name: str, table: Mapping[str, np.ndarray], most: float) -> None:
    time = table["time"]
    base = np.zeros(len(time))
    for key, label, color in _AREAS:
        top = base + np.nan_to_num(np.asarray(table[key], dtype=float))
        axes.fill_between(time, base, top, color=color, alpha=0.75, lw=0, label=label)
        base = top
    axes.plot(time, table["size"], color=style.GREY, lw=0.8, ls=":", label="configured")
    for key, label, color, width, dashes in _LINES:
        axes.plot(time, table[key], color=color, lw=width, ls=dashes, label=label)
    worst = mean(table["stall"])
    axes.set_title(name, fontsize=9)
    axes.set_title(
        "" if np.isnan(worst) else f"stalled {100 * worst:.1f} %",
        loc="right",
        fontsize=8,
        weight="normal",
        color=style.VERMILION if worst >= 0.02 else style.GREY,
    )
    axes.set_ylim(0, most * 1.04)


def _label_edges(grid: Any, count: int, time: np.ndarray, most: float) -> None:
    columns = grid.shape[1]
    for number, axes in enumerate(grid.reshape(-1)[:count]):
        column = number % columns
        lowest = number + columns >= count
        style.time_axis(axes, time)
        style.size_axis(axes, most, "")
        axes.tick_params(labelbottom=lowest, labelleft=column == 0)
        if not lowest:
            axes.set_xlabel("")
        if column:
            axes.set_ylabel("")
