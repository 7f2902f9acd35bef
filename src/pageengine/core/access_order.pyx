"""AccessOrder: the order in which a batch of accesses is made, where it is not that it came in."""

import numpy as np

from libc.stdint cimport int64_t, uint8_t, uint64_t

from pageengine._c.place cimport PE_PLACES
from pageengine._c.status cimport PE_OK, pe_status
from pageengine._c.turns cimport *
from pageengine._c.vm cimport pe_vm
from pageengine.core.engine cimport Engine

COUNT = PE_TURNS


cdef class AccessOrder:
    """table: uint8 [256, places], the turn of each kind of access to a page in each place, below
    COUNT. writes: bool [256], whether an access of each kind writes. apart: batches without an
    access of this turn are left in the order they came in. plain: batches that are all of this
    turn need nothing but to be made.
    """

    def __cinit__(self, table, writes, int apart, int plain):
        turns, kinds = np.array(table, np.uint8, order="C"), np.array(writes, np.bool_, order="C")
        if turns.shape != (256, PE_PLACES) or kinds.shape != (256,) or turns.max() >= COUNT:
            raise ValueError(
                f"turns are below {COUNT}, of 256 kinds by {PE_PLACES} places, and 256 kinds write "
                f"or do not; got shapes {turns.shape} and {kinds.shape}, and {turns.max()} at most"
            )
        if not 0 <= apart < COUNT or not 0 <= plain < COUNT:
            raise ValueError(f"turns are below {COUNT}, got {apart} and {plain}")
        cdef const uint8_t[:, ::1] turn_view = turns
        cdef const uint8_t[::1] kind_view = kinds.view(np.uint8)
        self._turns.of, self._turns.writes = &turn_view[0, 0], &kind_view[0]
        self._kept, self.apart, self.plain = (turns, kinds), apart, plain

    def make(self, Engine engine not None, uint64_t id, ppns, kinds):
        """Accesses of VM ``id``, PPNs int64 [n] and kinds uint8 [n], are put in order, and
        made if they are plain: (PPNs, kinds, how many there are of each turn, done, status number).
        """
        ppns, kinds = np.array(ppns), np.array(kinds)  # they are looked at twice
        cdef const int64_t[::1] pages = ppns
        cdef const uint8_t[::1] whats = kinds
        sorted_ = np.empty_like(ppns), np.empty_like(kinds)
        cdef int64_t[::1] out_pages = sorted_[0]
        cdef uint8_t[::1] out_whats = sorted_[1]
        cdef size_t count[PE_TURNS]
        cdef size_t n = pages.shape[0], done = 0
        cdef pe_status status = PE_OK
        cdef pe_vm *vm
        _check(pages, whats)
        if n == 0:
            return ppns, kinds, (0,) * COUNT, 0, 0
        with engine._lock:
            vm = engine._vm(id)
            engine._check_pages(vm, pages)
            with nogil:
                status = self.look(engine._host, vm, n, &pages[0], &whats[0], &out_pages[0],
                                   &out_whats[0], count, &done)
        if self.sorts(n, count):
            ppns, kinds = sorted_
        counts = tuple([count[i] for i in range(PE_TURNS)])
        return ppns, kinds, counts, done, <int>status

    cdef bint sorts(self, size_t n, const size_t *count) noexcept nogil:
        """Whether n accesses, so many of each turn, are put in order."""
        return 0 < count[self.apart] < n

    cdef pe_status look(self, pe_host *host, pe_vm *vm, size_t n, const int64_t *ppns,
                        const uint8_t *kinds, int64_t *out_ppns, uint8_t *out_kinds, size_t *count,
                        size_t *done) noexcept nogil:
        """Counts the turns of accesses; makes them if they are plain, and else puts them in order
        where that is not the one they are in (``sorts``).
        """
        done[0] = 0
        pe_turns_count(self._turns, vm, n, ppns, kinds, count)
        if count[self.plain] == n:
            return pe_turns_touch(self._turns, host, vm, ppns, kinds, n, done)
        if self.sorts(n, count):
            pe_turns_sort(self._turns, vm, ppns, kinds, count, out_ppns, out_kinds)
        return PE_OK

    def touch(self, Engine engine not None, uint64_t id, ppns, kinds):
        """Makes these accesses in their order: (done, status number)."""
        cdef const int64_t[::1] pages = ppns
        cdef const uint8_t[::1] whats = kinds
        cdef size_t n = pages.shape[0], done = 0
        cdef pe_status status = PE_OK
        cdef pe_vm *vm
        _check(pages, whats)
        if n == 0:
            return 0, 0
        with engine._lock:
            vm = engine._vm(id)
            engine._check_pages(vm, pages)
            with nogil:
                status = pe_turns_touch(self._turns, engine._host, vm, &pages[0], &whats[0], n,
                                        &done)
        return done, <int>status

    def __reduce__(self):
        raise TypeError("AccessOrder cannot be pickled; make them again from their tables")


cdef int _check(const int64_t[::1] pages, const uint8_t[::1] kinds) except -1:
    if kinds.shape[0] != pages.shape[0]:
        raise ValueError(f"{pages.shape[0]} pages and {kinds.shape[0]} kinds")
    return 0
