"""A result and a comparison: what became of the VMs, and under which policy."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pageengine.inline.markup import (
    ROWS_MOST,
    Markup,
    bar,
    legend,
    line,
    more,
    page,
    paragraph,
    percent,
    size,
    stretches,
    table,
    text,
)
from pageengine.inline.palette import GREY, STATE_COLORS, TECHNIQUE_COLORS, VERMILION

_SIZES = ("size", "consumed", "target", "active", "balloon", "swapped")
_POINTS = 120  # of a line, at most
_WIDTH = 120  # pixels of a line in a table
_HOST_WIDTH = 480

Column = Sequence[float]


def result(
    title: str,
    free: tuple[Column, float],
    states: Sequence[str],
    vms: Iterable[tuple[str, Mapping[str, Column], float]],
    count: int,
) -> str:
    """free: free memory of the host over time, and how much memory there is. states: its state over
    time. vms: (name, columns, mean stall) of some; count: how many there are in all.
    """
    rows = [_row(*each) for each in vms]
    ran, memory = len(free[0]), free[1]
    head = ("VM", *_SIZES, "stalled", "consumed, of its size", "stalled, of its time")
    return page(
        paragraph(title),
        paragraph(f"free memory of {size(memory)}, and the state of the host") if ran else "",
        Markup(f"<div>{line(_thin(free[0]), memory, _HOST_WIDTH, 40)}</div>") if ran else "",
        Markup(f"<div>{stretches(_spans(states), _HOST_WIDTH, 8)}</div>") if ran else "",
        legend((name, STATE_COLORS.get(name, GREY)) for name in dict.fromkeys(states) if name),
        paragraph("at the end of the run:") if rows else paragraph("nothing was recorded"),
        table(head, rows) if rows else "",
        more(count),
    )


def _row(name: str, own: Mapping[str, Column], stalled: float) -> list[object]:
    last = [size(own[key][-1] if key in own else None) for key in _SIZES]
    most = max((value for value in own["size"] if not math.isnan(value)), default=1.0)
    return [
        name,
        *last,
        percent(stalled),
        line(_thin(own["consumed"]), most, _WIDTH, 18),
        line(_thin(own["stall"]), 1.0, _WIDTH, 18, VERMILION),
    ]


def _thin(values: Column) -> list[float]:
    """As many as can be drawn; the last stays."""
    step = max(1, -(-len(values) // _POINTS))
    return [float(value) for value in values[::-1][::step]][::-1]


def _spans(states: Sequence[str]) -> Iterable[tuple[float, float, str, str]]:
    begin, count = 0, len(states)
    for i in range(1, count + 1):
        if i == count or states[i] != states[begin]:
            if states[begin]:
                color = STATE_COLORS.get(states[begin], GREY)
                yield begin / count, i / count, states[begin], color
            begin = i


def comparison(sentence: str, standings: Sequence[Any], best: Any, seeds: Sequence[int]) -> str:
    """standings: those of a Comparison; best: one of them, or None."""
    most = max((sum(one.given_back.values()) for one in standings), default=0.0) or 1.0
    rows = []
    for one in standings[:ROWS_MOST]:
        given_back = one.given_back
        parts = [(name, given_back[name], color) for name, color in TECHNIQUE_COLORS.items()]
        whole = sum(amount for _, amount, _ in parts)
        rows.append(
            [
                _named(one, best),
                f"{one.interval('carried').mean:.3g} of {one.runs[0].vms}",
                _shown(one.interval("stall")),
                _shown(one.interval("worst_stall")),
                one.worst,
                f"{one.interval('swap_in').mean:.3g}",
                size(whole),
                bar(parts, max(1.0, _WIDTH * whole / most)),
            ]
        )
    head = ("policy", "carried", "stalled, mean", "worst VM", "which", "swapped in, pages/s")
    many = f"seeds {', '.join(map(str, seeds[:ROWS_MOST]))}" if seeds else ""
    return page(
        paragraph(sentence),
        table((*head, "given back", "by"), rows, many),
        more(len(standings)),
        legend(TECHNIQUE_COLORS.items()),
    )


def _named(one: Any, best: Any) -> object:
    return Markup(f"&#9733; {text(one.policy)}") if one is best else one.policy


def _shown(found: Any) -> str:
    half = "" if found.half is None else f" ± {100 * found.half:.2g}"
    return f"{100 * found.mean:.3g}{half} %"
