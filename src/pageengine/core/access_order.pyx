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
        cdef int64_t[::1] out_pages
        cdef uint8_t[::1] out_whats
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
                pe_turns_count(self._turns, vm, n, &pages[0], &whats[0], count)
                if count[self.plain] == n:
                    status = pe_turns_touch(self._turns, engine._host, vm, &pages[0], &whats[0], n,
                                            &done)
            if 0 < count[self.apart] < n:
                ppns, kinds = np.empty(n, np.int64), np.empty(n, np.uint8)
                out_pages, out_whats = ppns, kinds
                pe_turns_sort(self._turns, vm, &pages[0], &whats[0], count, &out_pages[0],
                              &out_whats[0])
        counts = tuple([count[i] for i in range(PE_TURNS)])
        return ppns, kinds, counts, done, <int>status

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
