"""How much time each virtual machine lost waiting for memory."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from pageengine.lab.figures import mean
from pageengine.lab.results import Result
from pageengine.report import style

WHAT = "result"
TITLE = "Time lost waiting for memory"

_COLORS = (style.VERMILION, style.BLUE, style.GREEN, style.PURPLE, style.ORANGE)


def draw(figure: Any, result: Result) -> None:
    over, sums = figure.subplots(1, 2, width_ratios=(2.2, 1))
    rows = {name: result.of(name) for name in result.names}
    means = {name: mean(table["stall"]) for name, table in rows.items()}
    means = {name: share for name, share in means.items() if not np.isnan(share)}
    worst = sorted(means, key=means.__getitem__, reverse=True)
    lines = [name for name in worst if means[name] >= 0.00005][: len(_COLORS)]
    _draw_lines(over, {name: rows[name] for name in lines}, result.host["time"])
    _draw_sums(sums, {name: means[name] for name in worst[:15]}, lines, len(worst))


def smooth(values: np.ndarray, width: int) -> np.ndarray:
    """A mean over ``width`` neighbours, so that single epochs do not fill the picture."""
    if width < 2 or len(values) < 2 * width:
        return np.asarray(values, dtype=float)
    padded = np.concatenate([[0.0], np.cumsum(values, dtype=float)])
    places = np.arange(len(values))
    low = np.maximum(places - width // 2, 0)
    high = np.minimum(places - width // 2 + width, len(values))
    means: np.ndarray = (padded[high] - padded[low]) / (high - low)
    return means


def _draw_lines(axes: Any, rows: Mapping[str, Mapping[str, np.ndarray]], time: np.ndarray) -> None:
    epochs = len(time)
    width = max(1, epochs // 150)
    for (name, table), color in zip(rows.items(), _COLORS, strict=False):
        shown = style.thin(
            {"time": table["time"], "stall": smooth(np.nan_to_num(table["stall"]), width)}
        )
        axes.plot(shown["time"], shown["stall"], color=color, lw=1.3, label=name)
    axes.set_title("Time waiting for memory")
    style.time_axis(axes, time)
    step = float(time[-1] - time[0]) / max(epochs - 1, 1)
    means = f", means over {width * step:g} s" if width > 1 else ""
    style.percent_axis(axes, f"stalled (% of time{means})")
    axes.set_ylim(0, max(axes.get_ylim()[1], 0.01))
    if not rows:
        axes.text(
            0.5,
            0.5,
            "no VM waited for memory",
            transform=axes.transAxes,
            ha="center",
            color=style.GREY,
        )


def _draw_sums(axes: Any, means: Mapping[str, float], lines: list[str], count: int) -> None:
    from matplotlib.ticker import FuncFormatter

    names = list(means)[::-1]
    colors = [_COLORS[lines.index(name)] if name in lines else style.GREY for name in names]
    axes.barh(names, [means[name] for name in names], color=colors, height=0.65)
    most = max([*means.values(), 0.001])
    for place, name in enumerate(names):
        axes.text(means[name] + 0.02 * most, place, _percent(means[name]), va="center", fontsize=8)
    axes.set_xlim(0, most * 1.35)
    axes.xaxis.set_major_formatter(
        FuncFormatter(lambda value, _: f"{100 * value:g}" if value < 1.001 else "")
    )
    axes.set_xlabel("mean of the run (%)")
    axes.grid(axis="y", visible=False)
    axes.tick_params(axis="y", length=0)
    rest = f", worst {len(names)} of {count}" if count > len(names) else ""
    axes.set_title(f"Each VM{rest}")


def _percent(share: float) -> str:
    if share < 0.0001:
        return "< 0.01 %" if share else "0"
    return f"{100 * share:.{0 if share >= 0.1 else 1 if share >= 0.01 else 2}f} %"
