"""A host whose operations fail by plan, and beside it what its pages must hold.

The model is one array per VM: the number of each page's content. After every call it is held
against what the engine did and said:

    what is read is what was written, or an error is raised
    an error was made by the plan, during the call or (damage) before, and names the page it is of
    what was done of a call that failed is what the engine counted
    after a call with a fault, every structure proves itself (``check``)

``Host.check`` needs memory too, so rules are taken back while it runs.
"""

import errno

import numpy as np

import pageengine as pe
from pageengine import errors
from pageengine.faults import FaultPlan

PAGE = 4096
SAID = {  # errno of what is raised -> kinds of faults that it is raised for
    errno.ENOSPC: {"ENOSPC"},
    errno.EIO: {"EIO", "end"},
    errno.EINTR: {"EINTR"},
}
IN_A_ROW = 1000  # interruptions that are an error
SPOILT_READS = {("read", "flipped"), ("read", "exchanged")}


def make_contents(n=256):
    """Pages by number, uint8 [n, 4096]: 0 is zeroes, the others compress to any size or not."""
    draw = np.random.default_rng(20)
    pages = np.zeros((n, PAGE), np.uint8)
    for number in range(1, n):
        kind = number % 4
        if kind == 0:
            pages[number] = np.resize(draw.integers(0, 256, 8, np.uint8), PAGE)
        else:
            filled = (560, 1400, PAGE)[kind - 1]
            pages[number, :filled] = draw.integers(0, 256, filled, np.uint8)
    return pages


CONTENTS = {
    "bytes": make_contents(),
    "tokens": np.arange(256, dtype=np.uint64) << np.uint64(6)
    | (np.arange(256, dtype=np.uint64) * 7 % 64) * (np.arange(256) > 0),
}


class Wrong(AssertionError):
    """The engine did what it must not do."""


def must(condition, *what):
    if not condition:
        raise Wrong(" ".join(map(str, what)))


class Shadow:
    def __init__(self, vm):
        self.vm, self.held = vm, np.zeros(vm.pages, np.int64)


