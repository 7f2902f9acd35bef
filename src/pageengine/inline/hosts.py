"""A host and its VMs: where the memory is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pageengine.inline.markup import (
    ROWS_MOST,
    Markup,
    bar,
    legend,
    more,
    page,
    paragraph,
    size,
    table,
)
from pageengine.inline.palette import BLUE, ORANGE, PALE, PLACE_COLORS, TECHNIQUE_COLORS

_HOST_WIDTH, _VM_WIDTH = 480, 180  # pixels: of the host's memory, and of the largest VM's
_SIZES = ("size", "consumed", "active", "target", "ballooned", "compressed", "swapped")
_HEAD = ("VM", *_SIZES, "where its pages are")

Columns = Mapping[str, Sequence[int]]


def host(title: str, said: str, numbers: Mapping[str, int], names: list[str], of: Columns) -> str:
    """numbers: ``Host.numbers``; of: ``Host.columns`` of the VMs. said: policy, state and time."""
    parts = (
        ("private", sum(of["private"]), BLUE),
        ("shared", numbers["shared_common"], TECHNIQUE_COLORS["sharing"]),
        ("compression cache", numbers["cache"], ORANGE),
        ("free", numbers["free"], PALE),
    )
    told = legend((f"{name} {size(amount)}", color) for name, amount, color in parts)
    rows = _rows(names, of)
    return page(
        paragraph(title),
        paragraph(said),
        bar(parts, _HOST_WIDTH, 16),
        told,
        table(_HEAD, rows) if rows else Markup(),
        more(len(names)),
        legend(PLACE_COLORS.items()) if rows else Markup(),
    )


def vm(title: str, name: str, of: Columns, promised: Mapping[str, Any]) -> str:
    """of: ``Host.columns`` of this VM. promised: shares, reservation and limit."""
    said = f"{promised['shares']} shares, {size(promised['reservation'])} reserved, "
    blocked = ", blocked" if of["blocked"][0] else ""
    return page(
        paragraph(title),
        paragraph(f"{said}limit {size(promised['limit'])}{blocked}"),
        table(_HEAD, _rows([name], of)),
        legend(PLACE_COLORS.items()),
    )


def _rows(names: list[str], of: Columns) -> list[list[object]]:
    largest = max(of["size"], default=1)
    rows: list[list[object]] = []
    for i, name in enumerate(names[:ROWS_MOST]):
        parts = [(place, of[place][i], color) for place, color in PLACE_COLORS.items()]
        drawn = bar(parts, max(2.0, _VM_WIDTH * of["size"][i] / largest))
        rows.append([name, *(size(of[key][i]) for key in _SIZES), _left(drawn)])
    return rows


def _left(drawn: Markup) -> Markup:
    return Markup(f"<div style='text-align:left;width:{_VM_WIDTH}px'>{drawn}</div>")


def record(title: str, rows: Mapping[str, str]) -> str:
    """A record of numbers, a row each."""
    return table((), rows.items(), title)
