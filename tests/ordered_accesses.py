"""Accesses in the order of an AccessOrder, each turn by a call of its own: what the lab's
AccessMaker, which makes all in one call, is held against.
"""

from pageengine.plumbing.lock import serialised


@serialised
class OrderedAccesses:
    """vm: the VM. order: the AccessOrder; PPNs are int64 [n] and kinds uint8 [n], as it says.
    Errors as of ``VM.touch_some``.
    """

    def __init__(self, vm, order):
        self._vm, self._order, self._lock = vm, order, vm._lock

    def make(self, ppns, kinds):
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

    def touch(self, ppns, kinds):
        """Makes them in the order they came in, as far as it goes: how many were made."""
        self._vm.host  # Closed
        return self._vm._batches.some(self._call(ppns, kinds), len(ppns))

    def _call(self, ppns, kinds):
        vm, order = self._vm, self._order

        def call(start):
            return order.touch(vm._engine, vm._id, ppns[start:], kinds[start:])

        return call
