"""A guest that hangs, leaves, comes back or talks nonsense must cost the others nothing, and the
watch must say what it is to whom.
"""

import asyncio
import gc

import pytest
import virtual_time
from virtual_time import clock, run

from pageengine.errors import LiveError
from pageengine.live import watch as watching
from pageengine.live.guests import Gone, Leaving
from pageengine.live.readings import GuestReading, HostReading
from pageengine.live.settings import GuestSettings
from pageengine.live.watch import STATES, Watch, _within

PERIOD, DEADLINE = 5.0, 0.2


class Guest:
    """takes: seconds of an answer. error: raised in place of one. deaf: cancelling it does nothing
    for so many seconds.
    """

    techniques = ("balloon",)

    def __init__(self, settings, takes=0.01, error=None, deaf=0.0, life="1@1"):
        self.settings, self.takes, self.error, self.deaf = settings, takes, error, deaf
        self.life, self.looks, self.closed, self.told = life, 0, 0, []

    async def look(self):
        self.looks += 1
        await self._wait()
        return GuestReading(time=clock(), life=self.life, size=1 << 30)

    def learn_of(self, before):
        pass

    async def set_balloon(self, held):
        await self._wait()
        self.told.append(held)

    async def close(self):
        self.closed += 1
        if self.error == "close":
            raise OSError("what was open is gone")

    async def _wait(self):
        try:
            await asyncio.sleep(self.takes)
        except asyncio.CancelledError:
            if not self.deaf:
                raise
            await asyncio.sleep(self.deaf)
        if isinstance(self.error, Exception):
            raise self.error


class Spoken:
    """What is opened anew each time, and comes to the same guest."""

    def __init__(self, guest):
        self.guest = guest

    def __getattr__(self, name):
        return getattr(self.guest, name)


def made(n=3, **options):
    """A watch of n guests, and the guests by name."""
    settings = [GuestSettings(name=f"g{i}", kind="qemu", at=f"/g{i}") for i in range(n)]
    guests = {one.name: Guest(one) for one in settings}
    watch = Watch(
        settings,
        host=lambda: HostReading(time=clock(), memory=8 << 30),
        guest_of=lambda one: Spoken(guests.setdefault(one.name, Guest(one))),
        clock=clock,
        **options,
    )
    return watch, guests


def test_all_that_answer_are_seen_at_once():
    async def main():
        watch, guests = made(100)
        seen = await watch.look(DEADLINE)
        assert set(seen.states.values()) == {"known"} and len(seen.guests) == 100
        assert seen.why == {} and seen.host.memory == 8 << 30
        assert clock() == pytest.approx(0.01)

    run(main())


def test_the_host_is_read_after_its_guests():
    """A guest that was seen to have grown has taken what the host said was free: read the other way
    round, a release gave the same memory twice.
    """

    async def main():
        watch, _ = made(3)
        seen = await watch.look(DEADLINE)
        assert all(reading.time <= seen.host.time for reading in seen.guests.values())
        assert seen.host.time > 0

    run(main())


@pytest.mark.parametrize("deaf", [0.0, 1e6])
def test_a_guest_that_hangs_for_30_s_delays_the_others_by_less_than_5_percent_of_a_period(deaf):
    async def main():
        watch, guests = made()
        await watch.look(DEADLINE)
        late, states = [], []
        for step in range(12):
            started = clock()
            guests["g1"].takes = 30.0 if 1 <= step < 7 else 0.01
            guests["g1"].deaf = deaf
            seen = await watch.look(DEADLINE)
            late.append(clock() - started - 0.01)
            states.append(seen.states["g1"])
            assert {"g0", "g2"} <= set(seen.guests), "the others are seen each time"
            await asyncio.sleep(PERIOD - (clock() - started))
        assert max(late) < 0.05 * PERIOD
        assert sum(late) < 0.05 * PERIOD, "it is waited for once"
        assert states[0] == states[-1] == "known" and states[1:7] == ["mute"] * 6

    run(main())


def test_a_slow_guest_is_seen_late_and_not_never():
    async def main():
        watch, guests = made()
        await watch.look(DEADLINE)
        guests["g0"].takes = 1.0
        assert (await watch.look(DEADLINE)).states["g0"] == "mute"
        asked = clock()
        await asyncio.sleep(PERIOD)
        seen = await watch.look(DEADLINE)
        assert seen.states["g0"] == "known"
        assert seen.guests["g0"].time == pytest.approx(asked + 0.8), "of when it answered"
        assert clock() == pytest.approx(asked + PERIOD + 0.01), "it is not waited for again"
        await asyncio.sleep(PERIOD)
        guests["g0"].takes = 0.01
        for _ in range(3):
            await asyncio.sleep(PERIOD)
            seen = await watch.look(DEADLINE)
        assert seen.guests["g0"].time == clock(), "nor late for ever"

    run(main())


