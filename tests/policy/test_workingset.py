"""An estimate that is too low takes memory that is in use. Each estimator is fed known readings,
and the sampling one a host whose active part is known.
"""

import numpy as np
import pytest

import pageengine as pe
from pageengine.policy.workingset import ESTIMATORS, AccessedBits, IdleAge, Sampling, WorkingSet


def test_before_the_first_reading_everything_counts_as_in_use():
    for estimator in (cls() for cls in ESTIMATORS.values()):
        assert estimator.fraction() == 1.0
        assert isinstance(estimator, WorkingSet)


def test_the_sampling_estimate_rises_at_once_and_falls_slowly():
    sampling = Sampling()
    sampling.observe(10, 100)
    assert sampling.fraction() == pytest.approx(0.10)
    sampling.observe(80, 100)
    assert sampling.fraction() == pytest.approx(0.1 * 0.1 + 0.9 * 0.8)  # the fast average
    sampling.observe(0, 100)
    slow = 0.9 * (0.9 * 0.1 + 0.1 * 0.8)
    assert sampling.slow == pytest.approx(slow)
    assert sampling.fraction() == pytest.approx(max(slow, 0.1 * sampling_fast(0.1, 0.8)))


def sampling_fast(first, second):
    return 0.1 * first + 0.9 * second


def test_the_open_period_counts_as_soon_as_it_says_more():
    sampling = Sampling()
    sampling.observe(10, 100)
    assert sampling.fraction(60, 100) == pytest.approx(0.1 * 0.1 + 0.9 * 0.6)
    assert sampling.fraction(0, 100) == pytest.approx(0.1)


def test_the_estimate_has_a_floor():
    sampling = Sampling()
    for _ in range(200):
        sampling.observe(0, 100)
    assert sampling.fraction() == 0.01


def test_accessed_bits_are_the_last_window():
    bits = AccessedBits(period=60)
    ages = np.zeros(256, np.uint64)
    ages[0], ages[3] = 30, 20
    bits.observe(ages, 100)
    assert bits.fraction() == 0.3


def test_idle_ages_reach_back_as_far_as_asked():
    ages = np.zeros(256, np.uint64)
    ages[:6] = [10, 5, 4, 3, 2, 1]
    for seconds, pages in ((30, 10), (60, 15), (100, 22), (120, 22)):
        estimator = IdleAge(seconds=seconds, period=30)
        estimator.observe(ages, 100)
        assert estimator.fraction() == pages / 100


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Sampling(n=0), "n must be a whole number from 1 .* got 0"),
        (lambda: Sampling(period=0), "period must be a number from 0.001 .* seconds, got 0"),
        (lambda: Sampling(slow=1.0), "slow must be at least 0 and below 1, got 1.0"),
        (lambda: IdleAge(seconds=10, period=30), "one to 255 periods"),
    ],
)
def test_bad_parameters_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("name", list(ESTIMATORS))
def test_a_host_estimates_what_a_vm_touches(name):
    with pe.Host("64 MiB", contents="tokens", estimator=name, seed=3) as host:
        vm = host.add_vm("a", "32 MiB")
        vm.touch(np.arange(vm.pages), True)
        for _ in range(1500):  # the slow average forgets the start
            vm.touch(np.arange(vm.pages // 4))
            host.advance(1.0)
        assert vm.active / vm.size == pytest.approx(0.25, abs=0.13)  # sd of 100 samples: 0.043
        host.check()


def test_a_vm_that_waits_does_not_look_idle():
    with pe.Host("64 MiB", contents="tokens", seed=3) as host:
        vm = host.add_vm("a", "32 MiB")
        vm.touch(np.arange(vm.pages), True)
        for _ in range(40):
            vm.touch(np.arange(vm.pages // 2))
            host.advance(1.0)
        before = vm.active
        for _ in range(600):
            host.advance(1.0, ran={"a": 0.0})
        assert vm.active == before
