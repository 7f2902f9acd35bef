"""Tables and pictures as HTML that needs nothing else: no script, no style sheet, no file. Numbers
stand in the cells, so that a page which drops pictures loses nothing. Whatever is text is escaped.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from pageengine.inline.palette import BLUE
from pageengine.plumbing.visible import on_page
from pageengine.units import format_size

_NUMBER = "text-align:right;white-space:nowrap"
ROWS_MOST = 20  # of a table; the others are counted


class Markup(str):
    """Text that is markup already."""

    __slots__ = ()


def text(value: object) -> Markup:
    """A value as markup that shows it."""
    return value if isinstance(value, Markup) else Markup(on_page(value))


def paragraph(value: object) -> Markup:
    return Markup(f"<p style='margin:.3em 0'>{text(value)}</p>")


def size(value: Any) -> str:
    """Bytes as short text; a dash where they are not known (None, NaN), and what is no amount as it
    is.
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "-"
    try:
        return format_size(int(value))
    except (TypeError, ValueError, OverflowError):
        return str(value)


def percent(share: float) -> str:
    """A share as short text; a dash where it is not known."""
    return "-" if math.isnan(share) else f"{100 * share:.3g} %"


def table(head: Sequence[object], rows: Iterable[Sequence[object]], caption: str = "") -> Markup:
    """Cells are text, or Markup; the first of each row is its heading."""
    top = "".join(f"<th>{text(cell)}</th>" for cell in head)
    body = "".join(
        f"<tr><th style='text-align:left'>{text(name)}</th>"
        + "".join(f"<td style='{_NUMBER}'>{text(cell)}</td>" for cell in cells)
        + "</tr>"
        for name, *cells in rows
    )
    said = f"<caption>{text(caption)}</caption>" if caption else ""
    start = f"<thead><tr>{top}</tr></thead>" if head else ""
    return Markup(f"<table>{said}{start}<tbody>{body}</tbody></table>")


def more(count: int) -> Markup:
    """That so many rows are not shown; nothing where all are."""
    return paragraph(f"and {count - ROWS_MOST} more") if count > ROWS_MOST else Markup()


def bar(parts: Sequence[tuple[str, float, str]], width: float, height: int = 12) -> Markup:
    """Parts side by side over the whole width in pixels. parts: (name, bytes, colour); where the
    mouse rests on one that has a name, it says what it is.
    """
    whole = sum(amount for _, amount, _ in parts) or 1
    drawn, x = [], 0.0
    for name, amount, color in parts:
        wide = width * amount / whole
        if wide > 0:
            said = f"<title>{text(name)} {text(size(amount))}</title>" if name else ""
            place = f"x='{x:.2f}' width='{wide:.2f}' height='{height}'"
            drawn.append(f"<rect {place} fill='{color}'>{said}</rect>")
        x += wide
    said = ", ".join(f"{name} {size(amount)}" for name, amount, _ in parts if name)
    return _picture(said, width, height, drawn)


def line(
    values: Sequence[float], most: float, width: int, height: int, color: str = BLUE
) -> Markup:
    """A line of values from 0 to ``most`` over the width; it has gaps where values are NaN."""
    step, drawn, points = width / max(1, len(values) - 1), [], list[str]()
    for i, value in enumerate([*values, math.nan]):
        if not math.isnan(value):
            y = (height - 1) * (1 - min(1.0, max(0.0, value / (most or 1)))) + 0.5
            points.append(f"{i * step:.1f},{y:.1f}")
        elif points:
            ends = " ".join(points if len(points) > 1 else points * 2)
            drawn.append(
                f"<polyline points='{ends}' fill='none' stroke='{color}' stroke-width='1.2'/>"
            )
            points = []
    return _picture("a timeline", width, height, drawn)


def stretches(spans: Iterable[tuple[float, float, str, str]], width: int, height: int) -> Markup:
    """Stretches along a line. spans: (begin, end, name, colour), begin and end from 0 to 1."""
    drawn = [
        f"<rect x='{width * begin:.2f}' width='{width * (end - begin):.2f}' height='{height}' "
        f"fill='{color}'><title>{text(name)}</title></rect>"
        for begin, end, name, color in spans
    ]
    return _picture("states over time", width, height, drawn)


def legend(colors: Iterable[tuple[str, str]]) -> Markup:
    """(name, colour) each."""
    each = "".join(
        f"<span style='white-space:nowrap;margin-right:1em'><span style='display:inline-block;"
        f"width:.8em;height:.8em;background:{color};margin-right:.3em'></span>{text(name)}</span>"
        for name, color in colors
    )
    return Markup(f"<div style='font-size:.85em'>{each}</div>")


def _picture(what: str, width: float, height: float, drawn: Iterable[str]) -> Markup:
    return Markup(
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{width:g}' height='{height:g}' "
        f"role='img' aria-label='{text(what)}' style='vertical-align:middle'>"
        f"{''.join(drawn)}</svg>"
    )


def page(*parts: object) -> str:
    """Parts one under another; empty ones are left out."""
    return "<div>" + "".join(text(part) for part in parts if part) + "</div>"


def shown(make: Callable[[], str], thing: object) -> str:
    """What ``make`` gives. A notebook shows things in any state: where it fails (a host that is
    closed, a plan that is no plan), the thing's repr; where that fails too, its class.
    """
    try:
        return make()
    except Exception:
        try:
            said = repr(thing)
        except Exception:
            said = f"<{type(thing).__name__}>"
        return page(paragraph(said))
