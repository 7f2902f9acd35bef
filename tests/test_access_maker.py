"""At stake: contents that come after the touch that should have found them, an access that is lost
where memory runs out, and one that is made twice. What is made in one call is held against the same
accesses made turn by turn, on a host of the same seed.
"""

import pickle

import numpy as np
import pytest
from ordered_accesses import OrderedAccesses

import pageengine as pe
from pageengine.lab.access_maker import FILL, PAGE_OUT, WRITE, ZEROED
from pageengine.lab.contents import PROFILES, expand
from pageengine.lab.memory import _ORDER, VMMemory

PAGES = 256
HOSTS = {
    "roomy": ("8 MiB", {}),
    "tight": ("1 MiB", {"swap": "1 MiB"}),
    "out": ("640 KiB", {"swap": 0, "compression": None}),
    "private": ("1 MiB", {"sharing": False}),
}


def host_of(kind, contents="tokens"):
    memory, options = HOSTS[kind]
    return pe.Host(memory, contents=contents, seed=3, policy="esx6", **options)


def memory_of(host, limit):
    vm = host.add_vm("a", PAGES * 4096, limit=limit)
    return VMMemory(vm, 5, PROFILES["mixed"], host.contents == "bytes")


class TurnByTurn:
    """The accesses of ``AccessMaker.make``, each turn with a call of its own."""

    def __init__(self, memory, sharing):
        self.memory, self.sharing, self.paged_twice = memory, sharing, 0
        self.ordered = OrderedAccesses(memory._vm, _ORDER)
        self.contents = PROFILES["mixed"].of(5)

    def make(self, ppns, flags):
        memory, vm = self.memory, self.memory._vm
        if not self.sharing:
            first = ((flags & WRITE) != 0) & (memory._version[ppns] == 0)
            flags = np.where(first, flags | FILL, flags)
        ppns, flags, (out, fresh, last, _), done = self.ordered.make(ppns, flags)
        if last == len(ppns):
            return ppns, flags, done
        if out:
            paged = ppns[:out] if fresh else ppns[(flags & PAGE_OUT) != 0]
            self.paged_twice += int((vm.places_at(paged) == pe.Place.SWAPPED).sum())
        if not fresh:
            return ppns, flags, self.ordered.touch(ppns, flags)
        end = out + fresh
        done = self.ordered.touch(ppns[:out], flags[:out]) if out else 0
        if done == out:
            done += self.write(ppns[out:end], flags[out:end])
        if done == end and last:
            done += self.ordered.touch(ppns[end:], flags[end:])
        return ppns, flags, done

    def write(self, ppns, flags):
        version = self.memory._version
        tokens = self.contents.written(ppns, flags, ZEROED, version)
        bytes_ = self.memory._vm.host.contents == "bytes"
        done = self.memory._vm.write_some(ppns, expand(tokens) if bytes_ else tokens)
        self.contents.go_on(ppns[:done], flags[:done], ZEROED, version)
        return done


@pytest.mark.parametrize("limit", [None, 100 * 4096])
@pytest.mark.parametrize("contents", ["tokens", "bytes"])
@pytest.mark.parametrize("kind", HOSTS)
def test_one_call_does_what_turns_do(kind, contents, limit):
    draw = np.random.default_rng(1)
    with host_of(kind, contents) as ours, host_of(kind, contents) as theirs:
        memory = memory_of(ours, limit)
        other = memory_of(theirs, limit)
        model = TurnByTurn(other, kind != "private")
        stopped = 0
        for step in range(60):
            n = int(draw.integers(0, 60))
            ppns = draw.integers(0, PAGES, n)
            kinds = (0, WRITE, WRITE, WRITE | FILL, WRITE | FILL | ZEROED, PAGE_OUT)
            flags = draw.choice(kinds[: 3 if step % 2 else 6], n).astype(np.uint8)
            found, expected = memory.make(ppns, flags), model.make(ppns, flags)
            assert found[2] == expected[2]
            if found[2] < n:
                stopped += 1
                assert np.array_equal(found[0], expected[0])
                assert np.array_equal(found[1], expected[1])
            assert memory.double_paging == model.paged_twice
            assert np.array_equal(memory._version, other._version)
            for host in (ours, theirs):
                host.scan(40)
                host.advance(1.0)
            assert ours["a"].stats == theirs["a"].stats
            assert np.array_equal(ours["a"].places, theirs["a"].places)
        everything = np.arange(PAGES)
        assert np.array_equal(ours["a"].peek(everything), theirs["a"].peek(everything))
        assert bool(stopped) == (kind == "out")
        ours.check(deep=True)


def test_what_cannot_be_made_is_named_and_nothing_is_done():
    with host_of("roomy") as host:
        memory = memory_of(host, None)
        with pytest.raises(IndexError, match=r"PPN 256 \(entry 1\)"):
            memory.make(np.array([1, 256]), np.zeros(2, np.uint8))
        with pytest.raises(ValueError, match="2 pages and 1 kinds"):
            memory.make(np.array([1, 2]), np.zeros(1, np.uint8))
        assert host["a"].stats.accesses == 0
        with pytest.raises(TypeError, match="cannot be pickled"):
            pickle.dumps(memory)
        host.remove_vm("a")
        with pytest.raises(pe.errors.Closed):
            memory.make(np.array([1]), np.zeros(1, np.uint8))
