"""What is shown of a real host must be what was read of it: a wrong column misleads an operator, a
zero where nothing is known misleads him worse. Made-up readings become rows of the lab's timelines.
"""

import made_seen
import pytest
from made_seen import MIB

from pageengine.lab import timeline
from pageengine.live.moment import FRACTIONS, HOST_MORE, TEXTS, VM_MORE, moment_of
from pageengine.live.readings import GuestReading, HostReading
from pageengine.live.watch import Seen

NAMES = ("web", "db")


def moment(seen, before=None, **options):
    return moment_of(seen, made_seen.settings(*seen.states), 100.0, before, **options)


def test_every_column_of_the_lab_is_there_and_no_other():
    made = moment(made_seen.seen(NAMES))
    assert set(made.host) == {*timeline.HOST, *HOST_MORE}
    assert all(set(guest) == {*timeline.VM, *VM_MORE} for guest in made.guests)
    assert not set(HOST_MORE) & set(timeline.HOST) and not set(VM_MORE) & set(timeline.VM)
    assert {*HOST_MORE, *VM_MORE, "vm"} >= FRACTIONS | TEXTS


def test_what_was_read_stands_under_the_labs_names():
    first = moment(made_seen.seen(NAMES))
    made = moment(made_seen.seen(NAMES, time=102.0), first)
    assert (made.time, made.step) == (2.0, 2.0)
    guest = made.guests[1]
    assert guest["vm"] == "db" and guest["status"] == "known" and guest["why"] == ""
    expected = {
        "size": 1024,
        "granted": 800,
        "consumed": 700,
        "shared": 200,
        "private": 600,
        "swapped": 10,
        "active": 256,
        "balloon": 1,
        "overhead": 40,
        "guest_total": 1000,
        "guest_free": 90,
        "guest_cache": 50,
        "guest_available": 130,
    }
    assert {key: guest[key] / MIB for key in expected} == expected
    assert guest["swap_in"] == 2 * 0.5 * MIB / 4096 and guest["stats_age"] == 2.0
    host = made.host
    assert host["shared"] == 400 * MIB and host["private"] == 1200 * MIB
    assert host["swapped"] == 20 * MIB and host["ballooned"] == 1 * MIB
    assert host["overhead"] == 80 * MIB and host["stall"] == pytest.approx(0.005)
    assert host["swap_in"] == 2 * 4 * MIB / 4096 and host["swap_out"] == 2 * MIB / 4096
    assert (host["free"], host["saving"]) == (512 * MIB, 214 * MIB)


def test_what_was_not_read_is_none_and_never_zero():
    names = {name: "known" for name in NAMES}
    bare = {name: GuestReading(time=100.0, life="1", size=64 * MIB) for name in NAMES}
    made = moment(Seen(host=HostReading(time=100.0), guests=bare, states=names))
    assert {key for key, value in made.host.items() if value is not None} == {"time"}
    known = {"time", "vm", "size", "status", "why", "blocked", "driver", "busy"}
    assert {key for key, value in made.guests[0].items() if value is not None} == known


def test_what_no_kernel_counts_is_none_though_all_else_is_known():
    made = moment(made_seen.seen(NAMES), moment(made_seen.seen(NAMES, 99.0)))
    for key in ("state", "zero", "scanned", "cow_breaks", "reported"):
        assert made.host[key] is None
    for key in ("touched", "progress", "idle", "accesses", "compressed"):
        assert made.guests[0][key] is None


def test_a_mute_guest_has_a_row_with_the_reason_and_sums_are_not_known():
    made = moment(made_seen.seen(NAMES, unknown={"db": "no answer within 1 s"}))
    guest = made.guests[1]
    assert (guest["status"], guest["why"]) == ("mute", "no answer within 1 s")
    assert guest["size"] is None and guest["consumed"] is None
    assert made.host["swapped"] is None and made.host["free"] is not None


def test_an_absent_guest_holds_nothing_and_leaves_sums_alone():
    seen = made_seen.seen(NAMES, unknown={"db": "no socket"})
    made = moment(Seen(seen.host, seen.guests, {"web": "known", "db": "absent"}, seen.why))
    assert made.host["swapped"] == 10 * MIB and made.guests[1]["swapped"] is None


def test_events_of_the_first_look_are_not_known():
    made = moment(made_seen.seen(NAMES))
    assert made.step is None
    for key in ("swap_in", "swap_out", "balloon_in", "balloon_out"):
        assert made.host[key] is None


def test_balloons_are_counted_by_which_way_they_moved():
    first = moment(made_seen.seen(NAMES))
    moved = {
        "web": made_seen.guest(102.0, actual=1016 * MIB),
        "db": made_seen.guest(102.0, actual=1024 * MIB),
    }
    states = dict.fromkeys(NAMES, "known")
    made = moment(Seen(made_seen.host(102.0), moved, states), first)
    assert (made.host["balloon_in"], made.host["balloon_out"]) == (8 * 256, 256)


def test_a_guest_without_a_driver_has_an_empty_balloon():
    for driver, balloon in (("none", 0), ("", None), ("silent", None)):
        reading = made_seen.guest(actual=None, driver=driver)
        made = moment(Seen(made_seen.host(), {"web": reading}, {"web": "known"}))
        assert made.guests[0]["balloon"] == balloon


def test_targets_and_pauses_are_shown():
    seen = made_seen.seen(NAMES, busy="pause")
    made = moment(seen, targets={"db": 5 * MIB})
    assert [guest["balloon_target"] for guest in made.guests] == [None, 5 * MIB]
    assert made.guests[0]["blocked"] == 1
