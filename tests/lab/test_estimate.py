"""An estimate that is wrong by a factor sends people home, or keeps them waiting. The arithmetic is
tried on a clock that is made up, where what is right is known; how near it comes on real runs is
measured, not tested.
"""

import pytest

from pageengine.cli.run import Correction
from pageengine.lab.estimate import Pace, Work, estimate
from pageengine.lab.scenario import Scenario


def scenario(*vms):
    every = [{"name": f"vm{i}", "size": "16 MiB", **vm} for i, vm in enumerate(vms)]
    return Scenario({"host": {"memory": "24 MiB"}, "run": {"duration": 100}, "vm": every})


def zipf(rate, **keys):
    return {"workload": {"kind": "zipf", "rate": rate}, **keys}


def told(pace, clock, work, until, cost):
    """What the pace says at the end of 1, 2, ... ``until`` seconds, at ``cost`` seconds a touch."""
    for now in range(1, until + 1):
        clock[0] = 1.0 + cost * work.until(now)
        left = pace.left(now)
    return left


def test_work_is_the_touches_of_those_that_run():
    work = Work(scenario(zipf(1000), zipf(3000, start=40, stop=60), zipf(500, stop=1000)))
    step = 200
    assert work.until(40) == pytest.approx(40 * (1500 + 2 * step))
    assert work.until(60) - work.until(40) == pytest.approx(20 * (4500 + 3 * step))
    assert work.total == work.until(100) > work.until(99)


def test_a_boot_is_work():
    boots = {"workload": {"kind": "boot", "speed": "1 MiB", "then": {"kind": "zipf", "rate": 10}}}
    work = Work(scenario(boots))
    assert work.until(16) == pytest.approx(16 * (256 + 200))
    assert work.total - work.until(16) == pytest.approx(84 * (10 + 200))


@pytest.mark.parametrize("until", [10, 39, 90])
def test_vms_that_are_yet_to_start_are_counted(until):
    late = scenario(zipf(1000), zipf(9000, start=40))
    clock, work = [0.0], Work(late)
    pace = Pace(late, clock=lambda: clock[0])
    clock[0] = 1.0
    left = told(pace, clock, work, until, 1e-3)
    assert left == pytest.approx(1e-3 * (work.total - work.until(until)), rel=0.01)


def test_what_came_first_does_not_come_again():
    clock, even = [0.0], scenario(zipf(1000))
    pace, work = Pace(even, clock=lambda: clock[0]), Work(scenario(zipf(1000)))
    for now in range(1, 41):
        clock[0] = 500 + work.until(now) * 1e-3  # the first epoch takes as long as all others
        left = pace.left(now)
    assert left == pytest.approx(1e-3 * (work.total - work.until(40)), rel=0.01)


def test_nothing_is_said_of_the_first_moment_and_much_is_not_kept():
    clock, even = [0.0], scenario(zipf(1000))
    pace = Pace(even, clock=lambda: clock[0])
    assert pace.left(1) is None
    for now in range(2, 5000):
        clock[0] += 1e-3
        pace.left(now / 50)
    assert len(pace._seen) <= 512


def test_a_trial_runs_some_epochs_and_gives_up_when_it_is_told_to():
    asked = []
    found = estimate(scenario(zipf(1000)), trial=0.01)
    assert found.epochs == 100 and found.seconds > 0
    assert estimate(scenario(zipf(1000))).seconds is None
    stopped = estimate(scenario(zipf(1000)), trial=9, stop=lambda: asked.append(1) or True)
    assert stopped.seconds is None
    assert asked == [1]


def test_an_estimate_that_proves_wrong_by_a_factor_of_two_is_put_right_once():
    said = []

    class Says:
        say = staticmethod(said.append)

    correction = Correction(Says, 10.0)
    for taken, left in ((0.5, 99.0), (3.0, None), (3.0, 16.0), (4.0, 26.0), (5.0, 26.0), (9, 2)):
        correction.hear(taken, left)
    assert said == [
        "By its pace it takes about 30 s in all.",
        "By its pace it takes about 11 s in all.",
    ]
    Correction(Says, None).hear(9, 9)
    assert len(said) == 2
