"""At stake: what has happened to others already, where guests and their drivers say something that
is not what it seems. Each test is one incident of docs/incidents.md.
"""

import asyncio
import errno

import pytest
from fake_guests import MIB
from made_governor import CALM, GIB, Made, Says

from pageengine.live import names, paging
from pageengine.live.driver import Driver
from pageengine.live.evidence import Evidence, GuestEvidence
from pageengine.live.findings import findings_of
from pageengine.live.guests.qemu import Facts
from pageengine.live.readings import GuestReading, HostReading
from pageengine.live.settings import GuestSettings
from pageengine.policy import GuestView, Plan
from pageengine.policy.guard import Limits

KIB = 1024


@pytest.fixture
def made(tmp_path):
    made = Made(tmp_path, 8 * GIB, CALM, web=4 * GIB, db=2 * GIB)
    yield made
    made.close()


def examined(host=None, started=None, **reading):
    """What the doctor finds of one guest: its rules."""
    well = HostReading(
        time=0.0, memory=8 * GIB, free=GIB, available=GIB, swap_total=4 * GIB, swap_free=4 * GIB
    )
    facts = Facts("/machine/peripheral/balloon0", 2, True, True, True, False, 0, 1).__replace__(
        **(started or {})
    )
    view = GuestView(total=GIB, free=GIB // 2, available=GIB // 2)
    said = {"size": GIB, "actual": GIB, "guest": view, "driver": "reporting", "granted": GIB}
    seen = GuestReading(time=0.0, life="1@1", **{**said, **reading})
    one = GuestSettings(name="web", kind="qemu", at="/run/web.qmp")
    guest = GuestEvidence(settings=one, reading=seen, started=facts)
    found = findings_of(Evidence(host=host or well, guests=(guest,)))
    return {each.rule: each for each in found if each.group in ("balloon", "swap")}


# names

OF_LIBVIRT = {"actual": 4 * GIB // KIB, "available": 3900 * KIB, "unused": 250 * KIB}
OF_LIBVIRT |= {"usable": 2300 * KIB, "disk_caches": 2000 * KIB, "last_update": 1000}
OF_LIBVIRT |= {"rss": 4100 * KIB}


def governed_by(made, view, wanted):
    """What a guest that tells this is told to hold."""
    made.start(limits=CALM.__replace__(shrink=4 * GIB))
    web = made.host.guests["web"]
    reading = web.reading
    web.reading = lambda: reading().__replace__(guest=view)
    made.say(web=dict(balloon=wanted))
    made.step()
    return web.target


def test_harvester_6033_used_over_available_by_names_that_mislead(made):
    """A gauge said 94 % where 41 % was used: what libvirt calls available is all that there is, and
    unused leaves out what could be had. Here what could be had can be taken, and the rest stays.
    """
    view = names.view_of(names.from_libvirt(OF_LIBVIRT), 4 * GIB)
    assert (view.total, view.free, view.available) == (3900 * MIB, 250 * MIB, 2300 * MIB)
    most = view.available - int(CALM.margin * 4 * GIB)
    assert governed_by(made, view, 3 * GIB) == most // 4096 * 4096


def test_harvester_1842_page_cache_counted_as_used():
    """Used was taken to be all but what is free, so that a guest that had copied a file was full.
    Here its use is what it has less what is available.
    """
    told = Driver().judge(
        names.from_libvirt(OF_LIBVIRT), size=4 * GIB, wall=1000.5, period=2, up=None
    )
    assert told.active == (3900 - 2300) * MIB


def test_cockpit_2355_the_size_of_qemu_taken_for_what_its_guest_uses(made):
    """Usage was that of QEMU's process, which only grows. Here a process as large as its guest says
    nothing about what the guest has to spare.
    """
    web = made.host.guests["web"]
    assert web.resident == web.size  # it has touched everything once
    view = GuestView(total=4 * GIB, free=3 * GIB, available=3 * GIB)
    assert governed_by(made, view, 2 * GIB) == 2 * GIB


# drivers


def test_virtio_win_772_a_driver_that_stops_early(made):
    """The driver of Windows has nothing paged out, and stops when there is no more free memory. It
    is not waited for, nothing of what it did not give is given to others, and a gift that it never
    took can be withdrawn.
    """
    web, db = made.host.guests["web"], made.host.guests["db"]
    db.balloon = db.target = GIB
    made.say(web=dict(balloon=2 * GIB), db=dict(balloon=GIB))
    made.step(1)
    web.sticks, held = True, web.balloon
    made.step(3)
    made.host.others += made.host.free - 256 * MIB  # only the reserve is left
    told = len([each for each in made.wrote() if each[0] == "web"])
    made.say(web=dict(balloon=2 * GIB + 512 * MIB), db=dict(balloon=0))
    made.step(3)
    assert (web.balloon, db.target) == (held, GIB)
    assert len([each for each in made.wrote() if each[0] == "web"]) == told


@pytest.mark.parametrize("used", [256 * MIB, GIB])
def test_virtio_win_568_a_guest_that_takes_its_balloon_for_used_memory(made, used):
    """Windows says that 99 % are used while its balloon holds most of that: no pressure, and what
    is taken stops at what its programs use and a margin, as if it had said the truth.
    """
    web = made.host.guests["web"]
    web.used, web.driver = used, "counts-balloon"
    reading = web.reading

    def counting():
        seen = reading()
        free = seen.guest.free
        return seen.__replace__(guest=GuestView(total=web.size, free=free, available=free))

    web.reading = counting
    made.say(web=dict(balloon=4 * GIB))
    made.step(20)
    agreed = int(CALM.floor_part * web.size)
    most = web.size - max(agreed, used + int(CALM.margin * web.size))
    assert web.target == most // 4096 * 4096
    assert web.target == web.balloon and not made.step().alone


def test_virtio_win_61_high_use_that_is_the_balloon():
    """What such a guest counts as used is not its working set: the balloon is taken off it, once it
    has been seen that its total does not follow the balloon.
    """
    driver = Driver()

    def told(at, actual, free):
        said = {"actual": actual, "total": 4 * GIB, "free": free, "available": free, "updated": at}
        return driver.judge(said, size=4 * GIB, wall=at + 0.5, period=2, up=1e6)

    told(100, 4 * GIB, 3 * GIB)
    told(102, 2 * GIB, GIB)
    found = told(106, 2 * GIB, GIB)
    assert (found.driver, found.active) == ("counts-balloon", GIB)


def test_virtio_win_556_a_balloon_that_frees_nothing(made):
    """The driver ran, and the host's memory stayed as full as before. After two windows' worth
    without any gain no more is taken.
    """
    web = made.host.guests["web"]
    type_ = type("Kept", (type(web),), {"resident": property(lambda self: self.size)})
    web.__class__ = type_
    made.start(limits=Limits(reserve_part=0.0, reserve=256 * MIB, shrink=256 * MIB))
    made.say(web=dict(balloon=2 * GIB))
    step = made.step(30)
    assert web.target <= 2 * 256 * MIB and "gain" in {clip.rule for clip in step.decision.clips}


def test_freebsd_2116_a_driver_without_statistics(made):
    """FreeBSD's driver made none, and whoever took that for zeroes was wrong. Nothing is taken of
    it, and the doctor names it.
    """
    made.host.guests["web"].tells, made.host.guests["web"].driver = False, "silent"
    made.say(web=dict(balloon=GIB))
    step = made.step(3)
    assert made.wrote() == [] and step.decision.clips[0].rule == "silent"
    assert "FreeBSD" in examined(guest=None, driver="silent")["silent"].mend


def test_openzfs_10255_a_cache_that_counts_as_used(made):
    """What ZFS caches is in no available memory, so that such a guest always seems to be short. It
    is not shrunk, is given nothing beyond its limit, and nobody is pressed below a floor for it.
    """
    made.start(
        guests={
            **made.config.guests,
            "web": made.config.guests["web"].__replace__(limit=3 * GIB),
        }
    )
    web, db = made.host.guests["web"], made.host.guests["db"]
    web.balloon = web.target = 2 * GIB
    web.lies = 0  # its cache grows to whatever it has
    made.host.others = made.host.free - 300 * MIB
    made.say(web=dict(balloon=2 * GIB), db=dict(balloon=0))
    made.step(20)
    assert web.target >= GIB, "its limit"
    floor = max(int(CALM.floor_part * db.size), db.used + int(CALM.margin * db.size))
    assert db.size - db.target >= floor and made.host.free >= 256 * MIB - MIB


def test_earlyoom_339_a_host_whose_cache_counts_as_used_kills_its_guests(made):
    """Hosts with ZFS and without swap killed guests with memory to spare. What is given is held to
    what the kernel says that it has, less the reserve; and the doctor names missing swap space.
    """
    read = made.host.read
    made.governor.watch._host = lambda: read().__replace__(available=300 * MIB)
    db = made.host.guests["db"]
    db.balloon = db.target = GIB
    made.say(db=dict(balloon=0))
    made.step(1)
    assert db.target >= GIB - 44 * MIB
    bare = HostReading(time=0.0, memory=8 * GIB, free=GIB, swap_total=0, swap_free=0)
    assert examined(bare)["missing"].level in ("warning", "unsafe")


# the balloon and the guest's own killer


def test_firecracker_4324_a_guest_hangs_where_its_balloon_should_deflate(made):
    """With deflate-on-oom a guest that needed its balloon's pages span at 100 % in place of getting
    them. Nothing waits for that: what it is short of is given back at the next look.
    """
    web = made.host.guests["web"]
    made.say(web=dict(balloon=2 * GIB))
    made.step(4)
    web.used = web.size - web.balloon  # it does not deflate by itself
    made.step()
    assert web.target == 0


def test_buildbuddy_10901_guests_run_out_of_memory_while_their_balloon_grows(tmp_path):
    """Balloons took 80 % of what was available, and guests died meanwhile. Here what is used and a
    margin stay, and no more goes in any window than a guest can be seen to bear.
    """
    made = Made(tmp_path, 8 * GIB, Limits(), web=4 * GIB)
    web = made.host.guests["web"]
    web.used = 3 * GIB
    made.say(web=dict(balloon=4 * GIB))
    for _ in range(12):
        made.step()
        web.used += 16 * MIB  # and it grows at the same time
        assert web.size - web.balloon >= web.used + int(0.05 * web.size)
    assert web.target > 0
    made.close()


def test_truenas_11423_a_guest_killed_its_programs_for_want_of_deflation():
    """The balloon's device was made without deflate-on-oom: the doctor says so, and how to start it
    otherwise; and says nothing where it is on.
    """
    found = examined(started={"deflate_on_oom": False})["deflate"]
    assert "kills" in found.consequence and "deflate-on-oom=on" in found.mend
    assert "deflate" not in examined()


# memory.high


def page_out_by(folder, answer, monkeypatch):
    """Pages 64 MiB out of a cgroup whose memory.reclaim answers so; what was written where."""
    written = []
    for name in ("memory.high", "memory.max", "memory.reclaim", "memory.current"):
        (folder / name).write_text("max" if name != "memory.current" else str(GIB))

    def put(path, value):
        written.append((path.name, value))
        if answer:
            raise OSError(answer, "as the kernel says it")

    monkeypatch.setattr(paging.files, "put", put)
    for _ in range(2):
        paging.reclaim_cgroup(str(folder), 32 * MIB)
    kept = {name: (folder / name).read_text() for name in ("memory.high", "memory.max")}
    return written, kept


def test_vm0_27110_a_freeze_of_ten_minutes_by_memory_high(tmp_path, monkeypatch):
    """46 million events of memory.high froze a sandbox for 600 s. Only memory.reclaim is written,
    32 MiB at a time, and that it gave no more (EAGAIN) is an answer.
    """
    written, kept = page_out_by(tmp_path, errno.EAGAIN, monkeypatch)
    assert written == [("memory.reclaim", 32 * MIB)] * 2
    assert kept == {"memory.high": "max", "memory.max": "max"}


def test_neon_5444_a_limit_that_stays_in_force_throttles_the_guest(tmp_path, monkeypatch):
    """memory.high was still low when memory had long been added. What is asked for here is over
    when it is answered: whoever is killed in the middle leaves no limit behind.
    """
    written, kept = page_out_by(tmp_path, 0, monkeypatch)
    assert {name for name, _ in written} == {"memory.reclaim"}
    assert kept == {"memory.high": "max", "memory.max": "max"}


def test_neon_44_paused_for_ever_as_nothing_could_be_added(tmp_path):
    """A cgroup was paused until it got memory, which the host did not have. A guest that was paused
    goes on when the governor ends, whatever the host has to give.
    """
    limits = CALM.__replace__(may_block=("web",))
    made = Made(tmp_path, 4 * GIB, limits, agreed={"may_pause": True}, web=4 * GIB, db=2 * GIB)
    web = made.host.guests["web"]
    made.host.guests["db"].balloon = made.host.guests["db"].target = 1200 * MIB
    made.say(web=dict(balloon=2 * GIB))
    web.balloon = GIB
    made.step(3)
    made.say(web=dict(balloon=web.target, blocked=True))
    made.step(2)
    assert web.paused
    made.host.others += made.host.free
    done = made.release()
    assert not web.paused and done["web"].stays
    made.close()


def test_kirocrew_2431_reclaim_that_goes_on_for_a_quarter_of_an_hour(made):
    """What was asked for took 17 min. Paging out ends after a part of a period, and the others are
    told meanwhile.
    """
    guests = {name: each.__replace__(page_out=True) for name, each in made.config.guests.items()}
    made.start(guests=guests, limits=CALM.__replace__(may_page_out=("*",)))
    made.step()
    pieces = []

    async def slow(memory):
        pieces.append(memory)
        await asyncio.sleep(0.4)
        return memory

    made.governor.watch.guest("web").page_out = slow
    begun = made.clock() + made.config.period
    made.say(web=dict(reclaim=GIB, technique="swap"), db=dict(balloon=256 * MIB))
    made.step()
    assert made.clock() - begun <= made.config.period / 5 + 0.6
    assert ("db", 256 * MIB) in made.wrote() and 1 < len(pieces) < 5


# free page reporting


def test_vm0_34723_reporting_costs_more_than_it_wins(made, monkeypatch):
    """Without a balloon it won nothing, and under pressure compaction took 57 to 82 % more of the
    processor. It is each guest's own, as it was started: no plan turns it on, whatever it says.
    """
    said = Plan(report_free=True, again=1.0)
    monkeypatch.setattr(Says, "decide", lambda self, snapshot: said)
    step = made.step(2)
    assert step.decision.plan.report_free and made.host.written == []


def test_kata_10711_reporting_is_off_unless_it_is_asked_for():
    """It slowed guests, and was made off by default; so it is in every plan that does not say
    otherwise, and the doctor asks nobody to turn it on.
    """
    assert not Plan().report_free
    assert examined(started={"report_free": False}) == {}
