"""The memory of one simulated VM: accesses of its workload go through its guest, if it has
one, get contents, and are made on the host as far as they can be.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pageengine.core.access_order import AccessOrder
from pageengine.core.records import Place
from pageengine.errors import CheckpointError, SwapFull
from pageengine.lab.access_maker import FILL, FRESH, LAST, OUT, PAGE_OUT, WRITE, ZEROED, AccessMaker
from pageengine.lab.contents import ContentProfile
from pageengine.lab.workloads import Accesses, Release
from pageengine.plumbing.kept import Kept
from pageengine.units import PAGE_BYTES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pageengine.core.guest import Ops
    from pageengine.host.vm import VM

    Ppns = NDArray[np.int64]
    Flags = NDArray[np.uint8]
PUT_OUT = [int(Place.COMPRESSED), int(Place.SWAPPED)]
LOT = 64  # pages that come at once
ABSENT, SHARED, BALLOONED = map(int, (Place.ABSENT, Place.SHARED, Place.BALLOONED))

# When an access is made, by its flags and the place of its page: contents are needed where a page
# is written that is filled, or held none of its own until now.
_table = np.full((256, len(Place)), LAST, np.uint8)
_table[np.ix_([f for f in range(16) if f & WRITE], [ABSENT, SHARED, BALLOONED])] = FRESH
_table[[f for f in range(16) if f & WRITE and f & FILL]] = FRESH
_table[[f for f in range(16) if f & PAGE_OUT]] = OUT
_writes = [flags & (WRITE | PAGE_OUT) == WRITE for flags in range(256)]
_ORDER = AccessOrder(_table, _writes, FRESH, LAST)


class VMMemory(AccessMaker, Kept):
    """vm: the VM. number: of its contents. What could not be done for want of memory waits,
    and is done before anything else.
    """

    KEPT = ("_version", "_waiting", "_arriving", "double_paging")
    _vm: VM
    _version: NDArray[np.int32]
    _waiting: list[tuple[Ppns, Flags | None]]
    _arriving: tuple[Ppns, NDArray[Any]] | None

    def __init__(self, vm: VM, number: int, profile: ContentProfile, bytes_: bool):
        super().__init__(vm, _ORDER, profile.of(number), bytes_, vm.host.sharing)

    def restore(self, state: Mapping[str, Any]) -> None:
        pages = self._vm.pages
        super().restore(state)
        if self._version.shape != (pages,) or not all(map(self._can_wait, self._waiting)):
            raise CheckpointError(f"the memory of {self._vm.name!r} is not as it can be")
        if self._arriving is not None:
            ppns, contents = self._arriving
            if not self._can_wait((ppns, None)) or len(contents) != len(ppns):
                raise CheckpointError(f"what comes to {self._vm.name!r} cannot be")

    def _can_wait(self, waiting: Any) -> bool:
        ppns, flags = waiting
        return (
            isinstance(ppns, np.ndarray)
            and ppns.dtype == np.int64
            and ppns.ndim == 1
            and (not len(ppns) or 0 <= ppns.min() <= ppns.max() < self._vm.pages)
            and (flags is None or (flags.dtype == np.uint8 and flags.shape == ppns.shape))
        )

    def held(self) -> tuple[Ppns, NDArray[Any], int]:
        """What the pages hold that the VM has something in: their PPNs, and contents, swapped and
        compressed ones first, and how many these are. Pages of zeroes that it wrote are among them,
        since what is written next goes by that; those that it only read are as good as never
        touched.
        """
        places = self._vm.places
        ppns = np.flatnonzero((places != ABSENT) & (places != BALLOONED))
        contents = self._vm.peek(ppns)
        own = contents.reshape(len(ppns), -1).any(axis=1) | (self._version[ppns] > 0)
        ppns, contents = ppns[own], contents[own]
        out = np.isin(places[ppns], PUT_OUT)
        order = np.argsort(~out, kind="stable")
        return ppns[order], contents[order], int(out.sum())

    def arrive(self, ppns: Ppns, contents: NDArray[Any], put_out: int) -> None:
        """The pages of a VM that comes from another host; they are written before anything else,
        those that had not come to that host either among them. Of the first put_out pages each lot
        goes to swap space before the next comes, as far as that takes them.
        """
        if self._arriving is not None:
            ppns = np.concatenate([ppns, self._arriving[0]])
            contents = np.concatenate([contents, self._arriving[1]])
        self._arriving = (ppns, contents) if len(ppns) else None
        while put_out:
            lot = min(LOT, put_out)
            written, put_out = self._write_arriving(lot), put_out - lot
            try:
                self._vm.host.reclaim(self._vm, written, "swap")
            except SwapFull:
                break
            if written < lot:
                break
        self._write_arriving()

    def _write_arriving(self, most: int | None = None) -> int:
        """How many pages were written of those that come from elsewhere, of so many at most."""
        if self._arriving is None:
            return 0
        ppns, contents = self._arriving
        done = self._vm.write_some(ppns[:most], contents[:most])
        self._arriving = (ppns[done:], contents[done:]) if done < len(ppns) else None
        return done

    def boot(self) -> None:
        """What the guest's kernel holds is written."""
        guest = self._vm.guest
        if guest is not None:
            kernel = np.arange(guest.stats.kernel // PAGE_BYTES)  # the lowest pages
            self._waiting = [(kernel, np.full(len(kernel), WRITE | FILL, np.uint8))]

    def do(self, steps: Iterable[Accesses | Release]) -> float:
        """Makes the accesses of a workload, those that waited first; the part of them that was
        made.
        """
        for step in steps:
            if not isinstance(step, Release):
                self._waiting.append(self._operations(step))
            elif self._vm.guest is not None:
                self._vm.guest.release(step.kind, step.ids)
        return self.go_on()

    def go_on(self) -> float:
        """Makes what waits; the part of it that was made."""
        self._write_arriving()
        if self._arriving is not None:
            return 0.0
        wanted = sum(len(ppns) for ppns, _ in self._waiting)
        while self._waiting:
            ppns, flags, done = self._make(*self._waiting.pop(0))
            if done < len(ppns):
                left = ppns[done:], None if flags is None else flags[done:]
                self._waiting.insert(0, left)
                return 1 - sum(len(ppns) for ppns, _ in self._waiting) / wanted
        return 1.0

    def make_guest_accesses(self, ops: Ops) -> None:
        """What a guest does for its balloon driver, as far as it can be done."""
        self._make(np.asarray(ops.ppns), np.asarray(ops.flags))

    def _operations(self, step: Accesses) -> tuple[Ppns, Flags | None]:
        """Pages of the VM, and flags of each; None where all are only read."""
        ids = np.ascontiguousarray(step.ids, dtype=np.int64)
        guest = self._vm.guest
        if step.kind == "zero":
            if guest is not None:  # what the kernel holds is not free
                ids = ids[ids >= guest.stats.kernel // PAGE_BYTES]
            return ids, np.full(len(ids), WRITE | FILL | ZEROED, np.uint8)
        write = step.write
        if guest is None and write is False:
            return ids, None
        if write is True:
            write = np.ones(ids.shape, bool)
        else:
            write = np.ascontiguousarray(write, bool)
            if write.shape != ids.shape:
                write = np.ascontiguousarray(np.broadcast_to(write, ids.shape))
        if guest is None:
            return ids, write.view(np.uint8)
        ops = guest.access(step.kind, ids, write)
        return np.asarray(ops.ppns), np.asarray(ops.flags)

    def _make(self, ppns: Ppns, flags: Flags | None) -> tuple[Ppns, Flags | None, int]:
        """Makes accesses, those that need contents and those that do not: (pages and flags in the
        order in which they are made, how many were).
        """
        if flags is None:
            return ppns, None, self._vm.touch_some(ppns, False) if len(ppns) else 0
        return self.make(ppns, flags)
