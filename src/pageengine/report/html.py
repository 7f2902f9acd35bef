"""One HTML page of a result that needs nothing else: pictures are inside it, as are the tables."""

import base64
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from pageengine import report
from pageengine.inline.markup import size
from pageengine.lab.figures import mean, most, untouched, won, worst_minute
from pageengine.lab.results import Result
from pageengine.plumbing.visible import on_page
from pageengine.units import format_size

if TYPE_CHECKING:
    from pageengine.report import Drawn
    from pageengine.report.rightsizing import Curves

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #222; margin: 2em auto; max-width: 62em;
  padding: 0 1em; background: #fff }
h1 { font-size: 1.6em; margin-bottom: 0 } h2 { font-size: 1.15em; margin-top: 2em }
img { max-width: 100%; height: auto } .sub { color: #666; margin-top: .2em }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .92em }
th, td { padding: .25em .8em; text-align: right; border-bottom: 1px solid #e4e4e4 }
th:first-child, td:first-child { text-align: left } thead th { border-bottom: 2px solid #999 }
.note { border-left: 4px solid #E69F00; padding: .3em .8em; background: #fdf6e7 }
.wide { overflow-x: auto }
"""


def page(
    result: Result, *, curves: "Curves | None" = None, others: Mapping[str, Result] | None = None
) -> str:
    """curves: right-sizing curves to show too. others: further results by policy to compare."""
    name = str(result.meta.get("name") or "result")
    parts = [f"<h1>{on_page(name)}</h1>", f'<p class="sub">{on_page(_about(result))}</p>']
    if result.meta.get("description"):
        parts.append(f"<p>{on_page(result.meta['description'])}</p>")
    if result.partial:
        parts.append(f'<p class="note">{on_page(_why_partial(result))}</p>')
    if len(result.host.get("time", ())):
        parts += [table("The VMs", *vms(result)), _techniques(result)]
        parts += [embedded(name, result) for name in ("host", "vms", "stall")]
    else:
        parts.append("<p>Nothing was recorded.</p>")
    if others:
        parts.append(embedded("compare", others))
    if curves:
        parts.append(embedded("rightsizing", curves))
    parts += [_events(result), _settings(result)]
    return document(name, parts)


def document(title: str, parts: Iterable[str]) -> str:
    """A page of parts, in their order; empty ones are left out."""
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width"><title>{on_page(title)}</title>'
        f"<style>{_STYLE}</style></head><body>\n" + "\n".join(filter(None, parts)) + "\n</body>"
        "</html>\n"
    )


def vms(result: Result) -> tuple[list[str], list[list[str]]]:
    """Head and rows of the table of VMs."""
    head = [
        "VM",
        "configured",
        "held, mean",
        "active, mean",
        "balloon, most",
        "swapped, most",
        "stalled",
        "worst minute",
    ]
    rows = []
    for name in result.names:
        own = result.of(name)
        rows.append(
            [
                name,
                size(own["size"][-1]),
                size(mean(own["consumed"])),
                size(mean(own["active"])),
                size(most(own["balloon"])),
                size(most(own["swapped"])),
                _percent(mean(own["stall"]), 2),
                _percent(worst_minute(own), 1),
            ]
        )
    return head, rows


def _percent(share: float, digits: int) -> str:
    return "-" if np.isnan(share) else f"{100 * share:.{digits}f} %"


def _about(result: Result) -> str:
    meta = result.meta
    time = np.asarray(result.host.get("time", ()))
    minutes = float(time[-1]) / 60 if len(time) else 0.0
    recorded = meta.get("kind") == "recording"
    kind = "of a real host" if recorded else "of simulated time"
    parts = [f"policy {meta.get('policy', '?')}", f"{minutes:g} minutes {kind}"]
    if "memory" in meta:
        parts.append(f"host of {format_size(int(meta['memory']))}")
    return ", ".join(parts if recorded else [*parts, f"seed {meta.get('seed', 0)}"])


def _why_partial(result: Result) -> str:
    wanted = result.meta.get("seconds")
    end = f" of {wanted / 60:g} minutes" if wanted else ""
    return (
        f"The run did not come to its end{end}: {result.why}. What is shown is what was recorded."
    )


def _techniques(result: Result) -> str:
    rows = []
    parts = {**won(result), "untouched, in balloons": untouched(result)}
    for name, column in parts.items():
        rows.append([name, *(format_size(int(f(column))) for f in (np.mean, np.max))])
    return table("Memory given back", ["technique", "mean", "most"], rows)


def embedded(name: str, data: "Drawn") -> str:
    """A picture under its title, inside the page."""
    image = base64.b64encode(report.picture(name, data)).decode("ascii")
    title = on_page(report.plot(name).TITLE)
    return f'<h2>{title}</h2><img alt="{title}" src="data:image/png;base64,{image}">'


def _events(result: Result) -> str:
    rows = [[f"{event.get('time', 0):g} s", str(event.get("what", ""))] for event in result.events]
    if len(rows) > 200:
        rows = [*rows[:200], ["", f"and {len(rows) - 200} more, in summary.json"]]
    return table("What happened", ["time", "event"], rows) if rows else ""


def _settings(result: Result) -> str:
    rows = [
        [key.replace("_", " "), _readable(key, value)]
        for key, value in sorted(result.summary.items())
        if isinstance(value, str | int | float | bool)
    ]
    return table("Figures", ["figure", "value"], rows) if rows else ""


def _readable(key: str, value: float | str) -> str:
    """A figure of the summary with its unit: levels are bytes, counts are pages."""
    if isinstance(value, bool | str):
        return str(value)
    if key == "stall":
        return f"{100 * value:.2f} % of the time"
    if key.endswith(("_most", "_least")):
        return format_size(int(value))
    return f"{value:,} pages" if isinstance(value, int) else f"{value:g}"


def table(title: str, head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """A table under its title."""
    top = "".join(f"<th>{on_page(cell)}</th>" for cell in head)
    body = "".join(
        "<tr>" + "".join(f"<td>{on_page(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return (
        f'<h2>{on_page(title)}</h2><div class="wide"><table><thead><tr>{top}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )
