"""At stake: a size that is misread is off by a power of two. Every unit is read, shown and refused
where it should be.
"""

import pytest
from hypothesis import given, strategies as st

from pageengine.units import format_size, parse_pages, parse_size


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("4096", 4096),
        ("64 MiB", 2**26),
        ("64MiB", 2**26),
        ("64m", 2**26),
        ("1.5G", 3 * 2**29),
        ("2 kB", 2000),
        ("3 TB", 3 * 10**12),
        (12, 12),
    ],
)
def test_a_size_is_read_with_its_unit(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "MiB", "-3", "12 furlongs", "1.5.2G", "0.3", "0.1 KiB"])
def test_a_text_that_is_no_size_is_refused_by_name(text):
    with pytest.raises(ValueError, match="swap"):
        parse_size(text, "swap")


def test_other_values_are_refused_with_the_value():
    with pytest.raises(ValueError, match="-5"):
        parse_size(-5)
    for value in (1.5, None, True):
        with pytest.raises(TypeError, match=str(value)):
            parse_size(value)


def test_a_part_of_a_page_is_refused_and_the_neighbours_are_named():
    with pytest.raises(ValueError, match="4096 or 8192"):
        parse_pages(5000)


@given(st.integers(0, 2**50))
def test_what_is_shown_is_read_back_within_its_digits(size):
    assert abs(parse_size_lenient(format_size(size)) - size) <= 0.006 * size


def parse_size_lenient(text):
    number, unit = text.split()
    return float(number) * {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}[unit]
