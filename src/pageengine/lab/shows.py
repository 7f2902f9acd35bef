"""What a notebook shows of a result and of a comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pageengine.inline import markup, results
from pageengine.lab import figures
from pageengine.policy.states import STATES

if TYPE_CHECKING:
    from pageengine.lab.results import Result
    from pageengine.lab.standings import Comparison


def result_html(result: Result) -> str:
    """Free memory and states over time, and a row for each VM."""
    return markup.shown(lambda: _result(result), result)


def comparison_html(comparison: Comparison) -> str:
    """The verdict, and a row for each policy."""
    return markup.shown(lambda: _comparison(comparison), comparison)


def _result(result: Result) -> str:
    host, names = result.host, result.names
    none = np.zeros(0)
    memory = np.asarray(host.get("memory", none), float)
    state = np.asarray(host.get("state", none), float)
    vms = []
    for name in names[: markup.ROWS_MOST]:
        own = result.of(name)
        columns = {key: column.tolist() for key, column in own.items()}
        vms.append((name, columns, figures.mean(own["stall"])))
    return results.result(
        repr(result),
        (np.asarray(host.get("free", none), float).tolist(), figures.most(memory)),
        ["" if np.isnan(number) else STATES[int(number)] for number in state.tolist()],
        vms,
        len(names),
    )


def _comparison(comparison: Comparison) -> str:
    return results.comparison(
        comparison.sentence(), comparison.standings, comparison.best, comparison.seeds
    )
