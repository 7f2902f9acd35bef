"""At stake: memory of guests that cannot be seen. Who has never answered must not make the host
look empty, who was reset unheard must not be taken for somebody else's, and what was taken of a
guest must not be forgotten when another one has its name.
"""

import os

import pytest
from fake_guests import MIB
from made_governor import CALM, GIB, Made

from pageengine.live.readings import GuestReading, HostReading
from pageengine.live.settings import GuestSettings
from pageengine.live.snapshot import remember, snapshot_of
from pageengine.live.sources.process import life_of
from pageengine.live.state import StateFile
from pageengine.live.watch import Seen


@pytest.fixture
def made(tmp_path):
    made = Made(tmp_path, 8 * GIB, CALM, web=2 * GIB, db=2 * GIB)
    yield made
    made.close()


# who has never answered


def free(states, share=4 * GIB, **of_host):
    """What is free of a share of a host of 16 GiB of which 10 GiB are available, with one guest
    that holds 1 GiB and one of these states that never answered.
    """
    said = {"memory": 16 * GIB, "free": 10 * GIB, "available": 10 * GIB, **of_host}
    reading = GuestReading(time=1.0, life="1@1", size=2 * GIB, resident=GIB)
    seen = Seen(HostReading(time=1.0, **said), {"a": reading}, {"a": "known", **states})
    settings = {n: GuestSettings(name=n, kind="qemu", at=n) for n in seen.states}
    snapshot = snapshot_of(seen, settings, share, remember({}, seen), 0.0, "", {})
    assert [vm.name for vm in snapshot.vms] == ["a"] and snapshot.memory == (share or 16 * GIB)
    return snapshot.free


@pytest.mark.parametrize("state", ["connecting", "leaving", "mute"])
def test_who_never_answered_may_hold_all_that_the_host_uses(state):
    assert free({"b": "absent"}) == free({}) == 3 * GIB
    assert free({"b": state}) == 0, "6 GiB are used, and nobody knows by whom"
    assert free({"b": state}, available=13 * GIB) == GIB
    assert free({"b": state}, available=15 * GIB) == 3 * GIB, "there is nothing that it could hold"
    assert free({"b": state}, share=None) == 10 * GIB, "what is free is free"
    for gap in ({"memory": None}, {"free": None, "available": None}):
        assert free({"b": state}, **gap) == 0


def test_nobody_is_given_what_one_that_never_answered_may_hold(tmp_path):
    """It hangs since before the governor was there; the guests' share of the host is theirs all the
    same.
    """
    made = Made(tmp_path, 8 * GIB, CALM, config={"memory": 4 * GIB}, web=2 * GIB, db=2 * GIB)
    db, web = made.host.guests["db"], made.host.guests["web"]
    db.balloon = db.target = GIB  # so that 1 GiB of the share is free, all but the reserve
    web.hangs = True
    made.host.others = GIB  # which is not known from what guests hold
    made.say(db=dict(balloon=0))
    step = made.step()
    assert step.seen.states["web"] == "connecting"
    (said,) = step.said
    assert said.startswith("web: nobody knows what it holds")
    made.step(3)
    assert made.wrote() == [], "1 + 2 + 1 GiB are all of the share"
    assert made.step().said == (), "that is said once"
    web.hangs = False
    made.step(70)
    assert made.wrote()[0][0] == "db" and db.balloon <= 256 * MIB
    made.close()


def test_what_a_governor_before_gave_to_one_that_never_answered_is_not_given_again(made):
    """Its driver was told to give memory back when that governor was killed, and goes on."""
    web, db = made.host.guests["web"], made.host.guests["db"]
    web.speed, made.host.others = 20 * MIB, 4 * GIB
    made.say(web=dict(balloon=GIB), db=dict(balloon=GIB))
    web.balloon = GIB
    made.step(5)
    web.speed = 0.01 * MIB
    made.say(web=dict(balloon=0), db=dict(balloon=GIB))
    made.step(2)
    assert web.target == 0 and web.balloon > 900 * MIB
    made.killed()
    web.hangs = True
    made.start()
    made.host.others += made.host.free - 400 * MIB
    made.say(db=dict(balloon=0))
    made.step(3)
    assert made.governor.backend.owed > 900 * MIB and db.target == GIB
    web.absent, web.hangs = True, False
    made.step(8)
    assert made.governor.backend.owed == 0 and db.target < GIB


# who was reset, and nobody heard


