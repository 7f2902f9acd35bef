"""A verdict that calls a miss a success would make every reproduced number worthless. Numbers at
and beyond the edges of their tolerance, and outcomes of every kind, are judged.
"""

import pytest

from pageengine.papers import Claim, Number, Outcome


def test_a_number_is_met_up_to_its_tolerance():
    assert Number("x", 102, 100, within=0.02).met
    assert not Number("x", 102.1, 100, within=0.02).met
    assert Number("x", 90, 100).met is None
    assert Number("x", 90, 100).deviation == pytest.approx(-0.1)


def test_a_range_holds_everything_within_it():
    assert Number("x", 0.3, (0, 0.5), within=0).met
    assert not Number("x", 0.51, (0, 0.5), within=0).met
    assert Number("x", 0.6, (0, 0.5)).deviation == pytest.approx(0.2)


def test_nothing_is_held_against_nothing():
    with pytest.raises(ValueError, match="nothing to be held against"):
        Number("x", 1, None, within=0.1)
    assert Number("x", 1).deviation is None
    assert Number("x", 0, 0, within=0).met and not Number("x", 1, 0, within=10).met


def test_a_mark_is_one_of_the_three():
    with pytest.raises(ValueError, match="guessed"):
        Number("x", 1, 1, mark="guessed")


def test_verdicts():
    good, bad = Number("x", 1, 1, within=0), Number("x", 2, 1, within=0)
    shown, yes, no = Number("x", 2, 1), Claim("rises", True), Claim("rises", False)
    assert Outcome([good, shown], [yes]).verdict == "reproduced"
    assert Outcome([shown], [yes]).verdict == "shape only"
    assert Outcome([shown]).verdict == "not claimed"
    assert Outcome([good, bad], [yes]).verdict == "missed"
    assert Outcome([good], [no]).verdict == "missed"
