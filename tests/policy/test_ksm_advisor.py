"""The advisor decides how much of a CPU every Linux host of 2024 and later gives to merging. Rows
are worked out by hand from the kernel's whole numbers; a closed loop shows where it settles.
"""

import itertools

import pytest
from made_up_hosts import GIB, PAGE, decide, host, view

from pageengine.policy import KVM, Proxmox
from pageengine.policy.ksm_advisor import PAGE_SECONDS, START, advise, follow, rate_of

SLEEP = 0.02


@pytest.mark.parametrize(
    ("pages", "change", "last", "seconds", "cpu", "expected"),
    [
        # first scan: there was no change yet, 30 % of 100; 500 / 2 * 0.3 = 75, and 10 % of a CPU
        # where 500 pages take 5 % are 1000
        (500, 0, 0, 100, 5, (1000, 30)),
        # 1000 / 4 * 0.36 = 90 (70 % of 30 and 30 % of 50 are 36); 10 % of a CPU are 1000
        (1000, 30, 100, 50, 10, (1000, 36)),
        # four times too slow, as slow as before: 1000 * 4, which is less than 70 %, 100 * 70
        (1000, 100, 800, 800, 10, (4000, 100)),
        # the same where a page is dear: 1000 // 30 * 70
        (1000, 100, 800, 800, 30, (2310, 100)),
        # 200 s are the target, fractions are dropped at each step: 777 * 97 / 100
        (777, 97, 200, 200, 14, (753, 97)),
        # slower by half: 70 % of 100 and 30 % of 150 are 115; 1000 * 100 // 66 * 115 // 100
        (1000, 100, 200, 300, 13, (1742, 115)),
        # never more than 30,000, even where 10 % of a CPU would be more
        (29_000, 100, 600, 600, 60, (30_000, 100)),
        (20_000, 100, 1, 1, 2, (30_000, 100)),
        # less than a second, and less than a percent, count as one each: factor 20,000
        (500, 0, 0, 0, 0, (5000, 30)),
        # so slow that the factor would be 0: it is 1
        (100, 100, 30_000, 30_000, 1, (7000, 100)),
        # 100 s after 30,000 are no percent, which counts as one: 0.7 + 0.3 and 1.4 + 0.3
        (1000, 1, 30_000, 100, 20, (500, 1)),
        (1000, 2, 30_000, 100, 20, (500, 1)),
        # a page that costs more than a percent counts as one: between 10 and 70 pages
        (10, 100, 200, 200, 20, (10, 100)),
        (100, 100, 800, 800, 200, (70, 100)),
    ],
)
def test_a_full_scan_changes_the_batch(pages, change, last, seconds, cpu, expected):
    assert advise(pages, change, last, seconds, cpu) == expected


def settled(size, hours=12.0, every=10.0):
    memo, time = {}, 0.0
    while time < hours * 3600:
        rate, memo = follow(host(GIB, view(size=size), time=time, memo=memo), SLEEP)
        time += every
    return rate, memo


@pytest.mark.parametrize("gib", [64, 256])
def test_large_hosts_are_scanned_in_200_seconds(gib):
    rate, memo = settled(gib * GIB)
    assert 190 <= memo["ksm_seconds"] <= 215  # whole percents keep it a little slower
    assert rate == pytest.approx(gib * GIB / PAGE / 200, rel=0.08)


@pytest.mark.parametrize("gib", [1, 16])
def test_small_hosts_cost_ten_percent_of_a_cpu_at_least(gib):
    rate, memo = settled(gib * GIB)
    assert memo["ksm_seconds"] < 100
    assert 0.09 <= rate * PAGE_SECONDS <= 0.13  # in whole percents of whole seconds


def test_the_largest_hosts_cost_no_more_than_30_000_pages_a_batch():
    rate, memo = settled(2048 * GIB, hours=24)
    assert memo["ksm_pages"] == pytest.approx(30_000, rel=0.05)
    assert rate * PAGE_SECONDS <= 0.71


def test_it_begins_with_500_pages_and_waits_for_the_end_of_a_scan():
    size = 400_000 * PAGE
    first = rate_of(START, SLEEP)
    assert first == pytest.approx(500 / 0.0208)
    rate, memo = follow(host(GIB, view(size=size)), SLEEP)
    assert rate == first
    almost = 400_000 / first - 0.01
    rate, memo = follow(host(GIB, view(size=size), time=almost, memo=memo), SLEEP)
    assert rate == first and memo["ksm_change"] == 0
    rate, memo = follow(host(GIB, view(size=size), time=almost + 0.02, memo=memo), SLEEP)
    # 16 s, 640 ms of a CPU: 4 %; 500 * 100 // 1250 * 30 // 100 = 12, ten percent are 1250
    assert (memo["ksm_pages"], memo["ksm_seconds"], rate) == (1250, 16, rate_of(1250, SLEEP))
    assert memo["ksm_change"] == 30
    # the next has been under way for a hundredth of a second
    assert memo["ksm_since"] == pytest.approx(0.01)
    assert memo["ksm_scanned"] == pytest.approx(0.01 * rate)


def test_looks_apart_or_close_come_to_the_same():
    seen = []
    for every in (1.0, 10.0, 60.0, 600.0):
        memo = {}
        for look in itertools.count():
            snapshot = host(GIB, view(size=4 * GIB), time=look * every, memo=memo)
            _, memo = follow(snapshot, SLEEP)
            if look * every >= 1200:
                break
        seen.append(memo)
    for memo in seen[1:]:
        assert {**memo, "ksm_scanned": 0, "ksm_since": 0} == {
            **seen[0],
            "ksm_scanned": 0,
            "ksm_since": 0,
        }
        assert memo["ksm_scanned"] == pytest.approx(seen[0]["ksm_scanned"], abs=50)


def test_a_host_of_a_few_pages_is_looked_at_as_soon_as_any():
    """Thousands of full scans between two looks: the advisor has settled long before the last."""
    _, memo = follow(host(GIB, view(size=16 * PAGE)), SLEEP)
    rate, memo = follow(host(GIB, view(size=16 * PAGE), time=3600.0, memo=memo), SLEEP)
    assert memo["ksm_pages"] == 30_000 and 0 <= memo["ksm_scanned"] <= 16
    rate, memo = follow(host(GIB), SLEEP)
    assert rate == rate_of(START, SLEEP) and memo["ksm_scanned"] == 0


@pytest.mark.parametrize("make", [KVM, Proxmox])
def test_policies_scan_at_the_advisors_speed_by_size(make):
    vms = view("a"), view("b", size=3 * GIB, limit=3 * GIB)
    plan = decide(make(ksm="advisor"), host(GIB, *vms))
    whole = rate_of(START, SLEEP)
    assert [plan.vms[n].scan for n in "ab"] == pytest.approx([whole / 4, whole * 3 / 4])
    assert plan.memo["ksm_pages"] == START
    slower = decide(make(ksm="advisor", sleep_millisecs=200.0), host(GIB, *vms))
    assert slower.vms["a"].scan == pytest.approx(rate_of(START, 0.2) / 4)
