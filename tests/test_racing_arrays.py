"""What another thread writes into an array during a call harms nobody: a number leads to no page
that was not checked, and the caller is told.
"""

import time

import numpy as np
import pytest
from meanwhile import meanwhile, outcome

import pageengine as pe

PAGE = 4096


def fight(array, good, bad, call, seconds=0.4):
    """``call`` again and again while another thread writes bad numbers into the array."""

    def change():
        array[...] = bad
        array[...] = good

    outcomes, end = set(), time.monotonic() + seconds
    with meanwhile(change):
        while time.monotonic() < end:
            outcomes.add(outcome(call))
    return outcomes


KINDS = {
    "touch": lambda vm, ppns: vm.touch(ppns, True),
    "touch by flags": lambda vm, ppns: vm.touch(ppns, np.ones(len(ppns), bool)),
    "write": lambda vm, ppns: vm.write(ppns, np.ones((len(ppns), PAGE), np.uint8)),
    "read": lambda vm, ppns: vm.read(ppns),
    "peek": lambda vm, ppns: vm.peek(ppns),
    "balloon": lambda vm, ppns: vm.balloon(ppns),
    "report": lambda vm, ppns: vm.report_free(ppns),
    "places": lambda vm, ppns: vm.places_at(ppns),
    "pin": lambda vm, ppns: (vm.pin(ppns), vm.unpin(ppns)),
}


@pytest.mark.parametrize("kind", KINDS)
def test_ppns_that_another_thread_changes_lead_to_no_other_page(kind):
    with pe.Host(4096 * PAGE) as host:
        other = host.add_vm("b", 256 * PAGE)
        other.write(np.arange(256), np.full((256, PAGE), 7, np.uint8))
        vm = host.add_vm("a", 512 * PAGE)
        good = np.arange(512)
        ppns = good.copy()
        bad = np.where(np.arange(512) % 2, good, 2**40 + good)
        outcomes = fight(ppns, good, bad, lambda: KINDS[kind](vm, ppns))
        assert outcomes <= {"done", "refused"} and outcomes
        host.check()
        assert (other.read(np.arange(256)) == 7).all()


def test_what_a_changed_array_stops_says_what_was_done():
    """The status of the core, as the caller sees it."""
    from pageengine.core.status import STATUS_NAMES, error_of

    number = next(n for n, name in STATUS_NAMES.items() if name == "PE_ERR_PAGE_RANGE")
    with pe.Host(64 * PAGE) as host:
        error = error_of(number, host._engine, "a", 3)
    assert isinstance(error, IndexError)
    assert "entry 3" in str(error) and "'a'" in str(error) and "3 accesses" in str(error)
