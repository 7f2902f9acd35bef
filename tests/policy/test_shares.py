"""A weight that is read wrongly moves memory between VMs for as long as they live: names
against the guide's figures, numbers as they are.
"""

import pytest

from pageengine.policy.shares import parse_shares

MIB = 2**20


@pytest.mark.parametrize(
    ("value", "mib", "expected"),
    [
        ("low", 100, 500),
        ("normal", 100, 1000),
        ("high", 100, 2000),
        ("low", 1, 5),
        (0, 1, 0),
        (1, 1, 1),
        (10**9, 1, 10**9),
    ],
)
def test_shares_are_numbers_or_1_2_4_by_memory(value, mib, expected):
    assert parse_shares(value, mib * MIB) == expected


def test_a_name_is_a_share_at_least_on_the_smallest_vm():
    assert parse_shares("low", 4096) == parse_shares("high", 4096) == 1
    assert parse_shares("low", MIB // 5 * 2 + 1) == 2 and parse_shares("low", MIB // 5 * 2) == 1


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (-1, ValueError, "must not be negative, got -1"),
        ("much", ValueError, "low, normal, high, got 'much'"),
        (1.5, TypeError, "a whole number, got 1.5"),
        (None, TypeError, "got None"),
    ],
)
def test_what_is_no_weight_is_named(value, error, message):
    with pytest.raises(error, match=message):
        parse_shares(value, MIB)
