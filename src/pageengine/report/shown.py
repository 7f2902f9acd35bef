"""A figure that shows itself. matplotlib's own do so in a notebook only once pyplot was imported,
and then those that pyplot made; ours are made without it. And what is drawn, with names that a
picture can show: fonts have no control characters, and SVG may not hold them.
"""

from collections.abc import Mapping
from dataclasses import is_dataclass, replace
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from pageengine.lab.fleet import FleetResult
from pageengine.lab.results import Result
from pageengine.plumbing.visible import visible


class Shown(Figure):
    """A matplotlib figure that a notebook displays as the picture it is."""

    def _repr_png_(self) -> bytes:
        from pageengine.report import saved

        return saved(self)


def named_visibly(data: Any) -> Any:
    """Results and curves as they are, but for names of VMs and policies (``visible``)."""
    if isinstance(data, Result):
        names = np.array([visible(name) for name in np.asarray(data.vms.get("vm", ()))], dtype=str)
        return replace(data, vms={**data.vms, "vm": names}, meta=_texts(data.meta))
    if isinstance(data, FleetResult):
        hosts, vms, moves = _named(data.hosts), _named(data.vms), _named(data.moves)
        return replace(data, hosts=hosts, vms=vms, moves=moves, meta=_texts(data.meta))
    if isinstance(data, Mapping):
        return {visible(name): named_visibly(each) for name, each in data.items()}
    if isinstance(data, list | tuple):
        return [named_visibly(each) for each in data]
    if is_dataclass(data) and isinstance(getattr(data, "vm", None), str):
        curve: Any = data
        return replace(curve, vm=visible(curve.vm))
    return data


def _named(table: Mapping[str, Any]) -> dict[str, Any]:
    """A table whose texts a picture can show."""
    return {
        key: np.array([visible(name) for name in column], dtype=str)
        if np.asarray(column).dtype.kind == "U"
        else column
        for key, column in table.items()
    }


def _texts(meta: Mapping[str, Any]) -> dict[str, Any]:
    return {key: visible(each) if isinstance(each, str) else each for key, each in meta.items()}
