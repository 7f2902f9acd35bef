"""Accesses whose order follows from what each does and from where its page lies, for programs that
put their own VMs together (the lab).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pageengine.core.access_order import AccessOrder
from pageengine.plumbing.lock import serialised

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from pageengine.host.batches import Call
    from pageengine.host.vm import VM

    Ppns = NDArray[np.int64]
    Kinds = NDArray[np.uint8]


@serialised
class OrderedAccesses:
    """vm: the VM. order: the AccessOrder; PPNs are int64 [n] and kinds uint8 [n], as it says.
    Errors as of ``VM.touch_some``.
    """

    def __init__(self, vm: VM, order: AccessOrder):
        self._vm, self._order, self._lock = vm, order, vm._lock

    def make(self, ppns: Ppns, kinds: Kinds) -> tuple[Ppns, Kinds, tuple[int, ...], int]:
        """(PPNs, kinds in the order in which they are made, how many there are of each turn, how
        many were made). Batches that are plain are made at once, as ``touch_some`` does; of others
        none is made.
        """
        vm = self._vm
        vm.host  # Closed
        ppns, kinds, count, done, status = self._order.make(vm._engine, vm._id, ppns, kinds)
        if status or (done and vm.allocation.limit < vm.allocation.size):
            done = vm._batches.rest(self._call(ppns, kinds), len(ppns), done, status)
        return ppns, kinds, count, done

    def touch(self, ppns: Ppns, kinds: Kinds) -> int:
        """Makes them in the order they came in, as far as it goes: how many were made."""
        self._vm.host  # Closed
        return self._vm._batches.some(self._call(ppns, kinds), len(ppns))

    def rest(self, ppns: Ppns, kinds: Kinds, done: int, status: int) -> int:
        """As ``touch``, after so many were made and that ended with this status number."""
        return self._vm._batches.rest(self._call(ppns, kinds), len(ppns), done, status)

    def _call(self, ppns: Ppns, kinds: Kinds) -> Call:
        vm, order = self._vm, self._order

        def call(start: int) -> tuple[int, int]:
            return order.touch(vm._engine, vm._id, ppns[start:], kinds[start:])

        return call
