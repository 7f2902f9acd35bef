"""At stake: a shared frame that is forgotten leaks memory, one found under a wrong number gives
pages foreign content. Random calls go to the table and to plain dicts, with ``check`` after each;
full tables and wrap-around get own tests.
"""

import pickle

import numpy as np
import pytest
from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from pageengine import errors
from pageengine.stores.hashing import hash_tokens
from pageengine.stores.sharing import EMPTY, HINT, OWNER_MAX, SHARED, SharingTable

FRAMES = 60
ALIKE = 8  # shared frames of one content; a host needs a second when the first is saturated
CONTENTS = st.integers(0, 400)
OWNERS = st.integers(0, OWNER_MAX)


def hash_of(content):
    return int(hash_tokens([content], 1)[0])


class AgainstDicts(RuleBasedStateMachine):
    """``shared``: frame -> [content, mappers]; ``hints``: (content, owner) -> generations it was
    last seen in.
    """

    def __init__(self):
        super().__init__()
        self.table = SharingTable(FRAMES)
        self.shared, self.hints, self.now, self.refused = {}, {}, 0, False

    def live(self, content):
        return sorted(
            o
            for (c, o), seen in self.hints.items()
            for g in seen
            if c == content and self.now - g < 2
        )

    def actual(self, content, kind):
        return sorted(id for k, id in self.table.candidates(hash_of(content)) if k == kind)

    def refuse(self):
        """A hint found no place: both its buckets, of eight, are full of shared entries."""
        self.refused = True
        assert len(self.shared) >= 16

    def alike(self, content):
        return sum(c == content for c, _ in self.shared.values())

    def idle_frame(self):
        return min(set(range(FRAMES)) - set(self.shared))

    @rule(content=CONTENTS, owner=OWNERS)
    def hint(self, content, owner):
        if not self.table.hint(hash_of(content), owner):
            self.refuse()
            return
        self.hints.setdefault((content, owner), []).append(self.now)
        assert owner in self.actual(content, "hint")

    @rule(start=st.integers(0, 300), count=st.integers(0, 120))
    def hint_many(self, start, count):
        contents = np.arange(start, start + count)
        if self.table.hints(hash_tokens(contents, 1), contents) < count:
            self.refuse()
        for content in contents.tolist():
            self.hints.setdefault((content, content), []).append(self.now)

    @rule(content=CONTENTS, pick=st.randoms(use_true_random=False))
    def refresh_forget_or_promote(self, content, pick):
        owners = self.actual(content, "hint")
        if not owners:
            assert not self.table.forget(hash_of(content), 7)
            return
        owner, action = pick.choice(owners), pick.randrange(3)
        seen = self.hints[content, owner]
        seen.sort()
        while self.now - seen[0] >= 2:
            seen.pop(0)
        if len(seen) > 1:
            return  # the same hint twice: which one is found first is the table's own business
        if action == 0:
            assert self.table.refresh(hash_of(content), owner)
            self.hints[content, owner] = [self.now]
        elif action == 1:
            assert self.table.forget(hash_of(content), owner)
            del self.hints[content, owner]
        elif len(self.shared) < FRAMES and self.alike(content) < ALIKE:
            frame = self.idle_frame()
            assert self.table.promote(hash_of(content), owner, frame)
            del self.hints[content, owner]
            self.shared[frame] = [content, 1]

    @precondition(lambda self: len(self.shared) < FRAMES)
    @rule(content=CONTENTS)
    def insert(self, content):
        if self.alike(content) >= ALIKE:
            return
        frame = self.idle_frame()
        self.table.insert(hash_of(content), frame)
        self.shared[frame] = [content, 1]

    @rule(contents=st.lists(CONTENTS, max_size=20))
    def insert_many(self, contents):
        room = {content: ALIKE - self.alike(content) for content in contents}
        contents = [c for i, c in enumerate(contents) if contents[:i].count(c) < room[c]]
        frames = sorted(set(range(FRAMES)) - set(self.shared))[: len(contents)]
        contents = contents[: len(frames)]
        self.table.inserts(hash_tokens(contents, 1), frames)
        self.shared.update({f: [c, 1] for f, c in zip(frames, contents, strict=True)})

    @precondition(lambda self: self.shared)
    @rule(pick=st.randoms(use_true_random=False), more=st.booleans())
    def attach_or_detach(self, pick, more):
        frame = pick.choice(sorted(self.shared))
        entry = self.shared[frame]
        if more:
            entry[1] += 1
            assert self.table.attach(frame) == entry[1]
        elif entry[1] > 1:
            with pytest.raises(ValueError, match=f"frame {frame} has {entry[1]} mappers"):
                self.table.remove(hash_of(entry[0]), frame)
            entry[1] -= 1
            assert self.table.detach(frame) == entry[1]
        else:
            assert not self.table.remove(hash_of(entry[0] + 1000), frame)
            assert self.table.remove(hash_of(entry[0]), frame)
            del self.shared[frame]

    @rule()
    def new_generation(self):
        self.table.new_generation()
        self.now += 1

    @invariant()
    def shared_entries_are_all_there_and_hints_are_true(self):
        self.table.check()
        assert self.table.shared == len(self.shared)
        assert self.table.mapped == sum(mappers for _, mappers in self.shared.values())
        for frame, (content, mappers) in self.shared.items():
            assert ("shared", frame) in self.table.candidates(hash_of(content))
            assert self.table.mappers(frame) == mappers
        for content in (0, 100, 200, 300, 400):
            frames = sorted(f for f, (c, _) in self.shared.items() if c == content)
            assert self.actual(content, "shared") == frames
            actual, model = self.actual(content, "hint"), self.live(content)
            if self.table.hints_dropped == 0 and not self.refused:
                assert actual == model
            assert all(actual.count(owner) <= model.count(owner) for owner in actual)


