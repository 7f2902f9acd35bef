"""Advice that sends the wrong VM away costs a migration for nothing: who leaves is worked out
by hand.
"""

from made_up_hosts import GIB, MIB, host, view

from pageengine.policy.advice import migration

BUSY = {"active": 900 * MIB}


def names(*vms, memory=2 * GIB):
    return [advice.vm for advice in migration(host(0, *vms, memory=memory))]


def test_nobody_leaves_a_host_that_carries_all():
    assert names() == []
    assert names(view("a", **BUSY), view("b", **BUSY)) == []


def test_the_smallest_leaves_that_makes_the_others_fit():
    three = view("a", **BUSY), view("b", active=800 * MIB), view("c", active=600 * MIB)
    assert names(*three) == ["c"]
    assert names(view("a", **BUSY), view("b", **BUSY), view("c", active=100 * MIB)) == []


def test_the_largest_leave_while_one_is_not_enough_and_one_stays():
    three = view("a", **BUSY), view("b", **BUSY), view("c", active=800 * MIB)
    assert len(names(*three, memory=GIB)) == 2
    assert len(names(*three, memory=64 * MIB)) == 2


def test_what_lies_in_swap_counts_where_working_sets_fit():
    a = view("a", swapped=800 * MIB, stall=0.2)
    b = view("b", compressed=100 * MIB)
    (advice,) = migration(host(0, a, b))
    assert advice.vm == "b"
    assert "hold" in advice.why and "2.00 GiB" in advice.why.replace("2 GiB", "2.00 GiB")


def test_swap_that_nobody_reads_is_no_reason_to_leave():
    assert names(view("a", swapped=800 * MIB), view("b", compressed=100 * MIB)) == []
