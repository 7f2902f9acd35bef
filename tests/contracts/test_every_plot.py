"""A picture that fails costs the reader a whole run. Every picture of the table is drawn from each
kind of result that a run can end with: usual, of one epoch, of one VM, with nothing in it."""

from types import SimpleNamespace

import made_up
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from pageengine import report
from pageengine.analysis import packing, placing
from pageengine.analysis.backtest import backtest
from pageengine.demand import Demand
from pageengine.lab.packed import DemandAdvice

RESULTS = {
    "usual": lambda: made_up.result(),
    "one epoch": lambda: made_up.result(2),
    "one VM": lambda: made_up.result(300, vms=("only",)),
    "many VMs": lambda: made_up.result(300, vms=tuple(f"m{i}" for i in range(40))),
    "calm": lambda: made_up.result(300, busy=0),
    "no thresholds": lambda: without_thresholds(),
    "long names": lambda: made_up.result(300, vms=tuple("abcd"[i] * 40 for i in range(4))),
}
QUICK = {"usual", "one epoch"}  # half a second a picture, of each of seven results


def without_thresholds():
    result = made_up.result(300)
    del result.meta["thresholds"]
    return result


def curve(points=20, knee=7):
    sizes = np.linspace(2**25, 2**29, points)
    slow = 1 + 9 * np.linspace(1, 0, points) ** 3
    return SimpleNamespace(
        vm="web", sizes=sizes, slowdown=slow, low=slow * 0.9, high=slow * 1.1, knee=knee
    )


def demand_of(result):
    """Of its VMs, with a hole, and one that nobody read."""
    size = np.stack([np.full(len(result.host["time"]), 2.0**30) for _ in range(3)])
    active = size * np.linspace(0.1, 0.4, size.shape[1])
    size[1, size.shape[1] // 2 :] = active[2] = np.nan
    return Demand(("a", "b", "c"), 0.0, 60.0, size, np.full_like(size, np.nan), active)


def data_for(name, result):
    kind = report.plot(name).WHAT
    if kind == "result":
        return result
    if kind == "results by policy":
        return {"esx6": result, "kvm": made_up.result(300, busy=0.5)}
    if kind == "fleet":
        return made_up.fleet(len(result.names), len(result.host["time"]))
    if kind == "demand":
        return demand_of(result)
    if kind == "advice from demand":
        return advice_of(demand_of(result))
    return [curve(), curve(2, None)]


def advice_of(demand):
    """On a host that holds them all, as far as that can be told of so few slots."""
    if demand.slots < 8:
        whole = np.resize(demand.active, (3, 8)), np.full((3, 8), 2.0**30)
        demand = demand.__replace__(active=whole[0], size=whole[1], used=np.full((3, 8), np.nan))
    of = placing.loads(demand)
    said = packing.pack(of, 2**29, draws=10)
    return DemandAdvice(of, said, (), backtest(of, 2**29, draws=10))


@pytest.mark.parametrize(
    "kind",
    [pytest.param(kind, marks=[] if kind in QUICK else [pytest.mark.slow]) for kind in RESULTS],
)
@pytest.mark.parametrize("name", report.PLOTS)
def test_a_picture_comes_out(name, kind):
    data = report.picture(name, data_for(name, RESULTS[kind]()), dpi=40)
    assert data.startswith(b"\x89PNG") and len(data) > 1000


@pytest.mark.parametrize("name", report.PLOTS)
def test_a_picture_has_a_title_and_says_what_it_is_drawn_from(name):
    module = report.plot(name)
    assert module.TITLE and module.WHAT and module.__doc__


@pytest.mark.parametrize("name", report.PLOTS)
def test_no_text_of_a_picture_lies_outside_or_on_another(name):
    figure = report.figure(name, data_for(name, made_up.result()))
    renderer = FigureCanvasAgg(figure).get_renderer()
    frame = figure.bbox.padded(1)
    for axes in figure.axes:
        if not axes.axison:
            continue
        low, high = axes.get_xlim()
        ticks = [t.label1 for t in axes.xaxis.get_major_ticks() if low <= t.get_loc() <= high]
        labels = [t for t in (*axes.texts, *ticks) if t.get_text() and t.get_visible()]
        boxes = [(t.get_text(), t.get_window_extent(renderer)) for t in labels]
        for number, (text, box) in enumerate(boxes):
            inside = box.x0 >= frame.x0 and box.x1 <= frame.x1 and box.y0 >= frame.y0
            assert inside and box.y1 <= frame.y1, f"{text!r} lies outside"
            for other, there in boxes[number + 1 :]:
                assert not box.padded(-1).overlaps(there.padded(-1)), f"{text!r} on {other!r}"
