"""A guest that takes other pages than its replacement says, or more of them, gives miss ratios that
nobody can compare with another simulator's. Each replacement of the table keeps what all of them
promise; the exact ones are held against an ordered dictionary, and against libCacheSim where that
is installed.
"""

import os
from collections import OrderedDict

import numpy as np
import pytest
from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from pageengine import traces
from pageengine.core.guest import PAGE_OUT, REPLACEMENTS, Guest

PAGE = 4096
EXACT = ("lru", "fifo")
each = pytest.mark.parametrize("name", REPLACEMENTS)
exact = pytest.mark.parametrize("name", EXACT)


def some_ids(n=20_000, pages=3000, seed=1):
    """Skewed, with runs of neighbours, and a part that moves."""
    draw = np.random.default_rng(seed)
    skewed = (draw.zipf(1.2, n) * 37) % pages
    moving = (np.arange(n) // 7 + draw.integers(0, pages // 8, n)) % pages
    return np.where(draw.random(n) < 0.5, skewed, moving).astype(np.int64)


@each
@pytest.mark.parametrize("kind", ["memory", "file"])
def test_a_replay_does_what_accesses_do(name, kind):
    ids, write = some_ids(), np.random.default_rng(2).random(20_000) < 0.3
    one, other = (Guest(500, swap_pages=4000, replacement=name) for _ in range(2))
    done = misses = 0
    for first in range(0, len(ids), 700):
        part = slice(first, first + 700)
        ops = one.access(kind, ids[part], write[part])
        assert ops.done == len(ids[part])
        assert (ops.flags & PAGE_OUT == 0).sum() == ops.done
        replayed = other.replay(kind, ids[part], write[part])
        done, misses = done + replayed.done, misses + replayed.misses
    assert done == len(ids) and one.stats == other.stats
    distinct = len(np.unique(ids))
    assert distinct <= misses < len(ids)
    stats = other.stats
    assert misses == (stats.cache_misses if kind == "file" else distinct + stats.swap_in)
    one.check()
    other.check()


@each
def test_batches_make_no_difference(name):
    ids = some_ids()
    whole = Guest(500, replacement=name).replay("file", ids)
    guest = Guest(500, replacement=name)
    parts = [guest.replay("file", part, False) for part in np.array_split(ids, 321)]
    assert sum(part.misses for part in parts) == whole.misses
    guest.check()


@each
def test_ids_are_read_where_they_lie(name):
    ids, guest = some_ids(), Guest(500, replacement=name)
    records = np.zeros(len(ids), [("pad", "u4"), ("id", "i8"), ("more", "u1")])
    records["id"] = ids
    replay = guest.replay("file", records["id"])
    for same in (ids, ids.astype(np.uint16), np.repeat(ids, 3)[::3], ids[::-1].copy()[::-1]):
        guest.restart()
        assert guest.replay("file", same) == replay
    guest.restart()
    with pytest.raises(ValueError, match="0 or more, got -7"):
        guest.replay("file", [5, 6, -7, 8])
    assert guest.stats.cache_misses == 2
    guest.check()


@each
def test_what_fits_is_missed_once(name):
    guest = Guest(1000, kernel_pages=100, replacement=name)
    ids = np.random.default_rng(3).permutation(900)
    for want in (900, 0, 0):
        assert guest.replay("file", ids * 10**12).misses == want
    assert guest.stats.free == 0


@each
def test_memory_of_the_model_is_bounded(name):
    """A quarter of what a cache simulator takes per object (113 bytes), for pages; what is in the
    guest's swap space comes on top.
    """
    pages = 20_000
    guest = Guest(pages, replacement=name)
    ids = np.random.default_rng(4).integers(0, 10**12, 3 * pages)
    assert guest.replay("file", ids).misses == len(ids) and guest.stats.free == 0
    assert 17 * pages < guest.nbytes <= 28 * pages
    assert guest.replay("memory", ids[: 2 * pages], True).done == 2 * pages
    assert guest.stats.swapped >= pages * PAGE
    assert guest.nbytes <= 28 * (pages + guest.stats.swapped // PAGE)
    guest.check()


@each
def test_a_restarted_guest_does_the_same_again(name):
    ids, guest = some_ids(), Guest(300, replacement=name)
    first = guest.replay("memory", ids, True)
    stats = guest.stats
    guest.restart()
    assert guest.replacement == name
    assert guest.replay("memory", ids, True) == first and guest.stats == stats


class Plain:
    """A guest whose lists are ordered dictionaries, the oldest first: id -> dirty."""

    def __init__(self, pages, swap, kernel, touched_is_young):
        self.pages, self.swap, self.free = pages, swap, pages - kernel
        self.held = {"file": OrderedDict(), "memory": OrderedDict()}
        self.swapped, self.ballooned, self.written, self.young = set(), 0, 0, touched_is_young

    def victim(self):
        """Whether a page could be made free."""
        cache, memory = self.held["file"], self.held["memory"]
        from_memory = memory and len(self.swapped) < self.swap
        if len(cache) > self.pages // 16 or (cache and not from_memory):
            self.written += cache.popitem(last=False)[1]
        elif from_memory:
            self.swapped.add(memory.popitem(last=False)[0])
            self.written += 1
        else:
            return False
        self.free += 1
        return True

    def touch(self, kind, id, write):
        """Whether it was there; None when there is no memory for it."""
        held = self.held[kind]
        if id in held:
            held[id] = held[id] or write
            if self.young:
                held.move_to_end(id)
            return True
        if not self.free and not self.victim():
            return None
        self.free -= 1
        held[id] = write
        if kind == "memory":
            self.swapped.discard(id)
        return False

    def replay(self, kind, ids, write):
        done = misses = 0
        for id in ids:
            there = self.touch(kind, id, write)
            if there is None:
                break
            done, misses = done + 1, misses + (not there)
        return done, misses

    def inflate(self, n, sleeping):
        got = 0
        while got < n and (self.free or (sleeping and self.victim())):
            self.free -= 1
            got += 1
        self.ballooned += got
        return got

    def release(self, kind, ids):
        for id in ids:
            if self.held[kind].pop(id, None) is not None:
                self.free += 1
            elif kind == "memory":
                self.swapped.discard(id)


class Same(RuleBasedStateMachine):
    """A guest and the plain one do the same."""

    SIZES = (48, 20, 3)
    ids = st.lists(st.integers(0, 70), min_size=1, max_size=40)
    kinds = st.sampled_from(["memory", "file"])

    def __init__(self, name):
        super().__init__()
        pages, swap, kernel = self.SIZES
        self.plain = Plain(pages, swap, kernel, name == "lru")
        self.guest = Guest(pages, swap_pages=swap, kernel_pages=kernel, replacement=name)

    @rule(kind=kinds, ids=ids, write=st.booleans())
    def replay(self, kind, ids, write):
        assert self.guest.replay(kind, ids, write) == self.plain.replay(kind, ids, write)

    @rule(kind=kinds, ids=ids, write=st.booleans())
    def access(self, kind, ids, write):
        """One by one: what is filled was missing."""
        for id in ids:
            there = self.plain.touch(kind, id, write)
            ops = self.guest.access(kind, [id], write)
            assert ops.done == (there is not None)
            assert (ops.flags[-1:] & 2).any() == (there is False)

    @rule(kind=kinds, ids=ids)
    def release(self, kind, ids):
        self.guest.release(kind, ids)
        self.plain.release(kind, ids)

    @rule(n=st.integers(0, 40), sleeping=st.booleans())
    def inflate(self, n, sleeping):
        assert len(self.guest.inflate(n, sleeping)[0]) == self.plain.inflate(n, sleeping)

    @rule(n=st.integers(0, 60))
    def deflate(self, n):
        given = len(self.guest.deflate(n))
        assert given == min(n, self.plain.ballooned)
        self.plain.ballooned -= given
        self.plain.free += given

    @rule()
    def drop_all_clean_cache(self):
        cache = self.plain.held["file"]
        clean = [id for id, dirty in cache.items() if not dirty]
        assert self.guest.drop_cache(self.guest.pages) == len(clean)
        self.plain.release("file", clean)

    @rule()
    def restart(self):
        pages, swap, kernel = self.SIZES
        self.guest.restart()
        self.plain = Plain(pages, swap, kernel, self.plain.young)

    @invariant()
    def they_hold_the_same(self):
        self.guest.check()
        stats, cache = self.guest.stats, self.plain.held["file"]
        assert stats.free == self.plain.free * PAGE
        assert stats.cache_dirty == sum(cache.values()) * PAGE
        assert stats.cache_clean + stats.cache_dirty == len(cache) * PAGE
        assert stats.anonymous == len(self.plain.held["memory"]) * PAGE
        assert stats.swapped == len(self.plain.swapped) * PAGE
        assert stats.ballooned == self.plain.ballooned * PAGE


@exact
def test_the_page_that_goes_is_the_one_that_must_go(name):
    run_state_machine_as_test(
        lambda: Same(name),
        settings=settings(max_examples=80, stateful_step_count=30, deadline=None),
    )


@exact
@pytest.mark.parametrize("pages", [1, 7, 100, 1000])
def test_misses_are_those_of_an_ordered_dictionary(name, pages):
    ids = some_ids(50_000)
    plain = Plain(pages, 0, 0, name == "lru")
    guest = Guest(pages, swap_pages=0, replacement=name)
    assert guest.replay("file", ids) == plain.replay("file", ids.tolist(), False)
    guest.check()


@exact
@pytest.mark.parametrize("pages", [1000, 1003, 1007])
def test_a_small_cache_beside_much_memory_gives_its_oldest_page(name, pages):
    """Programs hold nearly all, and there is no swap space: only the cache can give."""
    plain = Plain(pages, 0, 0, name == "lru")
    guest = Guest(pages, swap_pages=0, replacement=name)
    guest.replay("file", np.arange(20))
    plain.replay("file", range(20), False)
    assert guest.replay("memory", np.arange(pages - 20)) == (pages - 20, pages - 20)
    plain.replay("memory", range(pages - 20), True)
    ids = some_ids(5000, 60)
    assert guest.replay("file", ids, True) == plain.replay("file", ids.tolist(), True)
    guest.check()


@pytest.mark.skipif("PAGEENGINE_SANITIZED" in os.environ, reason="it has errors of its own")
@exact
def test_misses_are_those_of_another_simulator(name, tmp_path):
    other = pytest.importorskip("libcachesim")
    ids = some_ids(60_000, pages=5000)
    traces.write_oracle(path := tmp_path / "trace.oracleGeneral.bin", ids + 1)
    for pages in (50, 500, 2500):
        cache = getattr(other, name.upper())(pages)
        reader = other.TraceReader(
            str(path),
            other.TraceType.ORACLE_GENERAL_TRACE,
            other.ReaderInitParam(ignore_obj_size=True),
        )
        ratio = cache.process_trace(reader)[0]
        guest = Guest(pages, replacement=name)
        assert traces.open(path).replay(guest).misses == round(ratio * len(ids))
