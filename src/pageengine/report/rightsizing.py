"""How much memory a virtual machine needs: its slowdown at each size, and the knee, below which
it becomes slow quickly."""

from typing import Any

import numpy as np

from pageengine.lab.curve import Curve
from pageengine.report import style
from pageengine.report.vms import columns_for

WHAT = "right-sizing curves"
TITLE = "Right sizes"

Curves = Curve | list[Curve] | tuple[Curve, ...]


def height(curves: Curves) -> float:
    """Inches for that many curves."""
    count = len(_listed(curves))
    return 0.7 + 2.6 * -(-count // columns_for(count))


def _listed(curves: Curves) -> list[Curve]:
    return list(curves) if isinstance(curves, list | tuple) else [curves]


def draw(figure: Any, curves: Curves) -> None:
    curves = _listed(curves)
    columns = columns_for(len(curves))
    grid = figure.subplots(-(-len(curves) // columns) or 1, columns, squeeze=False)
    for number, axes in enumerate(grid.reshape(-1)):
        if number < len(curves):
            _draw_one(axes, curves[number], number % columns == 0)
        else:
            axes.set_axis_off()


def _draw_one(axes: Any, curve: Curve, first: bool) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    sizes = np.asarray(curve.sizes, dtype=float)
    slow = np.asarray(curve.slowdown, dtype=float)
    axes.fill_between(sizes, curve.low, curve.high, color=style.BLUE, alpha=0.2, lw=0)
    axes.plot(sizes, slow, color=style.BLUE, lw=1.4, marker="o", ms=3.5)
    factor, unit = style.size_unit(float(sizes[-1]))
    axes.xaxis.set_major_locator(style.rounded(factor))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value / factor:g}"))
    axes.set_xlabel(f"memory ({unit})")
    axes.set_xlim(0, sizes[-1] * 1.03)
    if slow.max() > 8:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
    else:
        axes.set_ylim(0.95, max(1.3, slow.max() * 1.08))
    if first:
        axes.set_ylabel("slowdown (1: never waits)")
    axes.set_title(curve.vm)
    if curve.knee is None:
        axes.text(0.97, 0.9, "no knee", transform=axes.transAxes, ha="right", color=style.GREY)
        return
    x, y = sizes[curve.knee], slow[curve.knee]
    axes.axvline(x, color=style.VERMILION, lw=1, ls=(0, (4, 2)))
    axes.plot([x], [y], marker="o", ms=8, mfc="none", mec=style.VERMILION, mew=1.6)
    right = x < 0.6 * sizes[-1]
    axes.annotate(
        f"knee: {x / factor:.3g} {unit}",
        (x, 0.9),
        xycoords=("data", "axes fraction"),
        xytext=(6 if right else -6, 0),
        textcoords="offset points",
        fontsize=8.5,
        ha="left" if right else "right",
        color=style.VERMILION,
    )