def test_a_guest_is_looked_at_once_at_a_time():
    async def main():
        watch, guests = made(patience=100.0)
        guests["g0"].takes = 50.0
        for _ in range(9):
            await watch.look(DEADLINE)
            await asyncio.sleep(PERIOD)
        assert guests["g0"].looks == 1

    run(main())


def test_attempts_become_rarer_up_to_a_minute():
    async def main():
        watch, guests = made()
        guests["g0"].error = LiveError("no rights")
        tried, before = [], 0
        for _ in range(600):
            await watch.look(DEADLINE)
            await asyncio.sleep(0.5)
            if guests["g0"].looks > before:
                before = guests["g0"].looks
                tried.append(clock())
        gaps = [round(b - a) for a, b in zip(tried, tried[1:], strict=False)]
        assert gaps[:6] == [1, 2, 4, 8, 16, 32] and set(gaps[6:]) == {60}
        assert guests["g0"].closed == len(tried), "each is closed before another is opened"

    run(main())


@pytest.mark.parametrize(
    ("error", "first", "later"),
    [
        (LiveError("no rights"), "connecting", "mute"),
        (OSError("broken"), "connecting", "mute"),
        (Gone("no socket"), "absent", "absent"),
        (Leaving("postmigrate"), "leaving", "leaving"),
        (ZeroDivisionError("a fault of ours"), "connecting", "mute"),
    ],
)
def test_what_a_guest_is_by_what_it_raises(error, first, later):
    async def main():
        watch, guests = made()
        guests["g0"].error = error
        seen = await watch.look(DEADLINE)
        assert (seen.states["g0"], seen.states["g1"]) == (first, "known")
        assert str(error) in seen.why["g0"] and first in STATES
        guests["g0"].error = None
        await asyncio.sleep(1.0)
        await watch.look(DEADLINE)
        await asyncio.sleep(0.1)
        assert (await watch.look(DEADLINE)).states["g0"] == "known", "it is there again"
        guests["g0"].error = error
        seen = await watch.look(DEADLINE)
        assert seen.states["g0"] == later and "g0" not in seen.guests

    run(main())


def test_a_guest_whose_socket_is_gone_and_whose_process_is_not_holds_what_it_held(monkeypatch):
    async def main():
        watch, guests = made()
        await watch.look(DEADLINE)
        guests["g0"].error = Gone("no socket")
        assert (await watch.look(DEADLINE)).states["g0"] == "mute"

    monkeypatch.setattr(watching, "is_alive", lambda life: life == "1@1")
    run(main())


def test_another_process_that_got_the_number_is_not_taken_for_the_guest():
    async def main():
        watch, guests = made()
        Guest.one_life = True
        try:
            assert (await watch.look(DEADLINE)).states["g0"] == "known"
            guests["g0"].life = "1@2"
            for _ in range(5):
                seen = await watch.look(DEADLINE)
                assert seen.states["g0"] == "absent" and "1@2" in seen.why["g0"]
                await asyncio.sleep(60)
        finally:
            del Guest.one_life

    run(main())


def test_one_call_has_a_deadline_of_its_own():
    async def main():
        watch, guests = made()
        await watch.look(DEADLINE)
        await watch.do("g0", lambda guest: guest.set_balloon(7), 1.0)
        assert guests["g0"].told == [7]
        guests["g0"].takes, before = 30.0, clock()
        with pytest.raises(LiveError, match="not known"):
            await watch.do("g0", lambda guest: guest.set_balloon(8), 1.0)
        assert clock() - before == pytest.approx(1.0)
        await asyncio.sleep(60)
        assert guests["g0"].told == [7], "what was given up is not done later"
        assert guests["g0"].closed == 1
        guests["g0"].takes, guests["g0"].life = 0.01, "2@2"  # somebody else by now
        with pytest.raises(LiveError, match="looked at again"):
            await watch.do("g0", lambda guest: guest.set_balloon(8), 1.0)
        await watch.look(DEADLINE)
        await watch.do("g0", lambda guest: guest.set_balloon(9), 1.0)
        assert guests["g0"].told == [7, 9]
        guests["g1"].error = OSError("broken pipe")
        with pytest.raises(LiveError, match="broken pipe"):
            await watch.do("g1", lambda guest: guest.set_balloon(8), 1.0)
        with pytest.raises(LiveError, match="g9"):
            await watch.do("g9", lambda guest: guest.set_balloon(8), 1.0)

    run(main())


