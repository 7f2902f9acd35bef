"""A host in the wrong state swaps without need, or too late. Thresholds against the published
figures (VMware's minfree, OSDI 2002 section 6.3), and the way up and down.
"""

import pytest

from pageengine.policy.states import PRESETS, STATES, TECHNIQUES, Thresholds, minfree, rank

MIB, GIB = 2**20, 2**30


@pytest.mark.parametrize(
    ("gib", "mib"),
    [(1, 61.44), (4, 245.76), (12, 573.44), (28, 901.12), (96, 1597.44), (128, 1925.12)],
)
def test_minfree_slides_with_memory(gib, mib):
    assert minfree(gib * GIB) == int(mib * MIB)


def test_a_terabyte_host_is_soft_below_6_9_gb_and_low_below_1_7():
    thresholds = dict(zip(*(PRESETS["esx5"](1024 * GIB).__dict__.values()), strict=True))
    assert minfree(1024 * GIB) / GIB == pytest.approx(10.8, abs=0.05)
    assert thresholds["soft"] / GIB == pytest.approx(6.9, abs=0.05)
    assert thresholds["hard"] / GIB == pytest.approx(3.5, abs=0.05)
    assert thresholds["low"] / GIB == pytest.approx(1.7, abs=0.05)


def test_the_thresholds_of_2002_are_parts_of_memory():
    assert PRESETS["esx2002"](1000).bytes == (60, 40, 20, 10)


def test_a_host_falls_at_once_and_rises_step_by_step():
    thresholds = PRESETS["esx2002"](10_000)  # 600, 400, 200, 100
    falls = [thresholds.next_state("high", free, 0.1) for free in (500, 399, 199, 99)]
    assert falls == ["high", "soft", "hard", "low"]
    assert thresholds.next_state("low", 5000, 0.1) == "hard"
    assert thresholds.next_state("hard", 5000, 0.1) == "soft"
    assert thresholds.next_state("soft", 5000, 0.1) == "high"


def test_a_state_is_left_upwards_only_well_above_the_threshold_of_the_next():
    thresholds = PRESETS["esx2002"](10_000)
    assert thresholds.next_state("soft", 659, 0.1) == "soft"
    assert thresholds.next_state("soft", 660, 0.1) == "high"
    assert thresholds.next_state("hard", 439, 0.1) == "hard"
    assert thresholds.next_state("hard", 440, 0.1) == "soft"
    assert thresholds.next_state("low", 220, 0.1) == "hard"


def test_an_unknown_last_state_is_decided_by_free_memory_alone():
    thresholds = PRESETS["esx6"](8 * GIB)
    assert thresholds.next_state("", 8 * GIB, 0.1) == "high"
    assert thresholds.next_state("", 0, 0.1) == "low"


def test_reclaim_aims_at_the_last_state_without_reclaim():
    assert PRESETS["esx2002"](10_000).goal == 600
    assert PRESETS["esx6"](8 * GIB).goal == minfree(8 * GIB)


@pytest.mark.parametrize(
    ("names", "bytes_", "message"),
    [
        (("high", "low"), (5,), "one per state"),
        (("high", "soft"), (5, 6), "must fall"),
        (("soft", "low"), (6, 5), "must be high and some of"),
        (("high", "hard", "soft"), (6, 5, 4), "must be high and some of"),
        (("high", "weak"), (6, 5), "must be high and some of"),
    ],
)
def test_bad_thresholds_are_named(names, bytes_, message):
    with pytest.raises(ValueError, match=message):
        Thresholds(names, bytes_)


def test_presets_are_the_published_parts():
    memory = 96 * GIB
    least = minfree(memory)
    assert PRESETS["esx5"](memory).names == ("high", "soft", "hard", "low")
    parts = (1.0, 0.64, 0.32, 0.16)
    assert PRESETS["esx5"](memory).bytes == tuple(int(least * part) for part in parts)
    assert PRESETS["esx6"](memory).names == ("high", "clear", "soft", "hard", "low")
    assert PRESETS["esx6"](memory).bytes == tuple(int(least * part) for part in (4.0, *parts))


def test_where_the_next_state_begins_is_told_both_ways():
    thresholds = PRESETS["esx2002"](10_001)  # 600, 400, 200, 100
    assert [thresholds.below(s) for s in ("high", "soft", "hard", "low")] == [400, 200, 100, 0]
    assert [thresholds.above(s, 0.1) for s in ("soft", "hard", "low")] == [660, 440, 220]
    assert thresholds.above("high", 0.1) is None
    assert thresholds.above("soft", 0.001) == 601  # rounded up
    assert thresholds.above("soft", 0.0) == 600
    assert [thresholds.state(f) for f in (400, 399, 200, 199, 100, 99, 0)] == [
        "high",
        "soft",
        "soft",
        "hard",
        "hard",
        "low",
        "low",
    ]
    assert thresholds.next_state("hard", 300, 0.1) == "hard"
    assert thresholds.next_state("soft", 200, 0.1) == "soft"


def test_two_states_are_enough_and_the_last_may_begin_at_nothing():
    assert Thresholds(("high", "low"), (1, 0)).state(0) == "high"
    with pytest.raises(ValueError, match="must fall"):
        Thresholds(("high", "low"), (5, 5))
    with pytest.raises(ValueError, match="must fall"):
        Thresholds(("high", "low"), (5, -1))
    with pytest.raises(ValueError, match="one per state"):
        Thresholds(("high",), (5,))
    with pytest.raises(ValueError, match="must be high and some of"):
        Thresholds(("high", "low", "low"), (5, 4, 3))


def test_what_each_state_allows():
    """OSDI 2002 section 6.3: sharing always, ballooning from soft on, paging in hard and low,
    blocking in low.
    """
    allowed = {
        name: [s for s in STATES if name in TECHNIQUES[s]]
        for name in ("sharing", "balloon", "compression", "swap", "block")
    }
    assert allowed["sharing"] == list(STATES) == ["high", "clear", "soft", "hard", "low"]
    assert allowed["balloon"] == ["soft", "hard", "low"]
    assert allowed["compression"] == allowed["swap"] == ["hard", "low"]
    assert allowed["block"] == ["low"]
    assert [rank(s) for s in STATES] == [0, 1, 2, 3, 4] and rank("") == rank("none") == 0


def test_every_preset_uses_known_states():
    for preset in PRESETS.values():
        assert set(preset(64 * GIB).names) <= set(STATES)
