"""The engine's promise is that no page is ever lost, mixed up or miscounted, whatever is done in
any order. Random operations drive the engine and the model of model.py side by side; after every
single one `check` passes and places, contents, counters and errors agree.

The default profile draws the same examples on every run: a suite that fails only now and then helps
nobody, and a change that breaks the engine should fail the tests of that change. A short part of it
is always run, all of it where slow tests are. New examples are looked for in long runs:
`HYPOTHESIS_PROFILE=deep` draws differently each time and prints how to repeat what it found.
"""

import os
from functools import cache
from math import ceil

import numpy as np
import pytest
from hypothesis import HealthCheck, settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import pageengine as pe
from pageengine import errors

from .model import (
    ABSENT,
    BALLOONED,
    COMPRESSED,
    PAGE,
    PRIVATE,
    SHARED,
    SWAPPED,
    Model,
)

QUIET = {
    "deadline": None,
    "report_multiple_bugs": False,
    "suppress_health_check": list(HealthCheck),
}
PROFILES = {
    "default": settings(max_examples=250, stateful_step_count=50, derandomize=True, **QUIET),
    "quick": settings(max_examples=20, stateful_step_count=40, derandomize=True, **QUIET),
    "deep": settings(max_examples=1500, stateful_step_count=80, print_blob=True, **QUIET),
}
PROFILE = PROFILES[os.environ.get("HYPOTHESIS_PROFILE", "default")]

NAMES = ("web", "db", "mail")
KINDS = ("same-filled", "quarter", "half", "random")
RANDOM_BYTES = {"quarter": 560, "half": 1400, "random": PAGE}
TOKEN_SIZES = {"same-filled": 0, "quarter": 8, "half": 25, "random": 63}

RULES = ("hint", "two-scans")

FAULTS = (  # fields of Faults, and the counters that they are gains of
    "accesses",
    "faults_absent",
    "cow_breaks",
    "decompressions",
    "swap_in",
    "balloon_pops",
    "discarded",
)

EQUAL = 12  # contents below this number are drawn again and again, so that equal pages meet
contents = st.one_of(st.just(0), st.integers(0, EQUAL - 1), st.integers(EQUAL, 999))
which = st.integers(0, 2)
ppn = st.integers(0, 63)


def kind_of(number):
    """Content 0 is the zero page; the others take turns in how well they compress."""
    return KINDS[number % len(KINDS)]


