"""A plan: what is to be done with whom."""

from __future__ import annotations

from collections.abc import Mapping
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
from pageengine.inline.palette import BLUE, PALE, TECHNIQUE_COLORS

_WIDTH = 180  # pixels of the largest amount
_SIZES = ("target", "balloon", "reclaim")
_COLORS = {
    "target": BLUE,
    "balloon": TECHNIQUE_COLORS["balloon"],
    "reclaim": TECHNIQUE_COLORS["swap"],
}
_HEAD = ("VM", "target", "balloon", "reclaim", "by", "blocked", "scan", "")


def plan(said: Any) -> str:
    """said: a Plan."""
    names = list(said.vms)
    rows = _rows(dict(list(said.vms.items())[:ROWS_MOST]))
    return page(
        paragraph(f"Plan: {', '.join(_of_host(said))}"),
        table(_HEAD, rows) if rows else paragraph("nothing is done with any VM"),
        more(len(names)),
        legend(_COLORS.items()) if rows else Markup(),
        *(paragraph(f"{advice.vm} should leave: {advice.why}") for advice in said.migrate),
    )


def vm_plan(said: Any) -> str:
    """said: a VMPlan."""
    return page(table(_HEAD, _rows({"VMPlan": said})), legend(_COLORS.items()))


def _of_host(said: Any) -> list[str]:
    found = [f"state {said.state or 'unknown'}"]
    if said.wake_below is not None:
        found.append(f"accesses wait below {size(said.wake_below)} free")
    if said.wake_above is not None:
        found.append(f"asked again above {size(said.wake_above)}")
    if said.again is not None:
        found.append(f"in any case after {said.again:g} s")
    if any(vm.scan for vm in said.vms.values()):
        found.append(f"scan rule {said.scan_rule}")
    if said.report_free:
        found.append("free pages are reported")
    return found


def _rows(vms: Mapping[str, Any]) -> list[list[object]]:
    amounts = [getattr(vm, key) or 0 for vm in vms.values() for key in _SIZES]
    most = max(amounts, default=0) or 1
    rows: list[list[object]] = []
    for name, vm in vms.items():
        bars = [(key, getattr(vm, key), _COLORS[key]) for key in _SIZES]
        drawn = "<br/>".join(
            bar([(key, amount, color), ("", most - amount, PALE)], _WIDTH, 4)
            for key, amount, color in bars
            if amount
        )
        rows.append(
            [
                name,
                *(size(getattr(vm, key)) for key in ("target", "balloon")),
                size(vm.reclaim) if vm.reclaim else "-",
                vm.technique if vm.reclaim else "-",
                "yes" if vm.blocked else "-",
                "-" if vm.scan is None else f"{vm.scan:.3g} pages/s",
                Markup(f"<div style='line-height:5px'>{drawn}</div>"),
            ]
        )
    return rows
