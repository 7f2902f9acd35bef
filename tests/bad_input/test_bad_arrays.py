"""Arrays come as they are: strided, misaligned, of the other byte order, read-only, of another
class or type. What holds whole numbers is taken for these numbers, whatever it looks like in
memory; what does not is named, and no page is touched.
"""

import numpy as np
import pytest
from catalogue import Hostile

import pageengine as pe
from pageengine import Guest
from pageengine.plumbing.arrays import as_contents, as_ppns, integers
from pageengine.tokens import make_tokens

PAGE = 4096
NUMBERS = [3, 1, 30, 0]


def misaligned():
    room = np.zeros(8 * 4 + 1, np.uint8)
    found = room[1:].view(np.int64)
    found[:] = NUMBERS
    return found


def read_only():
    found = np.array(NUMBERS)
    found.flags.writeable = False
    return found


class Own(np.ndarray):
    """A class of somebody's, whose reading is not that of an array."""

    def __getitem__(self, index):
        raise KeyError(index)


GOOD = {
    "list": NUMBERS,
    "tuple": tuple(NUMBERS),
    "numbers of numpy's": [np.uint8(n) for n in NUMBERS],
    "objects": np.array(NUMBERS, object),
    "strided": np.repeat(NUMBERS, 3)[::3],
    "backwards": np.array(NUMBERS[::-1])[::-1],
    "other byte order": np.array(NUMBERS, ">i8"),
    "other byte order, short": np.array(NUMBERS, ">u2"),
    "misaligned": misaligned(),
    "read-only": read_only(),
    "a class of its own": np.array(NUMBERS).view(Own),
    "a column of records": np.array([(n, 1) for n in NUMBERS], "i4,i8")["f0"],
    **{kind: np.array(NUMBERS, kind) for kind in ("i1", "u1", "i2", "u4", "i8", "u8")},
}


@pytest.fixture(scope="module")
def vm():
    with pe.Host(64 * PAGE, swap=0) as host:
        yield host.add_vm("web", 32 * PAGE)


@pytest.mark.parametrize("ppns", GOOD.values(), ids=GOOD)
def test_whole_numbers_are_taken_however_they_lie(vm, ppns):
    plain = as_ppns(ppns)
    assert type(plain) is np.ndarray and plain.dtype == np.int64 and plain.tolist() == NUMBERS
    assert plain.flags.c_contiguous and plain.flags.aligned and plain.dtype.isnative
    assert vm.places_at(ppns).tolist() == vm.places[NUMBERS].tolist()
    tokens = integers(ppns, "tokens", np.uint64)
    assert tokens.dtype == np.uint64 and tokens.tolist() == NUMBERS


def test_a_plain_array_is_not_copied():
    ppns = np.array(NUMBERS)
    assert as_ppns(ppns) is ppns


def test_pages_may_lie_anywhere():
    pages = np.random.default_rng(0).integers(0, 256, (4, PAGE), np.uint8)
    for given in (
        pages,
        pages.tobytes(),
        bytearray(pages),
        memoryview(pages),
        pages.reshape(-1),
        np.repeat(pages, 2, axis=0)[::2],
        pages.view(Own),
    ):
        plain = as_contents(given, 4, "bytes")
        assert type(plain) is np.ndarray and (plain == pages).all()


BAD = {
    "too large for any": (2**64, IndexError, str(2**64)),
    "too large, listed": ([0, 2**70], IndexError, str(2**70)),
    "large and small": ([0, 2**63], IndexError, str(2**63)),
    "far below": ([-(2**70)], IndexError, "negative"),
    "endless digits": ([10**5000], IndexError, "16610 bits"),
    "unsigned": (np.array([2**64 - 1], np.uint64), IndexError, str(2**64 - 1)),
    "not there": ([32], IndexError, "32"),
    "a flag": (True, TypeError, "True"),
    "flags": (np.array([True, False]), TypeError, "bool"),
    "flag among numbers": (np.array([1, True], object), TypeError, "True"),
    "fractions": (np.array([1.0]), TypeError, "float64"),
    "fractions, listed": ([1, 2.0], TypeError, "2.0|1.0"),
    "no numbers": ([float("nan")], TypeError, "nan"),
    "complex": ([1j], TypeError, "1j"),
    "text": ("0", TypeError, "'0'"),
    "texts": (["0", "1"], TypeError, "'0'"),
    "bytes": (b"\0", TypeError, r"b'\\x00'"),
    "times": (np.array([1], "m8[s]"), TypeError, "timedelta64"),
    "dates": (np.array(["2024-01-01"], "M8[D]"), TypeError, "datetime64"),
    "records": (np.zeros(2, "i4,i4"), TypeError, "f0|void"),
    "nothing": (None, TypeError, "None"),
    "an object": (object(), TypeError, "object"),
    "a hostile one": (Hostile(), (TypeError, ValueError), "Hostile"),
    "a set": ({0, 1}, TypeError, r"\{0, 1\}"),
    "a dict": ({0: 1}, TypeError, r"\{0: 1\}"),
    "a generator": ((n for n in (0, 1)), TypeError, "generator"),
    "ragged": ([[0, 1], [2]], (ValueError, TypeError), r"\[\[0, 1\], \[2\]\]|list"),
    "two rows": ([[0, 1], [2, 3]], ValueError, r"\(2, 2\)"),
    "masked": (np.ma.masked_array([0, 1], [False, True]), TypeError, "masked"),
    "a column": (np.array([[0], [1]]), ValueError, r"\(2, 1\)"),
}
CALLS = {
    "touch": lambda vm, ppns: vm.touch(ppns),
    "read": lambda vm, ppns: vm.read(ppns),
    "write": lambda vm, ppns: vm.write(ppns, np.zeros((1, PAGE), np.uint8)),
    "balloon": lambda vm, ppns: vm.balloon([0]) if ppns is None else vm.balloon(ppns),
    "pin": lambda vm, ppns: vm.pin(ppns),
    "report_free": lambda vm, ppns: vm.report_free(ppns),
    "places_at": lambda vm, ppns: vm.places_at(ppns),
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("call", CALLS)
def test_what_holds_no_page_numbers_is_named(vm, call, name):
    ppns, error, says = BAD[name]
    if call == "balloon" and ppns is None or call == "write" and name == "not there":
        pytest.skip("means something else there")
    before = vm.numbers()
    with pytest.raises(error, match=says) as caught:
        CALLS[call](vm, ppns)
    assert type(caught.value).__module__ in ("builtins",), type(caught.value)
    assert vm.numbers() == before
    vm.host.check()


@pytest.mark.parametrize("name", [name for name in BAD if name != "not there"])
def test_a_guest_names_what_are_no_ids(name):
    ids, _, says = BAD[name]
    guest = Guest(32)
    with pytest.raises((TypeError, ValueError, IndexError), match=says):
        guest.access("memory", ids)
    guest.check()


@pytest.mark.parametrize(
    ("identities", "sizes", "error", "says"),
    [
        ([-1], 100, ValueError, "content identities must not be negative, got -1"),
        ([2**58], 100, ValueError, "below 2..58"),
        ([0.5], 100, TypeError, "content identities"),
        (["a"], 100, TypeError, "content identities"),
        ([1], 0, ValueError, "1 to 4032"),
        ([1], 2**70, ValueError, "compressed sizes"),
        ([1], 0.5, TypeError, "compressed sizes"),
        ([1], "64", TypeError, "compressed sizes"),
    ],
)
def test_tokens_are_made_of_whole_numbers(identities, sizes, error, says):
    with pytest.raises(error, match=says):
        make_tokens(identities, sizes)
