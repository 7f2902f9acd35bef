"""A guarantee that cannot be kept must not be given, and one that can must be: each bound from both
sides, to the byte.
"""

import pytest

from pageengine.errors import AdmissionError
from pageengine.host.admission import ResourceAllocation, admit, read_allocation

MIB, PAGE = 2**20, 4096


def allocation(**changes):
    base = {
        "size": 10 * MIB,
        "shares": 100,
        "reservation": 4 * MIB,
        "limit": 8 * MIB,
        "overhead": MIB,
    }
    return ResourceAllocation(**base | changes)


def test_what_is_promised_is_reservation_and_overhead_and_the_rest_in_swap():
    assert (allocation().memory, allocation().swap) == (5 * MIB, 6 * MIB)


@pytest.mark.parametrize(
    "promised",
    [
        (allocation(), 5 * MIB, 6 * MIB),
        (allocation(), 5 * MIB, None),
        (allocation(reservation=10 * MIB, limit=10 * MIB), 11 * MIB, 0),
        (allocation(limit=4 * MIB), 5 * MIB, 6 * MIB),
        (allocation(reservation=0, overhead=0, limit=0), 0, 10 * MIB),
    ],
)
def test_what_can_be_kept_is_promised(promised):
    admit("a", *promised)


@pytest.mark.parametrize(
    ("promised", "message"),
    [
        ((allocation(), 5 * MIB - 1, None), "4 MiB with 1 MiB of overhead, is more than the"),
        ((allocation(overhead=0), 4 * MIB - 1, None), "'a', 4 MiB, is more than the"),
        ((allocation(), 5 * MIB, 6 * MIB - 1), "'a' may need 6 MiB of swap space"),
        ((allocation(reservation=10 * MIB + 1), 99 * MIB, None), "is more than its size, 10 MiB"),
        ((allocation(limit=4 * MIB - 1), 99 * MIB, None), "is less than its reservation, 4 MiB"),
    ],
)
def test_what_cannot_be_kept_is_refused_and_said(promised, message):
    with pytest.raises(AdmissionError, match=message):
        admit("a", *promised)


def test_a_claim_is_read_as_it_is_written():
    read = read_allocation("1 MiB", "high", "8 KiB", None, 3 * PAGE)
    assert read == ResourceAllocation(
        size=MIB, shares=20, reservation=2 * PAGE, limit=MIB, overhead=3 * PAGE
    )
    assert read_allocation("1 MiB", 5, 0, "512 KiB", 0).limit == MIB // 2
    assert read_allocation(PAGE, 5, 0, None, 0).size == PAGE
    with pytest.raises(ValueError, match="size must be at least one page"):
        read_allocation(0, 5, 0, None, 0)