def test_who_speaks_to_a_guest_next_learns_what_was_known_of_it():
    """Else what a guest did while nobody was connected would be somebody else's doing."""
    made = []

    class Learns(Guest):
        before = None

        def learn_of(self, before):
            self.before = before

    def guest_of(settings):
        made.append(Learns(settings, error=None if made else OSError("closed")))
        return made[-1]

    async def main():
        one = GuestSettings(name="a", kind="qemu", at="/a")
        host = HostReading(time=0.0, memory=8 << 30)
        watch = Watch([one], host=lambda: host, guest_of=guest_of, clock=clock)
        await watch.look(DEADLINE)
        await watch.close()

    run(main())
    assert made[0].before is None and made[1].before is made[0]


def test_an_order_and_a_look_that_hang_are_one_failure():
    async def main():
        watch, guests = made()
        await watch.look(DEADLINE)
        guests["g0"].takes, guests["g0"].deaf = 30.0, 60.0
        await watch.look(DEADLINE)
        orders = [watch.do("g0", lambda guest: guest.set_balloon(8), 1.0) for _ in range(2)]
        for said in await asyncio.gather(*orders, return_exceptions=True):
            assert isinstance(said, LiveError)
        guests["g0"].takes = 0.01
        await asyncio.sleep(1.0)
        await watch.look(DEADLINE)
        await asyncio.sleep(15.0)
        assert (await watch.look(DEADLINE)).states["g0"] == "known", (
            "the old look is not waited for"
        )
        assert guests["g0"].closed == 1

    run(main())


def test_guests_come_and_go_at_any_time():
    async def main():
        watch, guests = made()
        await watch.look(DEADLINE)
        kept = watch.guest("g1")
        moved = GuestSettings(name="g2", kind="qemu", at="/elsewhere")
        g1 = GuestSettings(name="g1", kind="qemu", at="/g1", shares=5)
        g3 = GuestSettings(name="g3", kind="qemu", at="/g3")
        watch.set_guests([g1, moved, g3])
        seen = await watch.look(DEADLINE)
        assert list(seen.states) == list(watch.settings) == ["g1", "g2", "g3"]
        assert watch.guest("g1") is kept and watch.settings["g1"].shares == 5
        assert guests["g0"].closed == 1 and guests["g1"].closed == 0 and guests["g2"].closed == 1
        with pytest.raises(LiveError, match="g0"):
            watch.guest("g0")
        with pytest.raises(ValueError, match="g1"):
            watch.set_guests([g1, g1])
        assert list(watch.settings) == ["g1", "g2", "g3"], "nothing changes for what is wrong"

    run(main())


def test_a_guest_is_dropped_while_it_is_looked_at():
    async def main():
        watch, guests = made()
        guests["g0"].takes = 30.0
        await watch.look(DEADLINE)
        watch.set_guests([watch.settings["g1"]])
        await asyncio.sleep(60)
        assert list((await watch.look(DEADLINE)).states) == ["g1"]
        assert guests["g0"].looks == 1

    run(main())


def test_closing_waits_for_no_guest_and_hears_no_error():
    async def main():
        watch, guests = made()
        guests["g0"].takes = guests["g0"].deaf = 1e6
        guests["g1"].error = "close"
        await watch.look(DEADLINE)
        before = clock()
        await watch.close()
        assert clock() - before <= 1.0
        assert [one.closed for one in guests.values()] == [1, 1, 1]

    run(main())


def test_a_wrong_kind_is_said_before_anything_is_opened():
    with pytest.raises(ValueError, match="qemu"):
        Watch([GuestSettings(name="g", kind="quemu", at="x")])


def test_virtual_time_does_not_wait_for_ever():
    async def main():
        await asyncio.Event().wait()

    with pytest.raises(RuntimeError, match="for ever"):
        virtual_time.run(main())


def test_a_look_that_fails_while_it_is_given_up_is_no_noise():
    """It failed, and whoever asked was cancelled before it heard of that."""
    noise = []

    async def fails(begin):
        await begin.wait()
        raise OSError("nobody asks")

    async def given_up():
        asyncio.get_running_loop().set_exception_handler(lambda _, said: noise.append(said))
        begin = asyncio.Event()
        asked = asyncio.create_task(_within(fails(begin), 5.0))
        await asyncio.sleep(0.01)
        begin.set()
        asked.cancel()
        await asyncio.wait({asked})
        await asyncio.sleep(0)

    asyncio.run(given_up())
    gc.collect()
    assert noise == []
