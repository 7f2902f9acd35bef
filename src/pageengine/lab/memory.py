"""The memory of one simulated machine: accesses of its workload go through its guest, if it has one,
get contents, and are made on the host as far as they can be.
"""

from __future__ import annotations

import numpy as np

from pageengine.errors import Blocked, OutOfFrames
from pageengine.lab.contents import ContentProfile, expand
from pageengine.lab.workloads import Accesses, Release
from pageengine.records import Place
from pageengine.units import PAGE_BYTES

ABSENT, SHARED, BALLOONED, SWAPPED = (
    int(place) for place in (Place.ABSENT, Place.SHARED, Place.BALLOONED, Place.SWAPPED)
)
WRITE, FILL, PAGE_OUT = 1, 2, 4  # flags of what a guest does to a page
ZEROED = 8  # here alone: the page becomes zero

# When an access is made, by its flags and the place of its page: contents are needed where a page
# is written that is filled, or held none of its own until now.
OUT, FRESH, LAST = range(3)
_TURN = np.full((256, len(Place)), LAST, np.uint8)
_TURN[np.ix_([f for f in range(16) if f & WRITE], [ABSENT, SHARED, BALLOONED])] = FRESH
_TURN[[f for f in range(16) if f & WRITE and f & FILL]] = FRESH
_TURN[[f for f in range(16) if f & PAGE_OUT]] = OUT


class MachineMemory:
    """vm: the machine. number: of its contents. What could not be done for want of memory waits,
    and is done before anything else.
    """

    def __init__(self, vm, number: int, profile: ContentProfile, bytes_: bool):
        self._vm, self._contents, self._bytes = vm, profile.of(number), bytes_
        self._version = np.zeros(vm.pages, np.int32)
        self._waiting: list[tuple[np.ndarray, np.ndarray | None]] = []
        self.double_paging = 0

    @property
    def waits(self) -> bool:
        """Whether accesses wait for memory."""
        return bool(self._waiting)

    def boot(self) -> None:
        """What the guest's kernel holds is written."""
        guest = self._vm.guest
        if guest is not None:
            kernel = np.arange(guest.stats.kernel // PAGE_BYTES)  # the lowest pages
            self._waiting = [(kernel, np.full(len(kernel), WRITE | FILL, np.uint8))]

    def do(self, steps) -> None:
        """Makes the accesses of a workload, those that waited first."""
        for step in steps:
            if isinstance(step, Release):
                if self._vm.guest is not None:
                    self._vm.guest.release(step.kind, step.ids)
                continue
            self._waiting.append(self._operations(step))
        self.go_on()

    def go_on(self) -> bool:
        """Makes what waits; whether all of it was made."""
        while self._waiting:
            left = self._make(*self._waiting.pop(0))
            if len(left[0]):
                self._waiting.insert(0, left)
                return False
        return True

    def run_ops(self, ops) -> None:
        """What a guest does at the wish of its balloon driver, as far as it can be done."""
        self._make(np.asarray(ops.ppns), np.asarray(ops.flags))

    def _operations(self, step: Accesses) -> tuple[np.ndarray, np.ndarray | None]:
        """Pages of the machine, and flags of each; None where all are only read."""
        ids = np.ascontiguousarray(step.ids, dtype=np.int64)
        guest = self._vm.guest
        if step.kind == "zero":
            if guest is not None:  # what the kernel holds is not free
                ids = ids[ids >= guest.stats.kernel // PAGE_BYTES]
            return ids, np.full(len(ids), WRITE | FILL | ZEROED, np.uint8)
        if guest is None and step.write is False:
            return ids, None
        write = np.ascontiguousarray(np.broadcast_to(np.asarray(step.write, bool), ids.shape))
        if guest is None:
            return ids, write.view(np.uint8)
        ops = guest.access(step.kind, ids, write)
        return np.asarray(ops.ppns), np.asarray(ops.flags)

    def _make(self, ppns, flags):
        """Makes accesses, those that need contents and those that do not; what is left of them."""
        if flags is None:
            return ppns[self._try(self._vm.touch, ppns, False) :], None
        turn, seen = self._vm.look_up(ppns, flags, _TURN)
        if seen & 1 << OUT:
            out = ppns[(flags & PAGE_OUT) != 0]
            self.double_paging += int(np.sum(self._vm.places_at(out) == SWAPPED))
        if not seen & 1 << FRESH:
            done = self._touch(ppns, flags)
            return ppns[done:], flags[done:]
        # A guest reads what it pages out before it puts something else there, and contents come
        # before touches; else order within an epoch is of no consequence but to recency.
        order = np.argsort(turn, kind="stable")
        ppns, flags = ppns[order], flags[order]
        first, second = (int(n) for n in np.searchsorted(turn[order], [FRESH, LAST]))
        done = self._touch(ppns[:first], flags[:first])
        if done == first:
            done += self._write(ppns[first:second], flags[first:second])
        if done == second:
            done += self._touch(ppns[second:], flags[second:])
        return ppns[done:], flags[done:]

    def _write(self, ppns, flags) -> int:
        tokens = self._contents.tokens(ppns, self._version[ppns])
        tokens[(flags & ZEROED) != 0] = 0
        done = self._try(self._vm.write, ppns, expand(tokens) if self._bytes else tokens)
        # only first use is by the profile; whatever is written over it is the machine's own
        own = ppns[:done][(flags[:done] & ZEROED) == 0]
        self._version[own] += 1
        return done

    def _touch(self, ppns, flags) -> int:
        if self._vm.guest is None:  # then there is no flag but WRITE
            return self._try(self._vm.touch, ppns, flags.view(np.bool_))
        return self._try(self._vm.touch, ppns, (flags & (WRITE | PAGE_OUT)) == WRITE)

    def _try(self, call, ppns, what) -> int:
        if not len(ppns):
            return 0
        try:
            call(ppns, what)
        except (OutOfFrames, Blocked) as stop:
            return stop.done
        return len(ppns)
