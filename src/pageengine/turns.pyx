"""Turns: the order in which a batch of accesses is made, where it is not the order it came in."""

import numpy as np

from libc.stdint cimport int64_t, uint8_t, uint32_t

from pageengine._c.place cimport PE_PLACES
from pageengine._c.turns cimport *
from pageengine._c.vm cimport pe_vm
from pageengine.engine cimport Engine

COUNT = PE_TURNS


cdef class Turns:
    """table: uint8 [256, places], the turn of each kind of access to a page in each place, below
    COUNT. when: batches without an access of this turn are left in the order they came in.
    """

    cdef pe_turns _turns
    cdef object _table
    cdef readonly int when

    def __init__(self, table, int when):
        made = np.array(table, dtype=np.uint8, order="C")
        if made.shape != (256, PE_PLACES) or made.max() >= PE_TURNS or not 0 <= when < COUNT:
            raise ValueError(
                f"a table of turns has 256 kinds by {PE_PLACES} places, all below {PE_TURNS} as is "
                f"when; got shape {made.shape}, {made.max()} at most and {when}"
            )
        cdef const uint8_t[:, ::1] view = made
        self._table, self._turns.of, self.when = made, &view[0, 0], when

    def order(self, Engine engine not None, uint32_t id, ppns, kinds):
        """Accesses of machine ``id`` turn by turn, those of one turn as they were: (PPNs int64 [n],
        kinds uint8 [n], how many there are of each turn).
        """
        cdef const int64_t[::1] pages = ppns
        cdef const uint8_t[::1] whats = kinds
        cdef int64_t[::1] out_pages
        cdef uint8_t[::1] out_whats
        cdef size_t count[PE_TURNS]
        cdef size_t n = pages.shape[0]
        cdef pe_vm *vm
        if whats.shape[0] != pages.shape[0]:
            raise ValueError(f"{pages.shape[0]} pages and {whats.shape[0]} kinds")
        if n == 0:
            return ppns, kinds, (0,) * PE_TURNS
        with engine._lock:
            vm = engine._vm(id)
            engine._check_pages(vm, pages)
            pe_turns_count(self._turns, vm, n, &pages[0], &whats[0], count)
            if 0 < count[self.when] < n:
                ppns, kinds = np.empty(n, np.int64), np.empty(n, np.uint8)
                out_pages, out_whats = ppns, kinds
                pe_turns_sort(self._turns, vm, &pages[0], &whats[0], count, &out_pages[0],
                              &out_whats[0])
        return ppns, kinds, tuple([count[i] for i in range(PE_TURNS)])

    def __reduce__(self):
        raise TypeError("Turns cannot be pickled; make them again from their table")
