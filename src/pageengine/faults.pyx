"""Faults on purpose: a plan of which operation of a host fails, and how, for tests of whatever is
built on it. Converts, locks and raises.
"""

from typing import NamedTuple

import numpy as np

from pageengine.plumbing import given

from cpython.bytes cimport PyBytes_FromString
from libc.stdint cimport uint64_t

from pageengine._c.inject cimport *
from pageengine._c.status cimport PE_NO_ROOM, PE_OK, pe_status
from pageengine.plumbing._status cimport check
from pageengine.plumbing.lock cimport CallLock


class Fault(NamedTuple):
    """One fault that a plan made: the ``number`` of the operation of its kind, the first being 1,
    and the slots of the swap file concerned, the first of the operation or those that were spoiled.
    """

    operation: str
    kind: str
    number: int
    slots: tuple[int, ...]


cdef tuple _names(const char *(*name)(size_t) noexcept nogil):
    names, i = [], 0
    while name(i) != NULL:
        names.append(PyBytes_FromString(name(i)).decode())
        i += 1
    return tuple(names)


OPERATIONS = _names(pe_operation_name)
KINDS = {
    operation: tuple(
        kind
        for number, kind in enumerate(_names(pe_harm_name))
        if pe_inject_can(<pe_operation><int>which, <pe_harm><int>number)
    )
    for which, operation in enumerate(OPERATIONS)
}
_HARMS = _names(pe_harm_name)


cdef class FaultPlan:
    """Which operations of a host fail, and how: ``Host(..., faults=plan)``. The same seed, rules
    and calls make the same faults.

    Operations are "write" and "read", calls to the system for the swap file, and "memory", requests
    of the core for memory; each kind is counted from 1. ``faults.KINDS`` names how each may fail.

    A plan is of one host, and shares its rule for threads.
    """

    def __cinit__(self):
        pe_inject_init(&self.inject, 0)
        self._lock = CallLock("fault plan")

    def __init__(self, seed=0):
        number = given.whole(seed, "seed", 0, 2**64 - 1)
        if self._bound or self.seed is not None:
            raise RuntimeError("a FaultPlan is made only once")
        self.seed = number
        pe_inject_init(&self.inject, number)

    def __dealloc__(self):
        pe_inject_fini(&self.inject)

    cdef int bind(self, CallLock lock) except -1:
        if self._bound:
            raise ValueError("this FaultPlan was given to a host before; make another one")
        self._bound, self._lock = True, lock
        return 0

    def fail(self, operation, kind, *, nth=None, share=None, always=False):
        """A rule from now on; returns the plan. Of several rules that fit an operation, the one
        that was given first is obeyed.

        nth: the nth such operation from now on fails, 1 being the next; ``always``: and every one
        after it. share: each fails with this probability, above 0 and up to 1. One of the two.

        ValueError: a kind that the operation cannot fail in, a number out of range, or more than 32
        rules.
        """
        cdef pe_inject_rule rule
        given.choice(operation, "operation", OPERATIONS)
        given.choice(kind, f"the kind of a fault of {operation!r}", KINDS[operation])
        if (nth is None) == (share is None):
            raise TypeError("say either which operation fails (nth=) or how many do (share=)")
        if share is not None and always:
            raise TypeError("always= goes with nth=, not with share=")
        number = None if nth is None else given.whole(nth, "nth", 1)
        part = None if share is None else given.real(share, "share", 0, 1, "(]")
        which, harm = OPERATIONS.index(operation), _HARMS.index(kind)
        rule.operation, rule.harm = <pe_operation><int>which, <pe_harm><int>harm
        rule.onwards = given.flag(always, "always")
        rule.below = 0 if part is None else min(int(part * 2.0**64), 2**64 - 1)
        with self._lock:
            rule.number = 0 if number is None else self.inject.count[<int>which] + <uint64_t>number
            self._add(&rule)
        return self

    cdef int _add(self, const pe_inject_rule *rule) except -1:
        cdef pe_status status = pe_inject_add(&self.inject, rule)
        if status == PE_NO_ROOM:
            raise ValueError(f"a FaultPlan has at most {PE_INJECT_RULES_MAX} rules; clear() it")
        return check(status)

    def clear(self) -> None:
        """Takes all rules back: nothing fails from now on. What was damaged stays so."""
        with self._lock:
            pe_inject_clear(&self.inject)

    @property
    def operations(self) -> dict:
        """Operations so far, by name."""
        with self._lock:
            return {name: self.inject.count[<int>i] for i, name in enumerate(OPERATIONS)}

    @property
    def made(self) -> dict:
        """Faults made so far, by kind."""
        with self._lock:
            return {name: self.inject.done[<int>i] for i, name in enumerate(_HARMS)}

    @property
    def total(self) -> int:
        """Faults made so far."""
        with self._lock:
            return self.inject.logged

    @property
    def held(self) -> int:
        """Pieces of memory that the host holds: 0 once it was closed."""
        with self._lock:
            return self.inject.held

    def log(self, since=0) -> list:
        """The faults after the first ``since``, a ``Fault`` each; the last 1024 are kept."""
        cdef uint64_t at, first = given.whole(since, "since")
        cdef const pe_injected *entry
        found = []
        with self._lock:
            if self.inject.logged > PE_INJECT_LOG:
                first = max(first, self.inject.logged - PE_INJECT_LOG)
            at = first
            while at < self.inject.logged:
                entry = &self.inject.log[at % PE_INJECT_LOG]
                slots = tuple([s for s in (entry.slot, entry.other) if s != 2**64 - 1])
                found.append(Fault(OPERATIONS[<int>entry.operation], _HARMS[<int>entry.harm],
                                   entry.number, slots))
                at += 1
        return found

    def damaged_pages(self, host) -> dict:
        """Pages of the host that owns the plan whose slot in the swap file does not hold what was
        written to it: PPNs int64 [n] by name of the VM. Reading one raises SwapCorruption.
        """
        from pageengine.core.vm_columns import slots

        if host._engine.lock is not self._lock:
            raise ValueError(f"this plan was not given to {host!r}")
        with self._lock:
            found = {}
            for name, vm in host.vms.items():
                ppns = np.array([
                    ppn for ppn, slot in enumerate(slots(host._engine, vm._id).tolist())
                    if slot != 2**32 - 1 and pe_inject_is_damaged(&self.inject, slot)
                ], np.int64)
                if len(ppns):
                    found[name] = ppns
        return found

    def __repr__(self):
        return f"FaultPlan(seed={self.seed}, {self.total} faults made)"

    def __reduce__(self):
        raise TypeError("a FaultPlan cannot be pickled; make it again from its seed and rules")
