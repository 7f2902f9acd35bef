"""If the guest model loses a page or puts two things on one, every figure about ballooning is
wrong. It is driven with random touches, releases and balloon moves beside a model in plain Python
that follows its operations and knows where everything must be.
"""

import numpy as np
import pytest
from guest_accesses import touch_in_guest
from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

import pageengine as pe
from pageengine.core.guest import FILL, NUMBERS, PAGE_OUT, REPLACEMENTS, WRITE, Guest

PAGE = 4096


class Followed(RuleBasedStateMachine):
    """What each page holds is followed from the operations alone."""

    PAGES, SWAP, KERNEL = 40, 12, 4

    def __init__(self, replacement="clock"):
        super().__init__()
        self.guest = Guest(
            self.PAGES, swap_pages=self.SWAP, kernel_pages=self.KERNEL, replacement=replacement
        )
        self.known: set[tuple[str, int]] = set()  # anonymous things that must not get lost
        self.balloon: set[int] = set()

    @rule(
        kind=st.sampled_from(["memory", "file"]),
        ids=st.lists(st.integers(0, 60), min_size=1, max_size=12),
        write=st.booleans(),
    )
    def access(self, kind, ids, write):
        before = self.guest.stats
        ops = self.guest.access(kind, ids, write)
        assert len(ops.ppns) == len(ops.flags) >= ops.done
        touches = (ops.flags & PAGE_OUT) == 0
        assert touches.sum() == ops.done
        pages = ops.ppns[touches]
        assert not set(pages.tolist()) & self.balloon
        assert not set(pages.tolist()) & set(range(self.KERNEL))
        assert all(flag & WRITE for flag in ops.flags[touches]) if write else True
        same = {}
        for id, page in zip(ids, pages.tolist(), strict=False):
            if same.get(id, page) != page:
                assert before.free < len(ids) * PAGE  # moved: it was taken in between
            same[id] = page
        if kind == "memory":
            self.known |= set(ids[: ops.done])
        assert (self.guest.stats.oom > before.oom) == (ops.done < len(ids))

    @rule(ids=st.lists(st.integers(0, 60), max_size=20))
    def release(self, ids):
        self.guest.release("memory", np.array(ids, np.int64))
        self.known -= set(ids)

    @rule(n=st.integers(0, 30), sleeping=st.booleans())
    def inflate(self, n, sleeping):
        free = self.guest.stats.free // PAGE
        pages, ops = self.guest.inflate(n, sleeping)
        assert len(pages) >= min(n, free)
        if not sleeping:
            assert len(pages) == min(n, free) and len(ops.ppns) == 0
        assert not set(pages.tolist()) & self.balloon
        self.balloon |= set(pages.tolist())

    @rule(n=st.integers(0, 30))
    def deflate(self, n):
        pages = set(self.guest.deflate(n).tolist())
        assert len(pages) == min(n, len(self.balloon)) and pages <= self.balloon
        self.balloon -= pages

    @rule(n=st.integers(0, 10))
    def drop_cache(self, n):
        clean = self.guest.stats.cache_clean // PAGE
        assert self.guest.drop_cache(n) == min(n, clean)

    @invariant()
    def everything_is_somewhere(self):
        self.guest.check()
        stats = self.guest.stats
        parts = (
            stats.free,
            stats.kernel,
            stats.cache_clean,
            stats.cache_dirty,
            stats.anonymous,
            stats.ballooned,
        )
        assert sum(parts) == stats.total == self.PAGES * PAGE
        assert stats.ballooned == len(self.balloon) * PAGE
        assert stats.anonymous + stats.swapped == len(self.known) * PAGE


@pytest.mark.parametrize("replacement", REPLACEMENTS)
def test_nothing_is_lost(replacement):
    run_state_machine_as_test(
        lambda: Followed(replacement),
        settings=settings(max_examples=60, stateful_step_count=40, deadline=None),
    )


def test_a_balloon_takes_free_pages_then_cache_then_makes_the_guest_swap():
    guest = Guest(1000, swap_pages=1000)
    guest.access("memory", np.arange(400), True)
    guest.access("file", np.arange(400))
    pages, ops = guest.inflate(200, True)
    assert len(pages) == 200 and len(ops.ppns) == 0
    assert guest.stats.cache_clean == 400 * PAGE
    pages, ops = guest.inflate(300, True)
    assert guest.stats.cache_clean <= 110 * PAGE and guest.stats.swap_out == 0
    pages, ops = guest.inflate(200, True)
    assert guest.stats.swap_out > 80
    assert (ops.flags == PAGE_OUT).sum() == guest.stats.swap_out
    guest.check()


