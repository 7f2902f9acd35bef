"""Names that mislead turn a governor round: libvirt's "available" is all that a guest has, and
"actual" is what the balloon leaves. The table is held against what both really answer.
"""

import pytest
from found_libvirt import libvirt

from pageengine.live import names
from pageengine.live.driver import BOOT_SECONDS, Driver
from pageengine.live.names import NAMES, from_libvirt, from_qemu, view_of

MIB = 1 << 20
# what QEMU 7.2 answered of a guest of 128 MiB with Linux 6.1, told to hold 16 MiB
QEMU = {
    "stats": {
        "stat-htlb-pgalloc": 0,
        "stat-swap-out": 4096,
        "stat-available-memory": 7118848,
        "stat-htlb-pgfail": 0,
        "stat-free-memory": 1441792,
        "stat-minor-faults": 6218,
        "stat-major-faults": 0,
        "stat-total-memory": 97075200,
        "stat-swap-in": 0,
        "stat-disk-caches": 3166208,
    },
    "last-update": 1795870000,
}
# the same guest, as libvirt would say it: KiB, and names of its own
LIBVIRT = {
    "actual": 112 * 1024,
    "swap_in": 0,
    "swap_out": 4,
    "major_fault": 0,
    "minor_fault": 6218,
    "unused": 1408,
    "available": 94800,
    "usable": 6952,
    "last_update": 1795870000,
    "disk_caches": 3092,
    "hugetlb_pgalloc": 0,
    "hugetlb_pgfail": 0,
    "rss": 200000,
}


def test_both_say_the_same_of_one_guest():
    told = from_qemu(QEMU) | from_qemu({"actual": 112 * MIB})
    assert told == from_libvirt(LIBVIRT)
    assert told["total"] == 97075200 and told["free"] == 1441792
    assert told["available"] == 7118848 and told["actual"] == 112 * MIB
    assert set(told) == {name.ours for name in NAMES}


def test_no_name_stands_twice():
    for field in ("ours", "qemu", "libvirt"):
        said = [getattr(name, field) for name in NAMES]
        assert len(set(said)) == len(said)


@pytest.mark.parametrize("form", [from_qemu, from_libvirt])
@pytest.mark.parametrize("value", [-1, 2**64 - 1, 2**63, None, "5", True, 0.5, []])
def test_what_is_no_amount_is_not_told(form, value):
    known = [name.qemu if form is from_qemu else name.libvirt for name in NAMES]
    assert form(dict.fromkeys(known, value)) == {}
    assert form({"stats": value}) == {}


def test_nothing_was_ever_told():
    assert "updated" not in from_qemu({"stats": {}, "last-update": 0})


def test_a_view():
    view = view_of(from_qemu(QEMU), 128 * MIB)
    assert (view.total, view.free, view.cache) == (97075200, 1441792, 3166208)
    assert (view.available, view.swapped, view.swap_in) == (7118848, 4096, 0)


def test_the_names_of_libvirt_are_libvirts():
    said = libvirt().open("test:///default").lookupByName("test").memoryStats()
    table = {name.libvirt for name in NAMES}
    assert {"actual", "available", "unused", "usable", "last_update"} <= set(said) & table


def judged(driver, actual, total, **more):
    told = {"actual": actual, "total": total, "free": MIB, "available": 2 * MIB, "updated": 100}
    given = {"size": 512 * MIB, "wall": 100.5, "period": 1, "up": 1000.0}
    return driver.judge(told | more.pop("told", {}), **given | more)


def test_a_driver_that_counts_its_balloon_is_found_out_when_the_balloon_moves():
    for follows, found in ((0, "counts-balloon"), (1, "reporting")):
        driver = Driver()
        judged(driver, 512 * MIB, 470 * MIB, told={"updated": 100}, wall=100.5)
        judged(driver, 512 * MIB, 470 * MIB, told={"updated": 102}, wall=102.5)
        moved = judged(driver, 480 * MIB, 470 * MIB, told={"updated": 103}, wall=103.5)
        assert moved.driver == "reporting", "they are older than the move"
        total = (470 - 32 * follows) * MIB
        after = judged(driver, 480 * MIB, total, told={"updated": 106}, wall=106.5)
        assert after.driver == found
        used = 470 - 32 - 2
        assert after.active == used * MIB, "the balloon is no memory that is used"


def test_a_driver_that_has_more_than_its_balloon_leaves_counts_it():
    driver = Driver()
    first = judged(driver, 384 * MIB, 500 * MIB)
    assert first.active is None, "nobody can tell yet what is in it"
    then = judged(driver, 384 * MIB, 500 * MIB, told={"updated": 105}, wall=105.0)
    assert then.driver == "counts-balloon" and then.active == (500 - 128 - 2) * MIB