AgainstDicts.TestCase.settings = settings(deadline=None, max_examples=60, stateful_step_count=40)
test_the_table_agrees_with_dicts = AgainstDicts.TestCase


@pytest.mark.parametrize("first", [0, 1, 2])
def test_a_hash_has_sixteen_places_and_what_finds_none_harms_nothing(first):
    table = SharingTable(FRAMES)
    table.inserts(hash_tokens([first] * 16, 1), range(16))
    with pytest.raises(errors.CacheFull, match="no place for frame 16"):
        table.insert(hash_of(first), 16)
    with pytest.raises(errors.CacheFull, match="no place for frame 17"):
        table.inserts(hash_tokens([first] * 2, 1), [17, 18])
    table.check()
    assert table.shared == table.mapped == 16
    assert {frame for _, frame in table.candidates(hash_of(first))} == set(range(16))
    assert table.remove(hash_of(first), 3)
    table.insert(hash_of(first), 16)
    table.check()


def test_a_lookup_of_many_gives_the_first_candidate_of_each():
    table = SharingTable(5000)
    hashes = hash_tokens(np.arange(6000), 9)
    assert table.hints(hashes[:3000], np.arange(3000) + 7) == 3000
    table.inserts(hashes[3000:5000], np.arange(2000))
    kinds, ids = table.lookup(hashes)
    assert kinds.tolist() == [HINT] * 3000 + [SHARED] * 2000 + [EMPTY] * 1000
    assert ids.tolist() == [*range(7, 3007), *range(2000), *[0] * 1000]
    table.check()


def test_stale_hints_vanish_after_two_new_generations_for_good():
    table = SharingTable(1000)
    hashes = hash_tokens(np.arange(1000), 2)
    table.hints(hashes, np.arange(1000))
    for generation in range(1, 10):
        table.new_generation()
        assert (table.lookup(hashes)[0] == (HINT if generation < 2 else EMPTY)).all()
        table.check()
    assert (table.hint_count, table.hints_dropped) == (0, 0)


def test_a_table_full_of_stale_hints_takes_as_many_new_ones():
    table = SharingTable(1000)
    for generation in range(8):
        hashes = hash_tokens(np.arange(1000), generation)
        for _ in range(2):
            table.new_generation()
        assert table.hints(hashes, np.arange(1000)) == 1000
        assert (table.lookup(hashes)[0] == HINT).all()
    assert table.hints_dropped == 0
    table.check()


@pytest.mark.parametrize("frames", [1, 118, 1000, 30_000])
def test_there_is_a_place_for_every_frame_even_among_too_many_hints(frames):
    table = SharingTable(frames)
    table.hints(hash_tokens(np.arange(3 * frames), 1), np.arange(3 * frames))
    hashes = hash_tokens(np.arange(frames), 2)
    table.inserts(hashes, np.arange(frames))
    assert table.hints(hash_tokens(np.arange(frames), 3), np.arange(frames)) <= frames
    table.check()
    assert table.shared == frames
    assert all(("shared", f) in table.candidates(int(hashes[f])) for f in range(0, frames, 7))


def test_the_table_takes_less_than_sixteen_bytes_for_a_frame():
    assert SharingTable(1_000_000).nbytes / 1_000_000 < 12.75


def test_bad_calls_are_refused_by_name_and_change_nothing():
    table = SharingTable(10)
    table.insert(5, 3)
    for call, error, words in [
        (lambda: SharingTable(-1), ValueError, "frames must be .* not -1"),
        (lambda: SharingTable(2**32), ValueError, str(2**32)),
        (lambda: SharingTable("a"), TypeError, "str"),
        (lambda: SharingTable.__new__(SharingTable), TypeError, "argument"),
        (lambda: table.insert(-1, 1), ValueError, "hash must be .* not -1"),
        (lambda: table.insert(1, 10), IndexError, "frame 10"),
        (lambda: table.insert(1, 3), ValueError, "frame 3 is shared already"),
        (lambda: table.inserts([1, 2], [4, 11]), IndexError, "frame 11"),
        (lambda: table.inserts([1], [4, 5]), ValueError, "1 hashes and 2 frames"),
        (lambda: table.inserts([1.5], [4]), TypeError, "float64"),
        (lambda: table.inserts([1], [3]), ValueError, "frame 3 is shared already"),
        (lambda: table.hint(1, OWNER_MAX + 1), ValueError, str(OWNER_MAX + 1)),
        (lambda: table.hints([1], [-1]), ValueError, "not -1"),
        (lambda: table.hints([[1]], [[1]]), ValueError, r"\(1, 1\)"),
        (lambda: table.lookup([-5]), ValueError, "not -5"),
        (lambda: table.attach(4), ValueError, "frame 4 is not shared"),
        (lambda: table.detach(3), ValueError, "frame 3 has one mapper left"),
        (lambda: table.promote(1, 1, 3), ValueError, "frame 3 is shared already"),
        (lambda: table.mappers(-1), IndexError, "frame -1"),
        (lambda: pickle.dumps(table), TypeError, "pickle"),
    ]:
        with pytest.raises(error, match=words):
            call()
        table.check()
        assert (table.shared, table.mapped, table.hint_count) == (1, 1, 0)
    table.__init__(5)
    assert table.frames == 10


def test_a_batch_stops_at_the_entry_that_fails():
    table = SharingTable(10)
    with pytest.raises(ValueError, match="frame 1 is shared already"):
        table.inserts([1, 2, 3, 4], [0, 1, 1, 2])
    assert (table.shared, table.mappers(2)) == (2, 0)
    table.check()
