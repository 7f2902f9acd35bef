"""How batches of accesses of one virtual machine are made: converted, begun, and gone on with when
the policy has made room.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter, sub
from typing import TYPE_CHECKING, Any

import numpy as np

from pageengine import errors
from pageengine.core.records import Faults
from pageengine.core.status import EVENTS, STATUS_NAMES, error_of
from pageengine.plumbing.arrays import as_contents, as_ppns, as_write_flags, empty_contents

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from pageengine.core.engine import Engine
    from pageengine.host.vm import VM
_fault_events = itemgetter(
    *(
        EVENTS.index(name)
        for name in (
            "accesses",
            "faults_absent",
            "cow_breaks",
            "decompressions",
            "swap_in",
            "balloon_pops",
            "discarded",
        )
    )
)

#: Makes the accesses from the n-th on: (accesses made, status number).
Call = Callable[[int], tuple[int, int]]


class Batches:
    """Those of one VM. Errors as VM says."""

    def __init__(self, vm: VM, engine: Engine):
        self._vm, self._engine = vm, engine

    # a batch as a call and a length

    def write(self, which: ArrayLike, pages: ArrayLike) -> tuple[Call, int]:
        vm, engine, ppns = self._vm, self._engine, as_ppns(which)
        contents = _flat(as_contents(pages, len(ppns), vm.host.contents))
        size = len(contents) // len(ppns) if len(ppns) else 0

        def call(start: int) -> tuple[int, int]:
            return engine.write(vm._id, ppns[start:], contents[start * size :])

        return call, len(ppns)

    def touch(self, which: ArrayLike, write: ArrayLike) -> tuple[Call, int]:
        vm, engine = self._vm, self._engine
        vm.host  # Closed
        ppns = as_ppns(which)
        flags = as_write_flags(write, len(ppns))

        def call(start: int) -> tuple[int, int]:
            if flags is None:
                return engine.touch(vm._id, ppns[start:], None, bool(write))
            return engine.touch(vm._id, ppns[start:], flags[start:], False)

        return call, len(ppns)

    def read(self, which: ArrayLike) -> tuple[Call, int, NDArray[Any]]:
        """And the array that is read into."""
        vm, engine, ppns = self._vm, self._engine, as_ppns(which)
        out = empty_contents(len(ppns), vm.host.contents)
        flat = _flat(out)
        size = len(flat) // len(ppns) if len(ppns) else 0

        def call(start: int) -> tuple[int, int]:
            return engine.read(vm._id, ppns[start:], flat[start * size :])

        return call, len(ppns), out

    def peek(self, which: ArrayLike) -> NDArray[Any]:
        vm, ppns = self._vm, as_ppns(which)
        out = empty_contents(len(ppns), vm.host.contents)
        done, status = self._engine.read(vm._id, ppns, _flat(out), True)
        if status:
            raise self._error(status, done)
        return out

    # how it is made

    def once(self, call: Call, n: int) -> tuple[int, str, Faults]:
        """As far as it goes without the policy: (accesses made, status name, Faults)."""
        vm = self._vm
        before = self._engine.vm_events(vm._id)
        done, status = call(0)
        if STATUS_NAMES[status] == "PE_NO_FRAME":
            vm.host._controller.changed()
        return done, STATUS_NAMES[status], self._faults_since(before)

    def all(self, call: Call, n: int) -> Faults:
        """To its end, or an error."""
        before = self._engine.vm_events(self._vm._id)
        self._go_on(call, *call(0))
        return self._faults_since(before)

    def some(self, call: Call, n: int) -> int:
        """To its end, or as far as there is memory: how many accesses were made."""
        return self.rest(call, n, *call(0))

    def rest(self, call: Call, n: int, done: int, status: int) -> int:
        """As ``some``, after so many were made and the last call ended so."""
        try:
            self._go_on(call, done, status)
        except (errors.OutOfFrames, errors.Blocked) as stop:
            if stop.__cause__ is not None:  # the swap file failed: that is no want of memory
                raise
            return stop.done
        return n

    def _go_on(self, call: Call, done: int, status: int) -> None:
        """A batch that stopped after ``done`` accesses gets memory and goes on to its end."""
        vm = self._vm
        if not status and vm.allocation.limit >= vm.allocation.size:
            return
        host = vm.host
        try:
            with host._backend.direct_reclaim() as room:
                while status:
                    goes_on = STATUS_NAMES[status] == "PE_NO_FRAME" and room.more()
                    if not vm.there:
                        raise errors.Closed(
                            f"virtual machine {vm.name!r} was removed while a batch waited for "
                            f"memory; {done} accesses were made",
                            done,
                        )
                    if not goes_on:
                        raise self._error(status, done) from room.cause
                    more, status = call(done)
                    done += more
        finally:
            if vm.there:
                host._enforce_limit(vm)

    def _faults_since(self, before: tuple[int, ...]) -> Faults:
        after = self._engine.vm_events(self._vm._id)
        return Faults(*map(sub, _fault_events(after), _fault_events(before)))

    def _error(self, status: int, done: int) -> Exception:
        return error_of(status, self._engine, self._vm.name, done)


def _flat(array: NDArray[Any]) -> NDArray[np.uint8]:
    """The array's bytes as uint8 [m], without a copy."""
    return array.reshape(-1).view(np.uint8)
