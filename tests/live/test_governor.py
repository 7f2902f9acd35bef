"""At stake: real guests. What a governor tells them, and, more, what it never does."""

import asyncio
import json

import pytest
from fake_guests import MIB
from made_governor import CALM, GIB, Made, Says

from pageengine.errors import LiveError
from pageengine.live.backend import LiveBackend
from pageengine.live.readings import GuestReading, HostReading
from pageengine.live.settings import GuestSettings
from pageengine.live.sources.ksm import FOLDER, KsmKnobs, read_ksm
from pageengine.live.watch import Seen


@pytest.fixture
def made(tmp_path):
    made = Made(tmp_path, 4 * GIB, CALM, web=2 * GIB, db=2 * GIB)
    yield made
    made.close()


def test_a_balloon_is_told_what_was_decided(made):
    made.say(web=dict(balloon=512 * MIB))
    step = made.step()
    assert made.wrote() == [("web", 512 * MIB)]
    assert [(r.vm, r.given, r.why) for r in step.results] == [("web", 512 * MIB, "")]
    made.step(3)
    assert made.wrote() == [("web", 512 * MIB)]  # said once
    assert made.host.guests["web"].balloon == 512 * MIB


def test_recommending_writes_to_nobody(made):
    made.host.read_only = True
    made.enforce = False
    made.start()
    made.say(web=dict(balloon=512 * MIB, scan=100.0), db=dict(reclaim=64 * MIB, technique="swap"))
    step = made.step(3)
    assert step.orders.balloon == {"web": 512 * MIB} and step.results == ()
    assert made.host.written == []
    assert not (made.folder / "state.json").exists()
    assert not list(made.folder.glob("*.lock")) and not (made.folder / "lock").exists()


def test_the_state_file_is_there_before_the_first_change(made):
    order = []
    made.host._write = lambda *said: order.append((made.folder / "state.json").exists())
    made.say(web=dict(balloon=512 * MIB))
    made.step()
    assert order == [True]
    saved = json.loads((made.folder / "state.json").read_text())
    assert saved["guests"]["web"]["initial"] == 0
    assert saved["guests"]["web"]["target"] == 512 * MIB
    assert saved["guests"]["web"]["life"] == "web@1"


def test_where_the_state_file_cannot_be_written_nothing_is_done(made):
    made.start(state=str(made.folder / "none" / "state.json"))
    made.say(web=dict(balloon=512 * MIB))
    step = made.step()
    assert made.host.written == [] and step.results == ()
    assert "state.json cannot be written" in step.said[0]


def test_a_hold_file_stops_all_writes(made):
    hold = made.folder / "hold"
    hold.write_text("")
    made.say(web=dict(balloon=512 * MIB, scan=100.0))
    step = made.step(2)
    assert made.host.written == [] and "remove it" in step.said[0]
    hold.unlink()
    made.step(2)
    assert made.wrote() == [("web", 512 * MIB)]


def test_a_hold_file_stops_what_is_under_way(made):
    """Also between the first and the second order of a step."""
    hold = made.folder / "hold"
    before = made.host._write
    made.host._write = lambda *said: (hold.write_text(""), before(*said))
    made.say(web=dict(balloon=512 * MIB), db=dict(balloon=512 * MIB))
    step = made.step()
    assert len(made.host.written) == 1
    assert sorted(bool(result.why) for result in step.results) == [False, True]


def test_donors_come_before_receivers(made):
    made.say(db=dict(balloon=GIB))
    made.step(2)
    made.host.others = 724 * MIB  # 300 MiB are free
    made.host.written.clear()
    made.say(web=dict(balloon=512 * MIB), db=dict(balloon=512 * MIB))
    step = made.step()
    assert [name for name, _ in made.wrote()] == ["web", "db"]
    given = {result.vm: result.given for result in step.results}
    assert given["db"] >= GIB - 300 * MIB + 256 * MIB  # no more than free less the reserve


def test_receivers_get_no_more_than_is_free_by_then(made):
    """What was free when it was decided may not be there when it is given."""
    made.say(db=dict(balloon=GIB))
    made.step(2)
    made.host.written.clear()
    made.say(web=dict(balloon=256 * MIB), db=dict(balloon=0))
    before = made.host._write

    def write(name, what, value):
        before(name, what, value)
        if name == "web":
            made.host.others = made.host.free + made.host.others - 300 * MIB

    made.host._write = write
    made.step()
    given = dict(made.wrote())["db"]
    assert GIB - given <= 300 * MIB - 256 * MIB


