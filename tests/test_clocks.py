"""At stake: a driver that is polled late, a page that is scanned twice, a period that does not end.
What happens to a column is held against the same sums in numpy, over tables of any numbers.
"""

import pickle

import numpy as np
import pytest

from pageengine.control.clocks import REPORT_SECONDS, TICK, Clocks
from pageengine.control.vm_table import _COLUMNS

N, ROUNDS = 7, 60


def table_of(draw):
    table = dict.fromkeys(_COLUMNS)
    for name in _COLUMNS:
        table[name] = draw.choice([0.0, 0.25, 1.0, 3.5], N) * draw.choice([1.0, draw.random()], N)
    for name in ("has_driver", "has_guest"):
        table[name] = draw.integers(0, 2, N).astype(float)
    for name in ("balloon_target", "balloon_limit", "unreserved"):
        table[name] = draw.integers(0, 4, N) * 4096.0 + draw.choice([0.0, 1.5], N)
    table["rest"] = draw.choice([-1.0, 0.0, 1.0, 2.0], N)
    table["boot_left"] *= draw.integers(0, 2, N)
    table["pages"] = draw.integers(1, 9, N).astype(float)
    table["scanned"] = draw.integers(0, 12, N).astype(float)
    return table


def whole(due):
    n = np.floor(due + TICK)
    due[:] = np.maximum(due - n, 0.0)
    return n


def target(t, rows=slice(None)):
    runs = (t["has_driver"] > 0) & (t["boot_left"] <= 0)
    most = np.where(runs, np.minimum(t["balloon_limit"], t["unreserved"]), 0.0)
    return runs[rows], (np.minimum(t["balloon_target"], most) // 4096)[rows]


def passed(t, first, ran, seconds, reports_free):
    """The same in numpy."""
    t = {name: column[first:] for name, column in t.items()}
    t["elapsed"][:] += seconds
    t["ran"][:] += ran
    awake = np.maximum(0.0, seconds - t["boot_left"])
    t["boot_left"][:] = np.maximum(0.0, t["boot_left"] - seconds)
    t["period"][:] += ran
    t["scan_due"][:] += t["scan_rate"] * seconds
    t["poll_due"][:] += awake
    polls = whole(t["poll_due"])
    t["polls"][:] += polls
    runs, goal = target(t)
    t["unmoved"][:] = np.where(runs & (t["rest"] != goal), t["unmoved"] + awake, 0.0)
    reports = np.zeros(len(ran), bool)
    if reports_free:
        t["report_due"][:] += awake
        there = (t["has_guest"] > 0) & (t["boot_left"] <= 0)
        reports = there & (t["report_due"] >= REPORT_SECONDS - TICK)
        late = t["report_due"][reports]
        t["report_due"][reports] -= REPORT_SECONDS * np.floor((late + TICK) / REPORT_SECONDS)
    ends = t["period"] >= t["every"] - TICK
    pages = np.minimum(whole(t["scan_due"]), t["pages"]).astype(np.int64)
    return ends, pages, polls, goal, (polls > 0) & runs, reports


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_columns_become_what_they_would_in_numpy(seed):
    draw = np.random.default_rng(seed)
    theirs, clocks = table_of(draw), Clocks(_COLUMNS)
    room = np.zeros((len(_COLUMNS), N + 2))
    room[:, :N] = [theirs[name] for name in _COLUMNS]
    for _ in range(4):
        first, free = int(draw.integers(0, N + 1)), bool(draw.integers(0, 2))
        seconds = float(draw.choice([0.5, 1.0, 2.0, draw.random() * 5]))
        ran = seconds * draw.random(N - first)
        found, some = clocks.pass_time(room, first, ran, seconds, free)
        expected = passed(theirs, first, ran, seconds, free)
        for mine, numpys in zip(found, expected, strict=True):
            assert np.array_equal(mine, numpys) and mine.dtype == numpys.dtype
        ends, pages, _, _, polled, reports = expected
        assert some == (ends.any(), pages.any(), polled.any(), reports.any())
        assert np.array_equal(room[:, :N], [theirs[name] for name in _COLUMNS])
        assert not room[:, N:].any()  # no VM is there
        assert np.array_equal(clocks.targets(room, N), target(theirs)[1])
        assert clocks.due_in(room, N, free) == due(theirs, free)


def due(t, reports_free):
    runs, goal = target(t)
    polls = np.where(runs & (t["rest"] != goal), 1.0 - t["poll_due"], np.inf)
    left = np.maximum(0.0, t["every"] - t["period"])
    found = min(polls.min(), np.maximum(1.0, np.ceil(left - TICK)).min())
    there = (t["has_guest"] > 0) & (t["boot_left"] <= 0)
    if reports_free and there.any():
        found = min(found, REPORT_SECONDS - t["report_due"][there].max())
    return found


def test_a_scan_pass_ends_when_all_that_are_scanned_have_been():
    clocks, table = Clocks(_COLUMNS), np.zeros((len(_COLUMNS), 3))
    rate, scanned, pages = (
        table[_COLUMNS.index(name)] for name in ("scan_rate", "scanned", "pages")
    )
    pages[:] = 4
    assert not clocks.ends_scan_pass(table, 3)  # none is scanned
    rate[:2], scanned[:] = 1, (4, 3, 7)
    assert not clocks.ends_scan_pass(table, 3)
    scanned[1] = 5
    assert clocks.ends_scan_pass(table, 3) and scanned.tolist() == [0, 0, 7]


def test_without_vms_nothing_is_due_and_rows_that_are_not_there_are_refused():
    clocks, table = Clocks(_COLUMNS), np.zeros((len(_COLUMNS), 3))
    assert clocks.due_in(table, 0, True) == np.inf
    for call in (
        lambda: clocks.due_in(table, 4, True),
        lambda: clocks.pass_time(table, 2, np.ones(2), 1.0, False),
        lambda: clocks.targets(table[:5].copy(), 1),
    ):
        with pytest.raises(IndexError, match="no rows"):
            call()
    with pytest.raises(ValueError, match="not in tuple"):
        Clocks(_COLUMNS[1:])
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(clocks)
