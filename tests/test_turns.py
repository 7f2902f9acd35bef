"""At stake: contents that come after the touch that should have found them. Batches are put in
order by a table and compared with a stable sort in numpy.
"""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pageengine as pe
from pageengine.turns import COUNT, Turns

TABLE = np.random.default_rng(2).integers(0, COUNT, (256, len(pe.Place)), dtype=np.uint8)
PAGES = 64


@pytest.fixture(scope="module")
def vm():
    with pe.Host(16 * 4096, contents="tokens") as host:
        vm = host.add_vm("a", PAGES * 4096)
        vm.write(np.arange(40), np.arange(40, dtype=np.uint64) % 7 << np.uint64(6))
        host.scan()
        vm.balloon(pages=5)
        host.reclaim("a", 6)
        yield vm


@given(st.lists(st.tuples(st.integers(0, PAGES - 1), st.integers(0, 255)), max_size=50),
       st.integers(0, COUNT - 1))  # fmt: skip
def test_accesses_are_sorted_by_turn_and_stay_in_order_within_one(vm, accesses, when):
    ppns = np.array([ppn for ppn, _ in accesses], np.int64)
    kinds = np.array([kind for _, kind in accesses], np.uint8)
    turn = TABLE[kinds, vm.places[ppns]]
    order = np.argsort(turn, kind="stable") if (turn == when).any() else slice(None)
    found_ppns, found_kinds, count = vm.in_turns(Turns(TABLE, when), ppns, kinds)
    assert np.array_equal(found_ppns, ppns[order]) and np.array_equal(found_kinds, kinds[order])
    assert list(count) == np.bincount(turn, minlength=COUNT).tolist()


def test_what_cannot_be_put_in_order_is_named(vm):
    turns = Turns(TABLE, 0)
    with pytest.raises(IndexError, match=f"PPN {PAGES} "):
        vm.in_turns(turns, np.array([PAGES]), np.zeros(1, np.uint8))
    with pytest.raises(ValueError, match="1 pages and 2 kinds"):
        vm.in_turns(turns, np.array([1]), np.zeros(2, np.uint8))
    for table, when in ((TABLE[:9], 0), (np.full_like(TABLE, COUNT), 0), (TABLE, COUNT)):
        with pytest.raises(ValueError, match="a table of turns has 256 kinds by 6 places"):
            Turns(table, when)
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(turns)