@pytest.mark.parametrize("target", [0, 256 * MIB])
def test_what_was_asked_for_and_not_given_yet_is_taken_back(made, target):
    """Its driver has not begun: that the host has nothing to give is no reason to let it go on."""
    made.host.guests["web"].sticks = True
    made.say(web=dict(balloon=512 * MIB))
    made.step()
    made.host.others = made.host.free  # not a byte is left
    made.say(web=dict(balloon=target))
    made.step()
    assert made.host.guests["web"].target == target


def test_a_guest_that_hangs_costs_the_others_nothing(made):
    for name in ("a", "b", "c"):
        made.host.add(name, GIB)
    made.start(guests=made.host.settings())
    made.step()
    made.host.guests["db"].hangs = True
    made.say(web=dict(balloon=100 * MIB), db=dict(balloon=100 * MIB), a=dict(balloon=100 * MIB))
    begun = made.clock() + made.config.period
    at = {}
    before = made.host._write
    made.host._write = lambda name, *said: (at.setdefault(name, made.clock()), before(name, *said))
    made.step()
    assert set(at) == {"web", "a"}
    assert max(at.values()) - begun < 0.05 * made.config.period


def test_a_guest_that_hangs_in_its_order_costs_receivers_little(made):
    made.say(db=dict(balloon=GIB))
    made.step(2)
    made.say(web=dict(balloon=100 * MIB), db=dict(balloon=512 * MIB))
    at = []
    before = made.host._write
    made.host._write = lambda name, *said: (at.append((name, made.clock())), before(name, *said))

    async def hang(held):
        await asyncio.sleep(30)

    made.governor.watch.guest("web").set_balloon = hang
    begun = made.clock() + made.config.period
    step = made.step()
    assert [name for name, _ in at] == ["db"]
    assert at[0][1] - begun < 0.05 * made.config.period
    (late,) = [result for result in step.results if result.vm == "web"]
    assert not late.sure and "no answer" in late.why and late.seconds <= made.config.deadline + 0.1


def test_who_is_slow_thrice_in_a_step_costs_the_others_little(made):
    """The look, the donor's order, and the look after it, each as slow as is just borne."""
    made.say(db=dict(balloon=GIB))
    made.step(2)
    made.say(web=dict(balloon=100 * MIB), db=dict(balloon=512 * MIB))
    made.host.guests["web"].slow = made.governor._patience - 0.001
    at = []
    before = made.host._write
    made.host._write = lambda name, *said: (at.append((name, made.clock())), before(name, *said))
    begun = made.clock() + made.config.period
    made.step()
    assert [name for name, _ in at] == ["web", "db"]
    assert at[1][1] - begun < 0.05 * made.config.period


def test_who_hung_is_told_again(made):
    made.host.guests["web"].refuses = True
    made.say(web=dict(balloon=100 * MIB))
    step = made.step()
    assert "refuses" in step.results[0].why and made.wrote() == []
    made.host.guests["web"].refuses = False
    made.step()
    assert made.wrote() == [("web", 100 * MIB)]


def test_a_target_that_others_change_is_theirs_for_a_while(made):
    made.say(web=dict(balloon=512 * MIB))
    made.step(3)
    made.host.guests["web"].moved_by_others(128 * MIB)
    step = made.step(2)
    assert "web" in step.alone
    made.host.written.clear()
    made.say(web=dict(balloon=700 * MIB))
    said = []
    for _ in range(int(600 / made.config.period) - 3):
        said += made.step().said
    assert made.wrote() == [] and said == []
    assert made.governor.controller.plan is not None
    for _ in range(6):
        said += made.step().said
    assert "web: governed again" in said and made.wrote() == [("web", 700 * MIB)]
    # what others made of it is what it goes back to
    assert made.release()["web"].goal == 128 * MIB


def test_hands_off_is_said_once_with_its_reason(made):
    made.say(web=dict(balloon=512 * MIB))
    made.step(3)
    made.host.guests["web"].moved_by_others(GIB)
    said = [line for _ in range(5) for line in made.step().said]
    (line,) = said
    assert "web: hands off for 600 s" in line and "somebody else" in line


def test_a_driver_on_its_way_is_nobody_else(made):
    made.host.guests["web"].speed = 5 * MIB
    made.say(web=dict(balloon=512 * MIB))
    step = made.step(10)
    assert not step.alone
    made.say(web=dict(balloon=0))
    assert not made.step(10).alone


@pytest.mark.parametrize("fails", ["refuses", "hangs"])
def test_who_must_get_memory_back_is_not_left_alone_for_an_order_that_failed(made, fails):
    """Its driver goes on to where it was told before: nobody else moves it."""
    made.host.memory *= 2
    guest = made.host.guests["web"]
    guest.speed = 20 * MIB
    made.say(web=dict(balloon=GIB))
    made.step()
    for told in (0, 0, 128 * MIB, 0):  # each fails; the driver goes on
        made.say(web=dict(balloon=told))
        guest.refuses = fails == "refuses"
        if fails == "hangs":
            made.governor.watch.guest("web").set_balloon = lambda held: asyncio.sleep(30)
        assert not made.step().alone
    guest.refuses = False
    for _ in range(8):
        assert not made.step().alone
    assert (guest.target, guest.balloon) == (0, 0)
    guest.moved_by_others(256 * MIB)  # that it is told apart again
    guest.speed = 256 * MIB
    assert "web" in made.step(2).alone


