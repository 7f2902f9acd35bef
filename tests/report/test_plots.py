"""Pictures are what most readers look at, so they must come out for every result that can happen,
large and odd ones too. Each is drawn from made-up results; ticks and labels are measured."""

import re

import made_up
import numpy as np
import pytest

from pageengine import report
from pageengine.report import html, policies, stalls, style, vms


def test_an_unknown_picture_names_close_ones():
    with pytest.raises(ValueError, match="no picture 'hosts': did you mean 'host'"):
        report.figure("hosts", made_up.result(100))


def test_the_host_picture_names_every_threshold_with_its_size():
    figure = report.figure("host", made_up.result())
    texts = {text.get_text() for axes in figure.axes for text in axes.texts}
    assert {"high again from 120 MiB", "hard below 20 MiB"} <= texts


def test_labels_of_thresholds_do_not_cover_one_another():
    places = style.apart([0.1, 0.11, 0.12, 0.9], 0.1, 0.0, 1.0)
    assert np.diff(sorted(places)).min() >= 0.1 - 1e-9
    assert style.apart([0.95, 0.99], 0.1, 0.0, 1.0) == pytest.approx([0.9, 1.0])
    assert style.apart([], 0.1, 0, 1) == []


@pytest.mark.parametrize(
    "most, unit",
    [(3 << 40, "TiB"), (1 << 40, "GiB"), (1 << 30, "MiB"), (5000, "KiB"), (0, "bytes")],
)
def test_the_unit_suits_the_range(most, unit):
    assert style.size_unit(most)[1] == unit


@pytest.mark.parametrize("end, unit", [(59, "seconds"), (1800, "minutes"), (86400, "hours")])
def test_time_is_shown_in_a_unit_that_suits(end, unit):
    figure = report.figure("stall", made_up.result(end))
    assert figure.axes[0].get_xlabel() == f"time ({unit})"


def test_every_axis_of_every_picture_has_a_unit():
    for name in ("host", "vms", "stall"):
        for axes in report.figure(name, made_up.result()).axes:
            for label in (axes.get_xlabel(), axes.get_ylabel()):
                assert not label or re.search(r"[(%]|B$", label), label


def test_many_vms_show_those_that_stalled_most():
    names = tuple(f"vm-{i}" for i in range(30))
    result = made_up.result(vms=names)
    shown = vms.chosen(result)
    assert len(shown) == vms.MOST and {"vm-0", "vm-1", "vm-2"} <= set(shown)
    assert "18 more" in report.figure("vms", result)._suptitle.get_text()


def test_a_long_run_is_thinned_but_keeps_its_end():
    table = style.thin({"time": np.arange(100_000.0)})
    assert len(table["time"]) <= 1500 and table["time"][-1] == 99_999


def test_smoothing_keeps_the_mean_of_a_constant():
    np.testing.assert_allclose(stalls.smooth(np.full(1000, 0.3), 7), 0.3)
    np.testing.assert_allclose(stalls.smooth(np.ones(3), 7), 1)


def test_a_vm_that_was_refused_is_not_carried():
    result = made_up.result(100)
    result.meta["refused"] = ["big"]
    assert policies.stalls(result)["big"] == 1.0


@pytest.mark.slow
def test_the_same_result_gives_the_same_picture():
    first, second = (report.picture("host", made_up.result(300)) for _ in range(2))
    assert first == second and first.startswith(b"\x89PNG")


def test_a_figure_shows_itself_in_a_notebook():
    shown = report.figure("stall", made_up.result())
    assert shown._repr_png_() == report.picture("stall", made_up.result())


def test_a_vector_picture_too():
    assert b"<svg" in report.picture("stall", made_up.result(300), format="svg")


def test_the_page_needs_nothing_from_outside():
    text = report.page(made_up.result(300))
    assert not re.search(r"""(src|href)=["'](?!data:)""", text)
    assert text.count("data:image/png;base64,") == 3
    assert "web-1" in text and "vm.db.shares becomes 4000" in text


@pytest.mark.slow
def test_names_cannot_break_the_page():
    result = made_up.result(100, vms=("<b>", "x", "y", "z"))
    result.meta["name"] = "</title><script>"
    text = report.page(result)
    assert "<script>" not in text and "<b>" not in text.replace("<body>", "")


@pytest.mark.slow
def test_a_partial_run_says_so_on_its_page():
    result = made_up.result(100)
    result.meta |= {"partial": "interrupted", "seconds": 3600}
    assert "did not come to its end of 60 minutes: interrupted" in report.page(result)


def test_the_worst_minute_is_found():
    time = np.arange(1.0, 301)
    stall = np.where((time > 100) & (time <= 160), 0.5, 0.0)
    assert html.worst_minute({"time": time, "stall": stall}) == pytest.approx(0.5)
    assert html.worst_minute({"time": time[:1], "stall": stall[:1]}) == 0
