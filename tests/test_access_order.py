"""At stake: contents that come after the touch that should have found them. Batches are put in
order by a table and compared with a stable sort in numpy.
"""

import pickle

import numpy as np
import pytest
from hypothesis import given, strategies as st
from ordered_accesses import OrderedAccesses

import pageengine as pe
from pageengine.core.access_order import COUNT, AccessOrder

TABLE = np.random.default_rng(2).integers(0, COUNT, (256, len(pe.Place)), dtype=np.uint8)
WRITES = np.random.default_rng(4).integers(0, 2, 256).astype(bool)
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


@given(
    st.lists(st.tuples(st.integers(0, PAGES - 1), st.integers(0, 255)), max_size=50),
    st.integers(0, COUNT - 1),
    st.integers(0, COUNT - 1),
)
def test_accesses_are_sorted_by_turn_and_stay_in_order_within_one(vm, accesses, apart, plain):
    ppns = np.array([ppn for ppn, _ in accesses], np.int64)
    kinds = np.array([kind for _, kind in accesses], np.uint8)
    turn = TABLE[kinds, vm.places[ppns]]
    sorted_ = np.argsort(turn, kind="stable") if (turn == apart).any() else slice(None)
    before = vm.events()["accesses"]
    order = AccessOrder(TABLE, WRITES, apart, plain)
    found_ppns, found_kinds, count, done = OrderedAccesses(vm, order).make(ppns, kinds)
    assert np.array_equal(found_ppns, ppns[sorted_]) and np.array_equal(found_kinds, kinds[sorted_])
    assert list(count) == np.bincount(turn, minlength=COUNT).tolist()
    assert done == (len(ppns) if (turn == plain).all() else 0) == vm.events()["accesses"] - before


def test_plain_accesses_write_as_their_kinds_say_and_make_room_as_touches_do():
    draw = np.random.default_rng(3)
    order = AccessOrder(np.zeros((256, len(pe.Place)), np.uint8), WRITES, 1, 0)
    with crowded() as ours, crowded() as theirs:
        for _ in range(20):
            ppns = draw.integers(0, ours["a"].pages, 2000)
            kinds = draw.integers(0, 256, 2000).astype(np.uint8)
            *_, done = OrderedAccesses(ours["a"], order).make(ppns, kinds)
            assert done == theirs["a"].touch_some(ppns, WRITES[kinds])
            ours.advance(1.0), theirs.advance(1.0)
            assert ours["a"].stats == theirs["a"].stats and ours.stats == theirs.stats
            assert ours["a"].events() == theirs["a"].events()
        assert ours["a"].events()["decompressions"] > 0
        left = np.arange(9), np.zeros(9, np.uint8)
        assert (
            OrderedAccesses(ours["a"], order).touch(*left)
            == theirs["a"].touch_some(np.arange(9), WRITES[0])
            == 9
        )
        assert ours["a"].events() == theirs["a"].events()


def crowded():
    """A host with a third of what its VM wants."""
    host = pe.Host("16 MiB", contents="tokens", policy="esx6", seed=4)
    vm = host.add_vm("a", "24 MiB")
    vm.write_some(np.arange(vm.pages), np.arange(vm.pages, dtype=np.uint64) << np.uint64(6))
    return host


def test_what_cannot_be_put_in_order_is_named(vm):
    order = AccessOrder(TABLE, WRITES, 0, 1)
    with pytest.raises(IndexError, match=f"PPN {PAGES} "):
        OrderedAccesses(vm, order).make(np.array([PAGES]), np.zeros(1, np.uint8))
    with pytest.raises(ValueError, match="1 pages and 2 kinds"):
        OrderedAccesses(vm, order).make(np.array([1]), np.zeros(2, np.uint8))
    for table, writes in (
        (TABLE[:9], WRITES),
        (np.full_like(TABLE, COUNT), WRITES),
        (TABLE, WRITES[:9]),
    ):
        with pytest.raises(ValueError, match="256 kinds by 6 places, and 256 kinds write"):
            AccessOrder(table, writes, 0, 1)
    for apart, plain in ((COUNT, 0), (0, -1)):
        with pytest.raises(ValueError, match=f"turns are below {COUNT}, got {apart} and {plain}"):
            AccessOrder(TABLE, WRITES, apart, plain)
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(order)