def test_what_is_doubtful_stays_so_when_the_file_is_read_again(made):
    made.host.memory *= 2
    guest = made.host.guests["web"]
    guest.speed = 20 * MIB
    made.say(web=dict(balloon=GIB))
    made.step()
    guest.refuses = True
    made.say(web=dict(balloon=0))
    made.step()
    made.governor.reload(made.config)
    guest.refuses = False
    made.step()
    assert guest.target == 0


def test_where_it_fails_in_the_middle_nothing_goes_on_by_itself(made):
    """The host cannot be read between donors and receivers: no order is under way any more."""
    made.say(db=dict(balloon=GIB))
    made.step(2)
    made.host.guests["web"].slow = 0.05
    made.step()
    made.say(web=dict(balloon=512 * MIB), db=dict(balloon=0))
    web, read, done = made.governor.watch.guest("web"), made.host.read, []

    async def late(held):
        await asyncio.sleep(0.5)
        done.append(held)

    def once():
        made.governor.watch._host = unreadable
        return read()

    def unreadable():
        raise LiveError("/proc/meminfo cannot be read")

    web.set_balloon, made.governor.watch._host = late, once
    with pytest.raises(LiveError, match="meminfo"):
        made.step()
    made.run(asyncio.sleep(2))
    assert done == []


def test_another_process_is_another_guest(made):
    made.say(web=dict(balloon=512 * MIB))
    made.step(3)
    made.host.guests["web"].another()
    made.say()
    step = made.step(2)
    assert not step.alone and made.governor.ledger.saved.guests == {}
    assert made.release() == {}


def test_a_reset_leaves_the_target_and_so_what_is_to_be_undone(made):
    web = made.host.guests["web"]
    made.say(web=dict(balloon=512 * MIB))
    made.step(6)
    web.speed = 5 * MIB  # so slow that its new balloon is seen to begin at nothing
    web.reboot()
    made.say()
    step = made.run(made.governor.step())
    assert made.governor.backend.last["web"].target == 512 * MIB
    assert not step.alone and made.governor.ledger.saved.guests["web"].initial == 0
    assert web.target == 512 * MIB
    assert not made.step().alone and web.balloon < 100 * MIB
    web.speed = 256 * MIB
    made.say(web=dict(balloon=640 * MIB))
    step = made.step(6)
    assert web.balloon == 640 * MIB and not step.alone
    assert made.governor.ledger.saved.guests["web"].initial == 0
    web.resets = 0  # a connection that was made after it has not heard of it
    assert not made.step().alone
    assert made.governor.backend.last["web"].target == 640 * MIB
    made.host.memory += GIB  # what it is given back
    done = made.release()["web"]
    assert (done.state, done.why) == ("released", "")
    assert web.target == web.balloon == 0


@pytest.mark.parametrize("heard", [True, False])
def test_a_governor_after_it_undoes_what_a_reset_kept(made, heard):
    web = made.host.guests["web"]
    made.say(web=dict(balloon=512 * MIB))
    made.step(6)
    web.reboot()
    made.killed()
    made.host.run(made.config.period)
    web.resets *= heard  # whoever connects anew has not
    made.start()
    made.say()
    made.step()
    assert made.governor.backend.last["web"].target == 512 * MIB
    made.host.memory += GIB  # what it is given back
    done = made.release()["web"]
    assert (done.state, done.why) == ("released", "")
    assert web.target == web.balloon == 0


def test_no_page_out_by_a_reading_from_before_the_last_one_was_over(made):
    guests = {"web": made.config.guests["web"].__replace__(page_out=True)}
    made.start(guests=guests, limits=made.config.limits.__replace__(may_page_out=("web",)))
    made.step()
    made.say(web=dict(reclaim=64 * MIB, technique="swap"))
    made.step()
    first = len(made.wrote("page-out"))
    assert first
    web = made.host.guests["web"]
    seen = web.reading()
    web.reading = lambda: seen  # what it answers was read before
    made.governor.backend.paged_out("web", seen.time + 0.5)
    made.step(3)
    assert len(made.wrote("page-out")) == first
    del web.reading
    made.step()
    assert len(made.wrote("page-out")) > first


