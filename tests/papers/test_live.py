"""A table that ranks policies wrongly would be published as what reality does. Its arithmetic is
held to numbers that were made by hand, the lab's side is run, and real guests run a short course.
"""

import os

import guests_under_tcg as small
import numpy as np
import pytest

from pageengine import papers
from pageengine.cli import main
from pageengine.papers import course, live, page
from pageengine.policy import Plan, Snapshot, VMPlan, VMView
from pageengine.units import MIB


def samples(held, balloon=0.0, swapped=0.0, swap_in=0.0, **more):
    """Of one guest for each column of ``held``; the rest is the same at all times."""
    held = np.array(held, float)
    filled = {"balloon": balloon, "swapped": swapped, "swap_in": swap_in, "stall": np.nan}
    of = {"held": held} | {what: np.full(held.shape, value) for what, value in filled.items()}
    return course.Samples(np.arange(len(held)), of, **more)


def test_what_is_held_above_the_share_counts_and_what_is_below_does_not_make_up_for_it():
    share = course.SHARE
    assert live.over(samples([[share + 30, 10], [share - 50, 10], [share, 0]])) == 40 / 3
    assert live.read_back(samples([[1, 1], [1, 1]], swap_in=2.5)) == 10
    pair = samples([[100, 50], [100, 50]]), samples([[90, 50], [110, 70], [0, 0]])
    assert live.apart(pair, "held") == (10 + 0 + 10 + 20) / 4
    assert live.mean(samples([[3, 4], [5, 6]]), "held") == 9


def test_ranks_share_what_is_too_near_to_tell_apart():
    assert live.ranks([30, 2, 5, 100, 33], 4) == [3, 1, 1, 5, 3]
    assert live.ranks([0, 3, 6, 9], 4) == [1, 1, 3, 3]


def test_pairs_in_the_same_order_in_the_opposite_one_and_those_that_are_tied():
    assert live.in_order([0, 10, 20], [5, 50, 500], 4) == (3, 0, 0)
    assert live.in_order([0, 10, 20], [500, 50, 5], 4) == (0, 3, 0)
    assert live.in_order([0, 10, 20], [5, 6, 500], 4) == (2, 0, 1)


def test_the_table_is_made_of_what_was_measured():
    share = course.SHARE
    four = [share / 4] * 4
    calm, high = samples([four] * 9), samples([[share / 4 + 10] * 4] * 9, swap_in=1.0)
    wrong = samples([four] * 9, intact=False, back=False, said=("guest1 ended",))
    outcome = live.compared({"none": (high, high), "kvm": (calm, wrong)})
    assert [tuple(row) for row in outcome.tables[0].rows] == [
        ("none", "40 (2)", "40 (2)", "36 (2)", "36 (2)"),
        ("kvm", "0 (1)", "0 (1)", "0 (1)", "0 (1)"),
    ]
    assert [claim.holds for claim in outcome.claims] == [False, False]
    assert outcome.verdict == "missed"
    assert "Under kvm the governor said 1 things, the first: guest1 ended." in outcome.answer
    assert "1 pairs of policies are in the same order" in outcome.answer
    outcome = outcome.__class__(**{**vars(outcome), "name": "live"})
    text = page.markdown([outcome])
    assert "| kvm | 0 (1) | 0 (1) | 0 (1) | 0 (1) |" in text
    pytest.importorskip("matplotlib")
    assert papers.picture(outcome, dpi=50).startswith(b"\x89PNG")


def seen(time, held):
    guest = VMView(
        name="a",
        size=128 * MIB,
        consumed=held,
        granted=held,
        shared=0,
        swapped=0,
        compressed=0,
        ballooned=0,
        mapped=held,
        shares=1000,
        reservation=0,
        limit=128 * MIB,
        blocked=False,
        balloon_max=64 * MIB,
    )
    return Snapshot(memory=1024 * MIB, free=1024 * MIB - held, swap_free=0, vms=(guest,), time=time)


def test_a_policy_of_the_lab_sees_the_share_and_not_the_host():
    saw = []

    class Sees:
        def decide(self, snapshot):
            saw.append(snapshot)
            return Plan(vms={"a": VMPlan(balloon=MIB)}, again=10.0, wake_below=8 * MIB)

    within = course.Within(Sees(), 100 * MIB, since=5.0)
    assert within.decide(seen(4.5, MIB)).again == 0.5 and not saw
    plan = within.decide(seen(5.0, 60 * MIB))
    assert (saw[0].memory, saw[0].free, saw[0].available) == (100 * MIB, 40 * MIB, 40 * MIB)
    assert plan.again == 10.0 and plan.vms["a"].balloon == MIB and plan.wake_below is None
    assert within.decide(seen(6.0, 93 * MIB)).again == 1.0, "below the mark: asked each second"
    assert within.decide(seen(7.0, 120 * MIB)).again == 1.0 and saw[-1].free == 0


def test_the_lab_runs_the_course():
    nothing, kvm = (course.simulated(policy, 0, 20) for policy in (course.NONE, "kvm"))
    assert nothing.of["held"].shape == (20, 4) and nothing.time[0] == 1.0
    assert live.over(nothing) > 40 and live.over(kvm) < live.over(nothing) / 2
    assert nothing.of["balloon"].max() == 0 < kvm.of["balloon"].max() <= course.SIZE - course.FLOOR
    again = course.simulated("kvm", 0, 20)
    assert all((again.of[what] == kvm.of[what]).all() for what in kvm.of)


def test_where_it_cannot_be_run_it_is_skipped_with_the_reason(monkeypatch, capsys):
    monkeypatch.setattr(live, "missing", lambda: "no QEMU")
    assert main(["paper", "live"]) == 0
    assert "live: skipped: no QEMU" in capsys.readouterr().out
    assert "live" not in papers.EXPERIMENTS, "it is run only where it is named"


def test_nothing_is_fetched_that_was_not_asked_for(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(live.tcg_guests, "no_programs", lambda: "")
    why = live.tcg_guests.missing(live.tcg_guests.cache())
    assert str(tmp_path) in why and "--fetch" in why and "apt-get download" in why
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_real_guests_are_governed():
    if os.geteuid() != 0:
        pytest.skip("real guests: paging out is root's")
    if why := small.missing():
        pytest.skip(f"real guests: {why}")
    found = live.real("kvm", 10, small.BUILD)
    assert found.intact and found.back, found.said
    held = found.of["held"].sum(1)
    assert held.shape == (10,) and held[0] > course.SHARE
    assert held[-1] < held[0] - 16, "it was not brought nearer to its share"
    assert found.of["balloon"].max() > 4 and found.of["balloon"].min() >= 0