def test_what_was_swapped_is_filled_again_when_it_is_touched():
    guest = Guest(64, swap_pages=64)
    guest.access("memory", np.arange(64), True)
    guest.inflate(32, True)
    swapped = guest.stats.swapped // PAGE
    assert swapped == 32
    ops = guest.access("memory", np.arange(64))
    assert ops.done == 64
    assert guest.stats.swap_in >= 32
    assert (ops.flags[ops.flags & FILL != 0] == WRITE | FILL).all()


def test_dirty_cache_is_written_before_it_is_dropped_and_clean_cache_is_not():
    guest = Guest(64)
    guest.access("file", np.arange(32), True)
    guest.access("file", np.arange(32, 64), False)
    _, ops = guest.inflate(60, True)
    assert (ops.flags & PAGE_OUT != 0).sum() == guest.stats.disk_writes <= 32


def test_out_of_memory_stops_exactly_there():
    guest = Guest(10, swap_pages=5)
    ops = guest.access("memory", np.arange(20), True)
    assert ops.done == 15 and guest.stats.oom == 1
    guest.check()


def test_free_blocks_are_reported_once_and_again_after_use():
    guest = Guest(2048, kernel_pages=10)
    assert len(guest.report_free()) == 0  # free for the first time
    assert guest.report_free().tolist() == list(range(512, 2048))
    assert len(guest.report_free()) == 0
    guest.access("memory", np.arange(600), True)
    guest.release("memory", np.arange(600))
    guest.report_free()
    assert guest.report_free().tolist() == list(range(512, 1024))


def test_a_restarted_guest_holds_nothing():
    guest = Guest(100, kernel_pages=7)
    guest.access("memory", np.arange(50), True)
    guest.inflate(20)
    guest.restart()
    assert guest.stats.free == 93 * PAGE and guest.stats.ballooned == 0
    guest.check()


def test_numbers_have_the_names_of_the_record():
    record = tuple(pe.GuestStats.__dataclass_fields__)[1:]
    assert tuple(name for name in record) == NUMBERS


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda g: Guest(0), ValueError, "whole number from 1 to .* got 0"),
        (lambda g: Guest(10, kernel_pages=10), ValueError, "kernel_pages must be .* to 9"),
        (lambda g: Guest(10, swap_pages=-1), ValueError, "swap_pages must not be negative"),
        (lambda g: g.access("disk", [1]), ValueError, "one of memory, file, got 'disk'"),
        (lambda g: g.access("memory", [-3]), ValueError, "0 or more, got -3"),
        (lambda g: g.access("memory", [0.5]), TypeError, "integers, got 0.5"),
        (lambda g: g.access("memory", [1, 2], [True]), ValueError, "2"),
        (lambda g: g.inflate(-1), ValueError, "negative, got -1"),
        (lambda g: g.replay("file", [3, -1]), ValueError, "0 or more, got -1"),
        (lambda g: Guest(9, replacement="lry"), ValueError, "replacement.*'lry'.*mean 'lru'"),
        (lambda g: Guest(9, replacement=None), TypeError, "one of clock, lru, fifo, got None"),
    ],
)
def test_bad_input_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call(Guest(10))


def test_a_host_and_its_guest_agree_on_the_balloon():
    guest = Guest(4096, kernel_pages=64)
    with pe.Host("12 MiB", contents="tokens", seed=1) as host:
        vm = host.add_vm("a", "16 MiB", guest=guest)
        touch_in_guest(vm, guest.access("memory", np.arange(2500), True))
        host.apply(pe.policy.Plan(vms={"a": pe.policy.VMPlan(balloon=9 * 2**20)}, again=1e6))
        for _ in range(8):
            host.advance(1.0)
            host.check()
        assert guest.stats.ballooned == vm.stats.ballooned == 9 * 2**20
        assert guest.stats.swap_out > 0
        vm.reboot(10)
        assert guest.stats.ballooned == vm.stats.ballooned == 0


def test_double_paging_is_what_a_guest_writes_out_that_its_host_has_swapped():
    from pageengine.lab.contents import PROFILES
    from pageengine.lab.memory import VMMemory
    from pageengine.lab.workloads import Accesses

    guest = Guest(1024, swap_pages=1024)
    with pe.Host("8 MiB", contents="tokens", compression=None) as host:
        vm = host.add_vm("a", "4 MiB", guest=guest)
        memory = VMMemory(vm, 0, PROFILES["random"], False)
        memory.do([Accesses(np.arange(1024), True)])
        host.reclaim("a", 500, "swap")
        memory.do([Accesses(np.arange(1024, 1524), True)])
        assert 0 < memory.double_paging <= 500
        assert vm.stats.swap_in >= memory.double_paging
        host.check()
        guest.check()
