"""How far hosts can be overcommitted, and how that advice would have fared: the band of hosts that
are drawn, and every rule by how many VMs it places and how often they fitted afterwards."""

from typing import Any

import numpy as np

from pageengine.analysis.backtest import ADVICE, BY_HOST, Backtest
from pageengine.analysis.packing import Packing
from pageengine.lab.packed import DemandAdvice
from pageengine.report import style

WHAT = "advice from demand"
TITLE = "Hosts that hold"


def draw(figure: Any, advice: DemandAdvice) -> None:
    left, right = figure.subplots(1, 2)
    _band(left, advice.packing)
    _fared(right, advice.backtest)


def _band(axes: Any, said: Packing) -> None:
    """What part of hosts holds, by the ratio they are filled to."""
    known = said.limits[np.isfinite(said.limits)]
    most = float(known[-1]) if len(known) else said.ratio
    x = np.concatenate([[0.0], known, [most * 1.05]])
    y = 1 - np.searchsorted(said.limits, x, side="right") / said.draws
    axes.step(x, y, where="post", color=style.BLUE, lw=1.6)
    axes.fill_between(x, y, step="post", color=style.BLUE, alpha=0.15, lw=0)
    axes.axvline(said.ratio, color=style.VERMILION, lw=1.2, ls=(0, (4, 2)))
    right = said.ratio < most / 2
    told = f"advice {said.ratio:.2f}: {100 * said.confidence:g} % hold"
    axes.annotate(
        f"all {said.vms} VMs fit at {said.ratio:.2f}: the data ran out" if said.edge else told,
        (said.ratio, 0.04),
        xytext=(5 if right else -5, 0),
        ha="left" if right else "right",
        textcoords="offset points",
        color=style.VERMILION,
        fontsize=8.5,
    )
    axes.set_xlim(0, most * 1.05)
    style.percent_axis(axes, "hosts that hold (%)")
    axes.set_ylim(0, 1.03)
    axes.set_xlabel("provisioned / memory of the host")
    axes.set_title(f"{TITLE} {100 * said.share:g} % of the time")


def _fared(axes: Any, found: Backtest) -> None:
    """Each rule: how many VMs it places, and on how many hosts they fitted in the rest."""
    colors = {ADVICE: style.VERMILION, BY_HOST: style.ORANGE}
    rules = sorted(found.fared, key=lambda each: each.vms)
    for number, each in enumerate(rules):
        color = colors.get(each.name, style.GREY)
        axes.barh(number, each.vms, color=color, height=0.62)
        axes.annotate(
            f"{'all ' if each.capped else ''}{each.vms:.1f}, {100 * each.held:.3g} % held",
            (each.vms, number),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=8.5,
        )
    axes.set_yticks(range(len(rules)), [each.name for each in rules])
    axes.set_xlim(0, max(each.vms for each in rules) * 1.4 or 1.0)
    axes.grid(False, axis="y")
    axes.set_xlabel("VMs on a host, placed by the first part")
    axes.set_title("and hosts that held in the rest")
