"""At stake: the default policy decides what every new user sees. It must act only between its
marks, in proportion, and never take a VM under its reservation.
"""

import pytest
from hypothesis import given, strategies as st

from pageengine.policy import Plain, Snapshot, VMView

MIB = 2**20


def view(name, consumed, reservation=0, limit=2**40):
    return VMView(
        name, 2**30, consumed, consumed, 0, 0, 0, 0, consumed, 1000, reservation, limit, False
    )


def test_nothing_is_taken_while_enough_is_free():
    snapshot = Snapshot(100 * MIB, 3 * MIB, 0, (view("a", 50 * MIB),))
    assert Plain(0.02, 0.04).decide(snapshot).vms == {}


def test_below_the_low_mark_the_high_mark_is_restored_in_proportion():
    snapshot = Snapshot(100 * MIB, 1 * MIB, 0, (view("a", 66 * MIB), view("b", 33 * MIB)))
    plan = Plain(0.02, 0.04).decide(snapshot)
    assert plan.vms["a"].reclaim == 2 * MIB
    assert plan.vms["b"].reclaim == 1 * MIB


def test_a_vm_above_its_limit_gives_back_what_is_above():
    snapshot = Snapshot(100 * MIB, 90 * MIB, 0, (view("a", 10 * MIB, limit=6 * MIB),))
    assert Plain().decide(snapshot).vms["a"].reclaim == 4 * MIB


@given(
    st.lists(st.tuples(st.integers(0, 2**34), st.integers(0, 2**34)), min_size=1, max_size=20),
    st.integers(0, 2**30),
)
def test_no_vm_is_taken_under_its_reservation(vms, free):
    views = tuple(view(str(i), c, r) for i, (c, r) in enumerate(vms))
    plan = Plain().decide(Snapshot(2**36, free, 0, views))
    for vm in views:
        if vm.name in plan.vms:
            assert plan.vms[vm.name].reclaim <= max(0, vm.consumed - vm.reservation)


@pytest.mark.parametrize(("low", "high"), [(-0.1, 0.1), (0.2, 0.1), (0.1, 1.0)])
def test_marks_out_of_order_are_refused(low, high):
    with pytest.raises(ValueError, match=f"low={low}|must be at least 0 and below 1, got"):
        Plain(low, high)