class Faulted:
    """The host, its VMs, its plan, and what was said so far."""

    def __init__(self, seed, frames, **options):
        self.plan = FaultPlan(seed)
        self.rules = []
        self.contents = CONTENTS[options.get("contents", "bytes")]
        self.host = pe.Host(frames * PAGE, seed=seed, faults=self.plan, **options)
        self.shadows = {}
        self.operations = self.calls = 0
        self.reported = 0  # errors that were raised for faults

    # rules, and calls under them

    def arm(self, *rules):
        """Rules (operation, kind, keywords) in place of those before."""
        self.rules = list(rules)
        self.plan.clear()
        for operation, kind, keywords in rules:
            self.plan.fail(operation, kind, **keywords)

    def disarmed(self, call):
        """``call`` while nothing fails; what was to fail at a number begins to count again."""
        self.plan.clear()
        result = call()
        self.arm(*(rule for rule in self.rules if "share" in rule[2]))
        return result

    def call(self, call, shadow=None):
        """What the call gives, or None after an error that the plan explains."""
        before, result = self.plan.total, None
        self.calls += 1
        self.operations += 1
        try:
            result = call()
        except (errors.SwapFull, errors.OutOfFrames):
            pass
        except (errors.SwapError, errors.SwapCorruption, MemoryError) as error:
            self.explain(error, shadow, self.plan.log(before))
        if self.plan.total != before:
            self.disarmed(self.host.check)
        return result

    def explain(self, error, shadow, faults):
        kinds = {fault.kind for fault in faults}
        self.reported += 1
        if isinstance(error, MemoryError):
            must("ENOMEM" in kinds, "no memory, and the plan made no such fault:", error)
            return
        if isinstance(error, errors.SwapCorruption):
            spoilt = SPOILT_READS & {(fault.operation, fault.kind) for fault in faults}
            must(spoilt or self.is_damaged(error), "reported, and not damaged:", error)
        else:
            must(kinds & SAID.get(error.errno, set()), "no fault explains:", repr(error), faults)
            many = len(faults) >= IN_A_ROW or error.errno != errno.EINTR
            must(many, "one interruption is no error:", repr(error))
            if error.ppn < 0:
                return
        must(shadow is None or error.vm == shadow.vm.name, "another VM's page:", error)
        places = self.host[error.vm].places
        must(places[error.ppn] == pe.Place.SWAPPED, "not in swap:", error)

    def is_damaged(self, error):
        return error.ppn in self.damaged().get(error.vm, ())

    def damaged(self):
        return self.plan.damaged_pages(self.host)

    # operations

    def add(self, name, pages, **options):
        vm = self.call(lambda: self.host.add_vm(name, pages * PAGE, **options))
        must((vm is not None) == (name in self.host.vms), "half a VM", name)
        if vm:
            self.shadows[name] = Shadow(vm)

    def remove(self, name):
        del self.shadows[name]
        self.call(lambda: self.host.remove_vm(name))

    def write(self, shadow, ppns, numbers, waits=False):
        vm, pages = shadow.vm, self.contents[numbers]
        before = vm.events()["accesses"]
        write = vm.write if waits else vm.try_write
        self.call(lambda: write(ppns, pages), shadow)
        done = vm.events()["accesses"] - before
        shadow.held[ppns[:done]] = numbers[:done]
        self.operations += done

    def read(self, shadow, ppns):
        vm = shadow.vm
        found = self.call(lambda: vm.try_read(ppns), shadow)
        done, status, _, pages = found
        self.compare(shadow, ppns[:done], pages)
        self.operations += done
        if status not in ("PE_OK", "PE_NO_FRAME"):
            self.call(lambda: vm.touch(ppns[done : done + 1]), shadow)

    def peek(self, shadow, ppns):
        pages = self.call(lambda: shadow.vm.peek(ppns), shadow)
        if pages is not None:
            self.compare(shadow, ppns, pages)
            self.operations += len(ppns)

    def touch(self, shadow, ppns, writes):
        found = self.call(lambda: shadow.vm.try_touch(ppns, writes), shadow)
        self.operations += found[0]

    def compare(self, shadow, ppns, pages):
        expected = self.contents[shadow.held[ppns]]
        if not np.array_equal(pages, expected):
            differ = (pages != expected).reshape(len(ppns), -1).any(axis=1)
            raise Wrong(f"{shadow.vm.name!r}: pages {ppns[differ]} are not what was written")

    def give_up(self, shadow, ppns, report=False):
        vm = shadow.vm
        self.call(lambda: vm.report_free(ppns) if report else vm.balloon(ppns), shadow)
        shadow.held[ppns] = 0
        self.operations += len(ppns)

    def reclaim(self, shadow, frames, technique):
        won = self.call(lambda: self.host.reclaim(shadow.vm, frames, technique))
        self.operations += won.swapped + won.compressed + won.merged if won else 0

    def mend(self):
        """Pages that are lost get a new content: writing one whole does not need the old."""
        for name, ppns in self.damaged().items():
            shadow = self.shadows[name]
            self.write(shadow, ppns, np.arange(len(ppns)) % len(self.contents), waits=True)

    # in the end

    def settle(self):
        """Nothing fails any more: every page is as it was written, but those that were damaged,
        which are reported one by one and are as good as any other once they are written to.
        """
        self.arm()
        self.host.check()
        lost = self.damaged()
        for name, shadow in self.shadows.items():
            ppns = np.setdiff1d(np.arange(shadow.vm.pages), lost.get(name, []))
            self.compare(shadow, ppns, shadow.vm.peek(ppns))
            for ppn in lost.get(name, ()):
                self.must_report(shadow, int(ppn))
        self.mend()
        must(not self.damaged() or self.host.stats.free == 0, "a page that was written to is lost")
        for name in list(self.shadows):
            if name not in self.damaged():
                self.read_all(self.shadows[name])
        self.host.check()
        for name in list(self.shadows):
            self.remove(name)
        stats = self.host.stats
        must(stats.free == stats.memory and stats.swapped == 0, "not everything was given back")
        self.host.check()
        self.host.close()
        must(self.plan.held == 0, self.plan.held, "pieces of memory were not freed")

    def must_report(self, shadow, ppn):
        try:
            shadow.vm.peek([ppn])
        except errors.SwapCorruption as error:
            must((error.vm, error.ppn) == (shadow.vm.name, ppn), "another page:", error)
        else:
            raise Wrong(f"page {ppn} of {shadow.vm.name!r} is damaged and was returned")

    def read_all(self, shadow):
        """Each page comes back to memory, and makes room for the next."""
        for first in range(0, shadow.vm.pages, 32):
            ppns = np.arange(first, min(first + 32, shadow.vm.pages))
            self.compare(shadow, ppns, shadow.vm.peek(ppns))
            self.read(shadow, ppns)
            self.give_up(shadow, ppns)
