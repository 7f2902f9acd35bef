"""What is wrong with a value, by kind of parameter: the tables that the tests of this folder share.

A row is a value that is no such thing, the exact exception, and what the message says is right. The
message must name the parameter and the value, too, and be one line that a person can read.
"""

import re

import numpy as np

from pageengine.plumbing import given

NAN, INF = float("nan"), float("inf")
HUGE = 10**5000  # more digits than Python makes a text of


class Hostile:
    """All that Python asks of it fails."""

    __hash__ = None

    def __index__(self):
        raise KeyError("index")

    __float__ = __bool__ = __iter__ = __len__ = __fspath__ = __index__

    def __eq__(self, other):
        raise KeyError("equal")

    def __repr__(self):
        raise KeyError("repr")


NO_WHOLE = [
    (True, TypeError, "whole number"),
    ("7", TypeError, "whole number"),
    (7.0, TypeError, "whole number"),
    (NAN, TypeError, "whole number"),
    (np.bool_(True), TypeError, "whole number"),
    (np.float64(7), TypeError, "whole number"),
    (np.timedelta64(7), TypeError, "whole number"),
    (np.array([7]), TypeError, "whole number"),
    ([7], TypeError, "whole number"),
    (b"7", TypeError, "whole number"),
    (7j, TypeError, "whole number"),
    (Hostile(), TypeError, "whole number"),
    (-1, ValueError, "not be negative|from 1 to"),
    (-(2**70), ValueError, "not be negative|from 1 to"),
    (2**70, ValueError, "to [0-9]+|at most"),
    (HUGE, ValueError, "to [0-9]+|at most"),
]
NO_AMOUNT = [
    (True, TypeError, "must be a number"),
    (np.bool_(False), TypeError, "must be a number"),
    ("1.0", TypeError, "must be a number"),
    (None, TypeError, "must be a number"),
    ([1.0], TypeError, "must be a number"),
    (1j, TypeError, "must be a number"),
    (Hostile(), TypeError, "must be a number"),
    (NAN, ValueError, "from|above|at least"),
    (INF, ValueError, "from|above|at least"),
    (-INF, ValueError, "from|above|at least"),
    (-1.0, ValueError, "from|above|at least"),
    (np.float32(-1), ValueError, "from|above|at least"),
    (HUGE, ValueError, "from|above|at least"),
]
NO_FLAG = [
    (value, TypeError, "True or False")
    for value in ("no", "yes", "", 0, 1, 1.0, None, [], b"", np.int64(1), Hostile())
]
NO_SIZE = [
    (True, TypeError, "number of bytes or a text"),
    (1.5, TypeError, "number of bytes or a text"),
    (NAN, TypeError, "number of bytes or a text"),
    (b"4096", TypeError, "number of bytes or a text"),
    ([4096], TypeError, "number of bytes or a text"),
    (np.float64(4096), TypeError, "number of bytes or a text"),
    (Hostile(), TypeError, "number of bytes or a text"),
    ("", ValueError, "write a number and a unit"),
    ("lots", ValueError, "write a number and a unit"),
    ("-4 KiB", ValueError, "write a number and a unit"),
    ("4 KiB 4 KiB", ValueError, "write a number and a unit"),
    ("4 PiB", ValueError, "write a number and a unit"),
    ("1e9", ValueError, "write a number and a unit"),
    ("nan", ValueError, "write a number and a unit"),
    ("\u0664 KiB", ValueError, "write a number and a unit"),
    ("9" * 5000, ValueError, "write a number and a unit"),
    ("4 KiB\0", ValueError, "write a number and a unit"),
    ("0.3 B", ValueError, "whole number of bytes"),
    (-4096, ValueError, "not be negative"),
    (2**70, ValueError, "at most|to [0-9]+"),
    (HUGE, ValueError, "at most|to [0-9]+"),
]
NO_PAGES = [
    *NO_SIZE,
    (4095, ValueError, "multiple of the page size"),
    ("5 KiB", ValueError, "multiple of the page size"),
    (2**60, ValueError, "16.0 TiB"),
    ("1000000 TiB", ValueError, "16.0 TiB"),
]
NO_CHOICE = [
    (7, TypeError, "one of"),
    (None, TypeError, "one of"),
    (True, TypeError, "one of"),
    (b"clock", TypeError, "one of"),
    (["clock"], TypeError, "one of"),
    (np.array(["clock", "random"]), TypeError, "one of"),
    (Hostile(), TypeError, "one of"),
    ("", ValueError, "one of"),
    ("nothing", ValueError, "one of"),
    ("x" * 10**6, ValueError, "one of"),
]
NO_NAME = [
    (7, TypeError, "text"),
    (None, TypeError, "text"),
    (b"web", TypeError, "text"),
    (["web"], TypeError, "text"),
    (Hostile(), TypeError, "text"),
    ("", ValueError, "not be empty"),
    ("n" * 256, ValueError, "255 characters"),
    ("n" * 10**7, ValueError, "255 characters"),
    ("\ud800", ValueError, "UTF-8"),
]


def without(table, *values):
    """The table without the rows of these values."""
    return [
        row for row in table if not any(type(row[0]) is type(v) and row[0] == v for v in values)
    ]


def refused(call, what: str, value, error: type, says: str) -> None:
    """``call(value)`` raises exactly ``error`` with a message that names both and says what is
    right, on one line that is not long.
    """
    try:
        call(value)
    except Exception as found:
        message = str(found)
        assert type(found) is error, f"{type(found).__name__}: {message}"
    else:
        raise AssertionError(f"{what} = {given.shown(value)} was taken")
    assert re.search(what, message), f"{what!r} is not named: {message}"
    assert given.shown(value) in message, f"the value is not named: {message}"
    assert re.search(says, message), message
    assert "\n" not in message and len(message) < 700, message


def rows(*families):
    """(what, value, error, says, call) of families (what, table, call): for parametrize."""
    return [
        (what, value, error, says, call)
        for what, table, call in families
        for value, error, says in table
    ]


def name_of(value) -> str:
    """The id of a parameter in a test's name."""
    if callable(value):
        return ""
    return value.__name__ if isinstance(value, type) else given.shown(value)[:24]
