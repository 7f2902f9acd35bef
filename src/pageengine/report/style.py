"""How every picture looks: colours that colour-blind readers tell apart (Okabe and Ito), units on
axes chosen by the range, labels that do not cover one another."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import numpy as np

from pageengine.inline.palette import (
    BLACK as BLACK,
    BLUE as BLUE,
    GREEN as GREEN,
    GREY as GREY,
    ORANGE as ORANGE,
    PALE as PALE,
    PURPLE as PURPLE,
    SKY as SKY,
    STATE_COLORS as STATE_COLORS,
    TECHNIQUE_COLORS as TECHNIQUE_COLORS,
    VERMILION as VERMILION,
    YELLOW as YELLOW,
)

if TYPE_CHECKING:
    from matplotlib.ticker import MaxNLocator

_SIZES = ((2**40, "TiB"), (2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"), (1, "bytes"))
_TIMES = ((3 * 86400, 86400, "days"), (3 * 3600, 3600, "hours"), (240, 60, "minutes"))

_LOOK: dict[str, Any] = {
    "font.size": 9,
    "font.family": "DejaVu Sans",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": PALE,
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelcolor": "#333333",
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "xtick.color": "#333333",
    "ytick.color": "#333333",
    "svg.hashsalt": "pageengine",
    "text.parse_math": False,  # a name may hold two dollar signs
}


def look() -> AbstractContextManager[None]:
    """The settings of a picture, as a context."""
    import matplotlib

    settings: dict[Any, Any] = {**matplotlib.rcParamsDefault, **_LOOK, "backend": "agg"}
    return matplotlib.rc_context(settings)


def size_unit(most: float) -> tuple[int, str]:
    """The unit in which the largest amount of bytes reads well, and its name."""
    return next((factor, name) for factor, name in _SIZES if most >= 2 * factor or factor == 1)


def time_unit(end: float) -> tuple[int, str]:
    """The same for seconds."""
    return next(((factor, name) for least, factor, name in _TIMES if end >= least), (1, "seconds"))


def time_axis(axes: Any, time: np.ndarray) -> None:
    """Labels the axis along which time runs; it begins at 0. Data stays in seconds."""
    from matplotlib.ticker import FuncFormatter

    end = float(time[-1]) if len(time) else 1.0
    factor, name = time_unit(end)
    axes.set_xlim(0, end or 1.0)
    axes.xaxis.set_major_locator(rounded(factor))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value / factor:g}"))
    axes.set_xlabel(f"time ({name})")


def size_axis(axes: Any, most: float, what: str) -> tuple[int, str]:
    """Labels the upright axis with ``what`` and the unit that suits; returns the unit."""
    from matplotlib.ticker import FuncFormatter

    factor, name = size_unit(most)
    axes.yaxis.set_major_locator(rounded(factor))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value / factor:g}"))
    axes.set_ylabel(f"{what} ({name})" if what else name)
    return factor, name


def log_size_axis(axes: Any, low: float, most: float, what: str) -> None:
    """The same for an axis with a logarithmic scale: ticks at 1, 3, 10, 30 ... of the unit."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    factor, name = size_unit(most)
    ticks = [m * 10.0**n * factor for n in range(-4, 5) for m in (1, 3)]
    axes.yaxis.set_major_locator(FixedLocator([tick for tick in ticks if low <= tick <= most]))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value / factor:g}"))
    axes.set_ylabel(f"{what} ({name})")


def percent_axis(axes: Any, what: str) -> None:
    """Labels the upright axis for fractions shown in percent; it begins at 0."""
    from matplotlib.ticker import FuncFormatter

    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g}"))
    axes.set_ylabel(what)
    axes.set_ylim(bottom=0)


def rounded(factor: float) -> "MaxNLocator":
    """Ticks that are round in the unit that is shown, for data in the base unit."""
    from matplotlib.ticker import MaxNLocator

    class Scaled(MaxNLocator):
        def tick_values(self, low: float, high: float) -> Any:
            return np.asarray(super().tick_values(low / factor, high / factor)) * factor

    return Scaled(nbins=6, steps=[1, 2, 2.5, 3, 5, 6, 10])


def ribbon(axes: Any, time: np.ndarray, state: np.ndarray, names: Sequence[str]) -> None:
    """Fills thin axes with the host's state over time; names stretches that are wide enough,
    and the other states to the right of it."""
    seen, named = set(), set()
    edges = np.concatenate([[0.0], time]) if len(time) else np.zeros(1)
    axes.set_ylim(0, 1)
    axes.set_yticks([])
    axes.grid(False)
    for start, end, number in stretches(np.nan_to_num(state, nan=-1)):
        if number < 0:  # nobody says: a real host that no policy governs
            continue
        name = names[int(number)]
        left, right = edges[start], edges[end]
        axes.axvspan(left, right, color=STATE_COLORS.get(name, GREY), lw=0)
        if right - left > 0.06 * edges[-1]:
            axes.text((left + right) / 2, 0.47, name, ha="center", va="center", fontsize=8.5)
            named.add(name)
        seen.add(name)
    _name_the_rest(axes, [name for name in names if name in seen - named])


def _name_the_rest(axes: Any, names: list[str]) -> None:
    from matplotlib.patches import Patch

    if names:
        axes.legend(
            handles=[Patch(color=STATE_COLORS.get(name, GREY), label=name) for name in names],
            loc="center left",
            bbox_to_anchor=(1.005, 0.5),
            ncols=len(names),
            handlelength=0.9,
            columnspacing=0.8,
            handletextpad=0.4,
            borderpad=0.1,
        )


def stretches(values: np.ndarray) -> Iterator[tuple[int, int, Any]]:
    """Yields (start, end, value) of each run of equal values."""
    values = np.asarray(values)
    if not len(values):
        return
    cuts = [0, *(np.flatnonzero(np.diff(values)) + 1).tolist(), len(values)]
    for start, end in zip(cuts, cuts[1:], strict=False):
        yield start, end, values[start]


def apart(places: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """The places, moved as little as needed so that neighbours are ``gap`` apart and all lie
    within low and high (where there is room)."""
    order = sorted(range(len(places)), key=lambda i: places[i])
    moved = [0.0] * len(places)
    floor = low
    for i in order:
        moved[i] = floor = max(places[i], floor)
        floor += gap
    ceiling = high
    for i in reversed(order):
        moved[i] = min(moved[i], ceiling)
        ceiling = moved[i] - gap
    return moved


def thin(table: Mapping[str, np.ndarray], most: int = 1500) -> dict[str, np.ndarray]:
    """Every n-th row, so that no picture draws more points than it can show; the last stays."""
    rows = len(table["time"])
    if rows <= most:
        return dict(table)
    chosen = np.unique(np.linspace(0, rows - 1, most).astype(int))
    return {key: np.asarray(column)[chosen] for key, column in table.items()}