@cache
def content_of(number, tokens):
    """Page content by number: bytes of one page, or a token."""
    kind = kind_of(number)
    if tokens:
        return number << 6 | TOKEN_SIZES[kind]
    if kind == "same-filled":
        return number.to_bytes(8, "little") * (PAGE // 8)
    return np.random.default_rng(number).bytes(RANDOM_BYTES[kind]).ljust(PAGE, b"\0")


class HostMachine(RuleBasedStateMachine):
    tokens = False

    # What both sides start from

    @initialize(
        frames=st.integers(4, 40),
        sharing=st.sampled_from([True, True, True, False]),
        packing=st.sampled_from(["esx", "dense"]),
        compression=st.sampled_from(["word", "word", None]),
        cache_limit=st.sampled_from([None, None, 4096, 10240]),
        swap=st.sampled_from([0, 3 * PAGE, 12 * PAGE, None]),
        reserve=st.sampled_from([0, 0.125, 0.25]),
        victims=st.sampled_from(["clock", "clock", "random"]),
    )
    def start(self, frames, sharing, packing, compression, cache_limit, swap, reserve, victims):
        self.host = pe.Host(
            frames * PAGE,
            contents="tokens" if self.tokens else "bytes",
            sharing=sharing,
            compression=compression,
            packing=packing,
            cache_limit=cache_limit,
            swap=swap,
            victims=victims,
            policy=pe.policy.Plain(low=reserve, high=2 * reserve),
        )
        self.host_limit = cache_limit is not None
        self.compression = compression is not None
        self.zero = content_of(0, self.tokens)
        self.compressible = {
            content_of(n, self.tokens): kind_of(n) != "random" for n in range(1000)
        }
        # Accesses stop with one frame less than the reserve, so that a policy sees it broken.
        self.model = Model(frames, sharing, self.zero, mark=max(0, ceil(frames * reserve) - 1))
        self.vms = {}  # name -> (engine's VM, model's VM)
        self.ready = True

    def pick(self, which):
        return list(self.vms.values())[which % len(self.vms)]

    def to_engine(self, pages):
        if self.tokens:
            return np.array(pages, np.uint64)
        return np.frombuffer(b"".join(pages), np.uint8).reshape(-1, PAGE)

    def from_engine(self, pages):
        return [int(p) if self.tokens else p.tobytes() for p in pages]

    def sync_cache(self):
        """How many frames blobs occupy is the engine's business, within `legal_cache`."""
        self.model.cache_frames = self.host.stats.cache // PAGE

    # VMs come and go

    @precondition(lambda self: len(self.vms) < len(NAMES))
    @rule(
        pages=st.integers(1, 24),
        salt=st.sampled_from(["", "", "tenant"]),
        cache_limit=st.sampled_from(["10%", "100%", 0, 2048, 8192]),
    )
    def add_vm(self, pages, salt, cache_limit):
        name = next(n for n in NAMES if n not in self.vms)
        vm = self.host.add_vm(name, pages * PAGE, salt=salt, cache_limit=cache_limit)
        self.vms[name] = (vm, self.model.add_vm(pages, salt))

    @precondition(lambda self: self.vms)
    @rule(which=which)
    def remove_vm(self, which):
        name = list(self.vms)[which % len(self.vms)]
        engine, model = self.vms.pop(name)
        self.host.remove_vm(name)
        self.model.remove_vm(model)
        self.sync_cache()
        with pytest.raises(errors.Closed):
            engine.touch([0])
        with pytest.raises(errors.NoSuchVM, match=name):
            self.host[name]

    # Accesses

    def access(self, pair, accesses, call):
        """The same accesses on both sides; `call(ppns, first)` makes those from `first` on.

        When a blob is dropped the engine may win a cache frame, which the model cannot know. So
        while frames are short such accesses go one by one, and the model is told in between.
        """
        engine, model = pair
        scarce = self.model.idle() < len(accesses) + self.model.mark
        step = 1 if scarce and COMPRESSED in model.place else len(accesses)
        for first in range(0, len(accesses), step):
            piece = accesses[first : first + step]
            before = dict(model.count)
            expected = self.model.batch(model, piece)
            done, status, faults = call([a[0] for a in piece], first)
            assert (done, status) == expected
            for name in FAULTS:
                assert getattr(faults, name) == model.count[name] - before[name], name
            self.sync_cache()
            if status != "PE_OK":
                return

    @precondition(lambda self: self.vms)
    @rule(which=which, pages=st.lists(st.tuples(ppn, contents), min_size=1, max_size=12))
    def write(self, which, pages):
        self.write_pages(self.pick(which), pages)

    @precondition(lambda self: self.vms)
    @rule(which=which, first=ppn, n=st.integers(1, 24), content=contents, differ=st.booleans())
    def write_run(self, which, first, n, content, differ):
        self.write_pages(
            self.pick(which), [(first + i, (content + i * differ) % 1000) for i in range(n)]
        )

    def write_pages(self, pair, pages):
        engine, model = pair
        accesses = [(p % model.pages, True, content_of(c, self.tokens)) for p, c in pages]

        def call(ppns, first):
            data = [a[2] for a in accesses[first : first + len(ppns)]]
            return engine.try_write(ppns, self.to_engine(data))

        self.access(pair, accesses, call)

    @precondition(lambda self: self.vms)
    @rule(which=which, pages=st.lists(st.tuples(ppn, st.booleans()), min_size=1, max_size=16))
    def touch(self, which, pages):
        engine, model = pair = self.pick(which)
        accesses = [(p % model.pages, write, None) for p, write in pages]

        def call(ppns, first):
            writes = np.array([a[1] for a in accesses[first : first + len(ppns)]])
            return engine.try_touch(ppns, writes)

        self.access(pair, accesses, call)

    @precondition(lambda self: self.vms)
    @rule(which=which, pages=st.lists(ppn, min_size=1, max_size=16))
    def read(self, which, pages):
        engine, model = pair = self.pick(which)
        accesses = [(p % model.pages, False, None) for p in pages]
        self.access(pair, accesses, lambda ppns, first: self.read_and_compare(pair, ppns))

    def read_and_compare(self, pair, ppns):
        engine, model = pair
        done, status, faults, pages = engine.try_read(ppns)
        assert self.from_engine(pages) == [model.content[p] for p in ppns[:done]]
        return done, status, faults

    @precondition(lambda self: self.vms)
    @rule(which=which, blocked=st.booleans())
    def block(self, which, blocked):
        engine, model = self.pick(which)
        engine.block(blocked)
        model.blocked = blocked

    # Sharing

    @precondition(lambda self: self.vms)
    @rule(two_scans=st.booleans(), times=st.integers(1, 2))
    def scan_everything(self, two_scans, times):
        for _ in range(times):
            result = self.host.scan(rule=RULES[two_scans])
            self.compare_scan(result, self.model.scan(two_scans=two_scans))

    # The table of so small a host has room for 128 entries; more hints would push each other out.
    @precondition(lambda self: self.vms and self.host.stats.hint_pages < 64)
    @rule(which=which, pages=st.integers(0, 80), two_scans=st.booleans())
    def scan_some(self, which, pages, two_scans):
        engine, model = self.pick(which)
        self.compare_scan(
            self.host.scan(pages=pages, vm=engine.name, rule=RULES[two_scans]),
            self.model.scan(min(pages, model.pages), only=model, two_scans=two_scans),
        )

    @rule()
    def new_scan_pass(self):
        self.host.new_scan_pass()
        self.model.generation += 1

    def compare_scan(self, result, expected):
        for name in ("scanned", "merged", "zero_merged", "hinted", "unstable"):
            assert getattr(result, name) == expected[name], name

    @precondition(lambda self: self.vms)
    @rule(which=which, pages=st.lists(ppn, min_size=1, max_size=6), pin=st.booleans())
    def pin(self, which, pages, pin):
        engine, model = self.pick(which)
        ppns = [p % model.pages for p in pages]
        (engine.pin if pin else engine.unpin)(ppns)
        model.pinned = model.pinned | set(ppns) if pin else model.pinned - set(ppns)

    # Reclaim

    @precondition(lambda self: self.vms)
    @rule(
        which=which,
        want=st.integers(0, 30),
        technique=st.sampled_from(["sharing", "compression", "swap", "ladder"]),
    )
    def reclaim(self, which, want, technique):
        engine, model = self.pick(which)
        idle, count = self.model.idle(), dict(model.count)
        full = False
        try:
            result = self.host.reclaim(engine.name, want, technique)
        except errors.SwapFull as error:
            full, result = True, None
            assert technique in ("swap", "ladder")
            assert error.done == engine.stats.swap_out - count["swap_out"]
        self.adopt({model.id}, technique)
        gained = {name: model.count[name] - count[name] for name in count}
        won = self.model.idle() - idle
        if result:
            assert result.frames == won
            for name in ("merged", "zero_merged", "incompressible"):
                assert getattr(result, name) == gained[name], name
            assert result.compressed == gained["compressions"]
            assert result.swapped == gained["swap_out"] - gained["cache_evictions"]
            assert result.evicted >= gained["cache_evictions"]
        assert won <= want or technique == "ladder"
        if won < want and self.host.victims == "clock":
            self.nothing_left(model, technique, full)

    def nothing_left(self, model, technique, full):
        """A reclaim that wins less than it should has found no other victim."""
        left = [model.content[p] for p in model.pages_in(PRIVATE) if p not in model.pinned]
        if technique in ("swap", "ladder"):
            assert full or not left and COMPRESSED not in model.place
        elif technique == "sharing" and self.model.sharing:
            assert self.zero not in left

    def adopt(self, victims, technique):
        engines = {model.id: engine for engine, model in self.vms.values()}
        after = {id: engine.places.tolist() for id, engine in engines.items()}
        names = next(iter(self.model.vms.values())).count
        counts = {
            id: {name: getattr(engine.stats, name) for name in names}
            for id, engine in engines.items()
        }
        self.model.legal_reclaim(
            after, counts, victims, technique, self.compressible.__getitem__, self.host_limit
        )
        self.model.adopt(after, counts, self.host.stats.cache // PAGE)

    @precondition(lambda self: self.vms)
    @rule()
    def balance(self):
        self.host.balance()
        self.adopt(set(self.model.vms), "ladder")

    @rule()
    def trim(self):
        self.host.trim()

    # Balloon

    @precondition(lambda self: self.vms)
    @rule(which=which, pages=st.lists(ppn, min_size=1, max_size=12))
    def balloon_pages(self, which, pages):
        engine, model = self.pick(which)
        ppns = [p % model.pages for p in pages]
        self.model.balloon(model, ppns)
        assert engine.balloon(ppns) == model.place.count(BALLOONED)
        self.sync_cache()

    @precondition(lambda self: self.vms)
    @rule(which=which, pages=st.integers(0, 30))
    def balloon_untouched(self, which, pages):
        engine, model = self.pick(which)
        self.model.balloon(model, pages=pages)
        assert engine.balloon(pages=pages) == model.place.count(BALLOONED)

    @precondition(lambda self: self.vms)
    @rule(which=which, pages=st.one_of(st.none(), st.integers(0, 30)))
    def deflate(self, which, pages):
        engine, model = self.pick(which)
        assert engine.deflate(pages) == self.model.deflate(model, pages)

    # What is seen of accesses

    @precondition(lambda self: self.vms)
    @rule(which=which, n=st.integers(1, 40))
    def start_sample(self, which, n):
        engine, model = self.pick(which)
        engine.start_sample(n)
        model.since_sample = set()

    @precondition(lambda self: any(m.since_sample is not None for _, m in self.vms.values()))
    @rule()
    def end_samples(self):
        """The engine draws the sampled pages; when they are all pages, the count is exact."""
        for engine, model in self.vms.values():
            if model.since_sample is not None:
                touched, sampled = engine.end_sample()
                accessed = len(model.since_sample)
                assert sampled <= model.pages
                assert accessed - (model.pages - sampled) <= touched <= min(accessed, sampled)
                model.since_sample = None

    @precondition(lambda self: self.vms)
    @rule(which=which)
    def age(self, which):
        engine, model = self.pick(which)
        assert engine.age() == len(model.young)
        model.young = set()

    # What must hold after every step

    @precondition(lambda self: hasattr(self, "ready"))
    @invariant()
    def engine_and_model_agree(self):
        self.host.check()
        for engine, model in self.vms.values():
            assert engine.places.tolist() == model.place
            have = self.from_engine(engine.peek(range(model.pages)))
            assert have == [self.zero if c is None else c for c in model.content]
            self.same_numbers(engine.stats, self.model.vm_numbers(model, engine.stats.zipped))
        stats = self.host.stats
        self.same_numbers(stats, self.model.host_numbers())
        self.model.legal_cache(stats.cache // PAGE, stats.zipped)

    def same_numbers(self, stats, expected):
        have = {name: getattr(stats, name) for name in expected}
        assert have == expected

    def teardown(self):
        """Every page can still be read, and everything is given back in the end."""
        if not hasattr(self, "ready") or not self.in_step():
            return
        for pair in self.vms.values():
            self.read_everything(pair)
        for name in list(self.vms):
            self.host.remove_vm(name)
        stats = self.host.stats
        assert stats.free == stats.memory
        assert stats.swapped == stats.compressed == stats.cache == stats.shared == 0
        self.host.check()
        self.host.close()

    def in_step(self):
        """False after a failure, which further failures must not hide."""
        return all(engine.places.tolist() == model.place for engine, model in self.vms.values())

    def read_everything(self, pair):
        """Page by page; each gives its frame up once it was read, so that the next finds one."""
        engine, model = pair
        engine.block(False)
        model.blocked = False
        easy_first = (PRIVATE, SHARED, COMPRESSED, SWAPPED, ABSENT, BALLOONED)
        for ppn in sorted(range(model.pages), key=lambda p: easy_first.index(model.place[p])):
            self.access(pair, [(ppn, False, None)], lambda p, _: self.read_and_compare(pair, p))
            self.model.balloon(model, [ppn])
            engine.balloon([ppn])
            self.sync_cache()


class HostOfBytes(HostMachine):
    tokens = False


class HostOfTokens(HostMachine):
    tokens = True


class TestHostOfBytesShortly(HostOfBytes.TestCase):
    settings = PROFILES["quick"]


class TestHostOfTokensShortly(HostOfTokens.TestCase):
    settings = PROFILES["quick"]


if PROFILE is not PROFILES["quick"]:

    @pytest.mark.slow
    class TestHostOfBytes(HostOfBytes.TestCase):
        settings = PROFILE

    @pytest.mark.slow
    class TestHostOfTokens(HostOfTokens.TestCase):
        settings = PROFILE