@pytest.mark.parametrize(
    ("period", "age", "driver"),
    [(1, 3, "reporting"), (1, 3.1, "stale"), (10, 29, "reporting"), (10, 31, "stale")],
)
def test_age_in_periods(period, age, driver):
    found = judged(Driver(), 512 * MIB, 500 * MIB, wall=100 + age, period=period)
    assert found.driver == driver and found.age == pytest.approx(age)
    assert (found.active is None) == (driver == "stale"), "old statistics estimate nothing"


@pytest.mark.parametrize(("wall", "driver"), [(99.0, "reporting"), (50.0, "stale")])
def test_statistics_of_the_future_have_no_age_that_can_be_told(wall, driver):
    """The clock was set back: until it is where it was, they would look new whatever happens."""
    found = judged(Driver(), 512 * MIB, 500 * MIB, wall=wall)
    assert (found.age, found.driver) == (0, driver)


@pytest.mark.parametrize(
    ("there", "up", "driver", "booting"),
    [
        (True, 5.0, "silent", False),
        (None, 5.0, "", True),
        (False, 5.0, "none", True),
        (False, BOOT_SECONDS, "none", False),
        (None, BOOT_SECONDS, "none", False),
        (None, None, "", False),
    ],
)
def test_a_guest_that_tells_nothing(there, up, driver, booting):
    given = {"size": MIB, "wall": 0.0, "period": 1, "up": up, "there": there}
    found = Driver().judge({"actual": MIB}, **given)
    assert (found.driver, found.booting, found.age) == (driver, booting, None)


@pytest.mark.parametrize(
    ("there", "up", "driver", "booting"),
    [(None, 5.0, "", True), (True, 5.0, "silent", False), (None, BOOT_SECONDS, "silent", False)],
)
def test_what_a_balloon_holds_right_after_a_reset_says_nothing_of_its_driver(
    there, up, driver, booting
):
    given = {"size": 64 * MIB, "wall": 0.0, "period": 0, "up": up, "there": there}
    made = Driver(reset=0.0)
    found = made.judge({"actual": 60 * MIB}, **given)
    assert (found.driver, found.booting) == (driver, booting)
    moved = made.judge({"actual": 64 * MIB}, **given)
    assert (moved.driver, moved.booting) == ("silent", False)


def test_a_clock_that_was_set_back_after_a_reset_ends_its_boot_all_the_same():
    driver = Driver(reset=1000.0)
    assert judged(driver, 512 * MIB, 500 * MIB).booting
    for updated in (101, 102):
        found = judged(driver, 512 * MIB, 500 * MIB, told={"updated": updated}, wall=updated + 0.5)
    assert not found.booting and found.guest


def faulted(driver, faults, updated):
    told = {"minor_faults": faults, "major_faults": 0, "updated": updated}
    return judged(driver, 384 * MIB, 370 * MIB, told=told, wall=updated + 0.5)


def test_page_faults_that_are_counted_anew_are_a_reset_that_nobody_heard_of():
    """A guest counts them from when it boots. The first statistics of a new driver are from before
    it says that its balloon holds nothing.
    """
    driver, found = Driver(), []
    for faults, updated in ((500, 100), (500, 100), (600, 102), (90, 105), (90, 105), (95, 107)):
        told = faulted(driver, faults, updated)
        found.append((told.anew, told.booting))
    assert found == [
        (False, False),
        (False, False),
        (False, False),
        (True, True),
        (False, True),
        (False, False),
    ]


def test_a_guest_that_does_not_count_page_faults_is_never_taken_for_reset():
    driver = Driver()
    faulted(driver, 500, 100)
    for gap in ("minor_faults", "major_faults"):
        told = {"minor_faults": 1, "major_faults": 1, "updated": 103}
        del told[gap]
        assert not judged(driver, 384 * MIB, 370 * MIB, told=told, wall=103.5).anew


def test_a_balloon_that_moved_has_a_driver():
    driver = Driver()
    given = {"size": 64 * MIB, "wall": 0.0, "period": 1, "up": 1e6}
    assert driver.judge({"actual": 64 * MIB}, **given).driver == "none"
    assert driver.judge({"actual": 60 * MIB}, **given).driver == "silent"
    assert driver.judge({"actual": 64 * MIB}, **given).driver == "silent"


def test_units_of_the_table():
    assert {name.libvirt_unit for name in NAMES} == {1, names.KIB}
