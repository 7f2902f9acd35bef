"""Pictures and pages of results. ``PLOTS`` names every picture; each is one module with ``WHAT``
it is drawn from, a ``TITLE`` and ``draw(figure, data)``.

Needs matplotlib: pip install "pageengine[report]".
"""

import importlib
import importlib.util
import io
import os
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from pageengine.errors import PageEngineError
from pageengine.plumbing import given, writing

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TypeAlias

    from matplotlib.figure import Figure

    from pageengine.demand.base import Demand
    from pageengine.lab.fleet import FleetResult
    from pageengine.lab.packed import DemandAdvice
    from pageengine.lab.results import Result
    from pageengine.lab.standings import Comparison
    from pageengine.report.rightsizing import Curves

    Drawn: TypeAlias = Result | FleetResult | Mapping[str, Result] | Curves | Demand | DemandAdvice

__all__ = ["PLOTS", "available", "comparison", "figure", "page", "picture", "save"]

#: Name -> module of this package. Drawn from one result, several by policy, a curve, demand, or a
#: fleet.
PLOTS = {
    "host": "hosts",
    "vms": "vms",
    "stall": "stalls",
    "compare": "policies",
    "rightsizing": "rightsizing",
    "demand": "demand",
    "fleet": "fleet",
    "packing": "packing",
}

_HEIGHTS = {
    "host": 7.2,
    "stall": 3.8,
    "compare": 4.6,
    "rightsizing": 4.2,
    "demand": 4.4,
    "packing": 4.0,
}


def available() -> bool:
    """Whether matplotlib is installed."""
    return importlib.util.find_spec("matplotlib") is not None


def plot(name: str) -> ModuleType:
    """The module that draws the picture of that name."""
    if not isinstance(name, str) or name not in PLOTS:
        hint = given.near(name, PLOTS)
        raise ValueError(
            f"no picture {given.shown(name)}: {hint and hint + ' '}there are {', '.join(PLOTS)}"
        )
    return importlib.import_module(f"pageengine.report.{PLOTS[name]}")


def figure(
    name: str, data: "Drawn", *, width: float = 9.5, height: float | None = None
) -> "Figure":
    """A matplotlib figure. ``data``: a Result ("host", "vms", "stall"), a mapping of policy to
    Result ("compare"), a Curve of lab.advise ("rightsizing"), demand.Demand ("demand"), a
    lab.packed.DemandAdvice ("packing"), or a FleetResult ("fleet")."""
    module = plot(name)
    if height is None:
        height = module.height(data) if hasattr(module, "height") else _HEIGHTS[name]
    from pageengine.report.shown import named_visibly

    return made(lambda figure: module.draw(figure, named_visibly(data)), (width, height))


def made(draw: Callable[[Any], object], size: tuple[float, float]) -> "Figure":
    """A matplotlib figure of this size in inches that ``draw(figure)`` has filled. A notebook shows
    it."""
    if not available():
        raise PageEngineError('pictures are drawn by matplotlib: pip install "pageengine[report]"')
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    from pageengine.report import style
    from pageengine.report.shown import Shown

    with style.look():
        figure = Shown(figsize=size, layout="constrained")
        draw(figure)
        canvas: Any = FigureCanvasAgg(figure)
        canvas.draw()  # lays it out while the settings hold
    return figure


def picture(
    name: str, data: "Drawn", *, format: str = "png", dpi: int = 110, **options: Any
) -> bytes:
    """The picture as bytes of a PNG or SVG file; the same data gives the same bytes."""
    return saved(figure(name, data, **options), format, dpi)


def saved(figure: "Figure", format: str = "png", dpi: int = 110) -> bytes:
    """A figure as bytes of a file, without a date in it."""
    from pageengine.report import style

    file = io.BytesIO()
    stamp = {"Date": None} if format == "svg" else {"Software": None} if format == "png" else {}
    with style.look():
        figure.savefig(file, format=format, dpi=dpi, metadata=stamp)
    return file.getvalue()


def page(result: "Result | FleetResult", **others: Any) -> str:
    """One self-contained HTML page of a result, of one host or of a fleet."""
    from pageengine.lab.results import Result
    from pageengine.report import fleet_page, html

    return html.page(result, **others) if isinstance(result, Result) else fleet_page.page(result)


def comparison(found: "Comparison", name: str) -> str:
    """One self-contained HTML page of a ``lab.standings.Comparison`` of the scenario ``name``."""
    from pageengine.report import verdicts

    return verdicts.page(found, name)


def save(result: "Result | FleetResult", folder: str | os.PathLike[str], **others: Any) -> Path:
    """Saves the result and, where matplotlib is installed, its page as ``report.html``."""
    saved_in = Path(result.save(folder))
    if available():
        writing.text(saved_in / "report.html", page(result, **others))
    return saved_in
