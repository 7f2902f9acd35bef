"""A driver that takes memory faster than its guest can free it makes the guest thrash. The rates
and the way they adapt, second by second, against a guest of known behaviour.
"""

from pageengine.control.balloon_driver import BalloonDriver


class Guest:
    """Has so many free pages, and can free more when the driver sleeps."""

    def __init__(self, free=0, slow=0):
        self.free, self.slow, self.asked = free, slow, []

    def inflate(self, pages, sleeping):
        self.asked.append((pages, sleeping))
        name = "slow" if sleeping else "free"
        got = min(pages, getattr(self, name))
        setattr(self, name, getattr(self, name) - got)
        return got

    def deflate(self, pages):
        self.free += pages
        return pages


def polls(driver, target, n):
    return [driver.poll(target) for _ in range(n)]


def test_free_pages_go_at_64_mib_per_second():
    driver = BalloonDriver(Guest(free=100_000))
    assert polls(driver, 40_000, 4) == [16384, 16384, 7232, 0]
    assert driver.size == 40_000


def test_without_free_pages_it_takes_2048_at_first_and_more_slowly_after_a_failure():
    guest = Guest()
    driver = BalloonDriver(guest)
    for slow, taken, rate in (
        (9999, 2048, 2048),
        (1500, 1500, 1024),
        (9999, 1024, 1040),
        (0, 0, 520),
        (0, 0, 512),
        (9999, 512, 528),
    ):
        guest.slow = slow
        assert driver.poll(10_000) == taken
        assert driver.slow_rate == rate


def test_it_is_careful_for_four_polls_after_a_failure():
    guest = Guest(free=3000)
    driver = BalloonDriver(guest)
    assert driver.poll(50_000) == 3000  # at least the slow rate: enough for this second
    guest.free = 100_000
    assert [driver.poll(50_000) for _ in range(4)] == [2048, 2048, 2048, 16384]


def test_the_slow_rate_creeps_up_by_sixteen():
    guest = Guest(free=600)
    driver = BalloonDriver(guest)
    driver.slow_rate = 512
    driver.slow_polls = 3
    assert driver.poll(512) == 512 and driver.slow_rate == 528


def test_the_slow_rate_creeps_up_for_each_time_as_much_was_had():
    """16384 free pages at once are 32 times 512: as if 32 slow polls had been well."""
    driver = BalloonDriver(Guest(free=100_000))
    driver.slow_rate = 512
    assert driver.poll(50_000) == 16384 and driver.slow_rate == 512 + 32 * 16
    assert driver.poll(50_000) == 16384 and driver.slow_rate == 1024 + 16 * 16


def test_after_failures_a_guest_that_only_reclaims_is_back_at_8_mib_per_second_in_96_polls():
    guest = Guest(slow=0)
    driver = BalloonDriver(guest)
    polls(driver, 500_000, 3)
    assert driver.slow_rate == 512
    guest.slow = 500_000
    assert polls(driver, 500_000, 97) == list(range(512, 2049, 16))


def test_a_poll_that_took_all_free_pages_and_did_not_sleep_changes_no_rate():
    driver = BalloonDriver(Guest(free=3000))
    driver.slow_rate = 1024
    assert driver.poll(50_000) == 3000 and driver.slow_rate == 1024


def test_pages_are_given_back_at_64_mib_per_second():
    driver = BalloonDriver(Guest(free=50_000))
    polls(driver, 50_000, 5)
    assert polls(driver, 10_000, 4) == [-16384, -16384, -7232, 0]


def test_a_reset_driver_knows_nothing():
    driver = BalloonDriver(Guest(free=10))
    driver.poll(1000)
    driver.reset()
    assert (driver.size, driver.slow_rate, driver.slow_polls) == (0, 2048, 0)