def test_a_policy_that_fails_changes_nothing_and_ends_nothing(made, monkeypatch):
    made.say(web=dict(balloon=512 * MIB))
    monkeypatch.setattr(Says, "decide", lambda self, snapshot: 1 / 0)
    step = made.step()
    assert "ZeroDivisionError" in step.said[0] and made.host.written == []
    monkeypatch.undo()
    made.step()
    assert made.wrote() == [("web", 512 * MIB)]


def test_ksm_is_set_and_set_back(made):
    before = dict(made.host.knobs)
    made.say(web=dict(scan=100.0), db=dict(scan=50.0))
    made.step()
    assert made.wrote("scan") == [("", 150.0)]
    made.release()
    assert made.host.knobs == before


@pytest.mark.parametrize("rate", [1234.5, 7.3, 100.0, 0.0, 1e-9, 1e-308])
def test_a_rate_that_ksm_is_set_to_is_not_set_again(tmp_path, rate):
    """Its batches are whole pages: what comes of a rate is not the rate to the last digit."""
    (tmp_path / FOLDER).mkdir(parents=True)
    for name, value in (("run", 0), ("pages_to_scan", 1), ("sleep_millisecs", 20)):
        (tmp_path / FOLDER / name).write_text(str(value))
    KsmKnobs(tmp_path).set_scan_rate(rate)
    host = HostReading(time=0.0, memory=GIB, scan_rate=read_ksm(tmp_path).scan_rate)
    web = GuestReading(time=0.0, life="1@1", size=MIB)
    settings = {"web": GuestSettings(name="web", kind="qemu", at="/run/web.qmp")}
    backend = LiveBackend(None, settings, Seen(host, {"web": web}, {"web": "known"}))
    backend.set_scan({"web": rate}, "two-scans")
    assert backend.taken().nothing
    backend.set_scan({"web": 2 * rate + 1}, "two-scans")
    assert backend.taken().scan == 2 * rate + 1


def test_ksm_is_set_once_where_its_knobs_come_near_only(made):
    made.say(web=dict(scan=9.0))  # 1 page each 111 ms
    for _ in range(3):
        made.step()
    assert made.wrote("scan") == [("", 9.0)]


def test_pausing_needs_the_files_word(made):
    limits = CALM.__replace__(may_block=("web",))
    guests = made.host.settings()
    guests["web"] = guests["web"].__replace__(may_pause=True)
    made.start(limits=limits, guests=guests)
    made.say(web=dict(blocked=True), db=dict(blocked=True))
    made.step(2)
    assert made.wrote("pause") == [("web", True)]
    made.release()
    assert made.wrote("pause") == [("web", True), ("web", False)]


def test_paging_out_is_in_small_pieces_and_only_where_it_may(made):
    guests = made.host.settings()
    guests["web"] = guests["web"].__replace__(page_out=True)
    made.start(guests=guests)
    made.say(web=dict(reclaim=100 * MIB, technique="swap"), db=dict(reclaim=MIB, technique="swap"))
    made.step()
    pieces = made.wrote("page-out")
    assert {name for name, _ in pieces} == {"web"}
    assert sum(size for _, size in pieces) == 100 * MIB
    assert max(size for _, size in pieces) <= 32 * MIB


def test_pressure_is_answered_within_a_period(made):
    """A policy that would be asked in an hour is asked when pressure begins."""
    made.step()
    made.governor.controller.plan = made.governor.controller.plan.__replace__(again=3600.0)
    made.governor.controller._due = made.governor.controller.time + 3600
    made.say(web=dict(balloon=256 * MIB))
    assert made.step().decision is None
    made.host.pressure = 0.2
    assert made.step().decision is not None and made.wrote() == [("web", 256 * MIB)]


def test_the_first_look_waits_for_guests_as_long_as_a_call_may_take(made):
    made.host.guests["db"].slow = 0.5  # seconds, where later looks wait a tenth of one
    assert made.step().seen.states == {"web": "known", "db": "known"}
    assert made.step().seen.guests.keys() == {"web"}


def test_what_a_dropped_guest_may_yet_take_is_given_to_nobody(tmp_path):
    made = Made(tmp_path, 4 * GIB, CALM, config={"exit": "max"}, web=2 * GIB, db=2 * GIB)
    made.say(db=dict(balloon=512 * MIB))
    made.step(4)
    made.host.guests["db"].sticks = True
    all_ = made.config
    without = all_.__replace__(guests={"web": all_.guests["web"]})
    made.run(made.governor.release(made.governor.dropped(without)))
    made.governor.reload(without)
    made.step()
    backend = made.governor.backend
    owed, free, backend.owed, backend._free = backend.owed, backend.free(), 0, None
    db = made.host.guests["db"]
    assert owed == db.balloon - db.target > 0 and backend.free() == free + owed
    backend.owed = owed
    made.governor.reload(all_)
    made.step()
    assert made.governor.backend.owed == 0
    made.close()