def test_a_reset_while_nobody_governed_is_not_somebody_elses_doing(made):
    """Its balloon held something at first, and holds less since its new driver began at nothing."""
    web = made.host.guests["web"]
    web.balloon = web.target = 512 * MIB
    made.say(web=dict(balloon=640 * MIB))
    made.step(4)
    for counts, alone in ((True, False), (False, True)):
        made.killed()
        web.balloon, web.kept = 100 * MIB, None
        web.speed = 0
        web.faults = 5 if counts else 10**6
        made.start()
        assert ("web" in made.step().alone) is alone
        web.speed = 256 * MIB


# who has another one's name


class Places:
    """A host on which there is somebody at each place: the guest of that name."""

    def __init__(self, made):
        self.host = made.host
        made.host.speaker = self.speaker
        self.speaks = type(made.host).speaker

    def speaker(self, settings):
        return self.speaks(self.host, settings.__replace__(name=settings.at))


@pytest.fixture
def placed(tmp_path):
    made = Made(tmp_path, 8 * GIB, CALM, first=2 * GIB, second=2 * GIB)
    Places(made)
    web = GuestSettings(name="web", kind="qemu", at="first")
    made.start(guests={"web": web})
    made.say(web=dict(balloon=512 * MIB))
    made.step(3)
    yield made
    made.close()


def elsewhere(made):
    return {"web": made.config.guests["web"].__replace__(at="second")}


@pytest.mark.parametrize("there", [True, False])
def test_who_had_the_name_before_is_owed_what_was_taken_of_it(placed, there):
    """It could not be given back when the name was given to another place."""
    first, second = placed.host.guests["first"], placed.host.guests["second"]
    first.refuses = True
    second.absent = not there
    config = placed.config.__replace__(guests=elsewhere(placed))
    (done,) = placed.run(placed.governor.release(placed.governor.dropped(config)))
    assert done.state == "no answer"
    placed.governor.reload(config)
    said = [line for _ in range(3) for line in placed.step().said]
    (line,) = [line for line in said if "web at first" in line]
    assert "512 MiB" in line and "pageengine release" in line
    placed.config = config
    second.absent = False
    placed.step(2)
    saved = StateFile(config.state).read().guests
    assert set(saved) == {"web", "web at first"} and saved["web at first"].initial == 0
    assert second.target == 512 * MIB
    first.refuses = False
    done = placed.release()
    assert {name: each.state for name, each in done.items()} == dict.fromkeys(saved, "released")
    assert first.target == second.target == 0
    assert StateFile(config.state).read().guests == {}


def test_another_socket_of_the_same_guest_is_the_same_guest(placed):
    config = placed.config.__replace__(guests=elsewhere(placed))
    placed.host.guests["second"] = placed.host.guests["first"]
    placed.governor.reload(config)
    step = placed.step(2)
    (saved,) = StateFile(config.state).read().guests.values()
    assert (saved.initial, saved.target, step.said) == (0, 512 * MIB, ())


def test_who_runs_on_while_another_one_is_at_its_place_is_not_forgotten(made):
    """Its socket's path was taken by another QEMU."""
    made.say(web=dict(balloon=512 * MIB))
    made.step(2)
    made.killed()
    own = life_of(os.getpid())  # a process that runs
    file = StateFile(made.config.state)
    saved = file.read()
    file.write(saved.__replace__(guests={"web": saved.guests["web"].__replace__(life=own)}))
    made.host.guests["web"].another()
    made.host.written.clear()
    speaks = made.host.speaker
    made.host.speaker = lambda one: speaks(one.__replace__(name=one.name.partition(" ")[0]))
    made.start()
    made.say()
    (said,) = made.step().said
    assert f"web ({own})" in said
    done = made.release()[f"web ({own})"]
    assert done.state == "no answer" and "runs" in done.why and made.wrote() == []
    assert set(file.read().guests) == {f"web ({own})"}


def test_what_a_dropped_guest_had_not_taken_when_it_was_let_go_is_owed_to_it_after_a_restart(made):
    made.say(db=dict(balloon=512 * MIB))
    made.step(3)
    made.host.guests["db"].sticks = True
    without = made.config.__replace__(guests={"web": made.config.guests["web"]})
    made.run(made.governor.release(made.governor.dropped(without)))
    made.killed()
    made.config = without
    made.start()
    made.step()
    assert made.governor.backend.owed == 512 * MIB


def test_nothing_is_owed_to_an_unseen_guest_that_nobody_changed(made):
    made.host.guests["web"].hangs = True
    step = made.step(2)
    assert made.governor.backend.owed == 0 and step.said == ()
