"""AccessMaker: accesses of one simulated VM are put in order, get contents, and are made, in one
call. Where the host has no room for one, Python asks for it (host/batches.py) and goes on.
"""

import numpy as np

from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from pageengine._c.host cimport pe_host_vm
from pageengine._c.place cimport PE_SWAPPED
from pageengine._c.profile cimport pe_profile_next, pe_profile_written
from pageengine._c.status cimport PE_OK, pe_status
from pageengine._c.touch cimport pe_first_bad_page, pe_write
from pageengine._c.turns cimport PE_TURNS, pe_turns_touch
from pageengine._c.vm cimport pe_vm, pe_vm_places

from pageengine.lab.contents import expand

# flags of an access; the first three are what a guest does to a page
WRITE, FILL, PAGE_OUT = F_WRITE, F_FILL, F_PAGE_OUT
ZEROED = F_ZEROED  # here alone: the page becomes zero
OUT, FRESH, LAST = T_OUT, T_FRESH, T_LAST  # turns: what a guest reads out, contents, the rest

cdef enum:
    F_WRITE = 1
    F_FILL = 2
    F_PAGE_OUT = 4
    F_ZEROED = 8
    T_OUT = 0
    T_FRESH = 1
    T_LAST = 2
    FIRST = 1
    BEHIND = 2


cdef class AccessMaker:
    """vm: the VM; order: of turns OUT, FRESH and LAST. contents: VMContents; bytes_: whether the
    host holds bytes; sharing: whether it shares pages.
    """

    def __init__(self, vm, AccessOrder order not None, VMContents contents not None,
                 bint bytes_, bint sharing):
        self._vm, self._engine, self._id = vm, vm._engine, vm._id
        self._order, self._contents, self._bytes = order, contents, bytes_
        self._zeroes_are_private = not sharing
        self._version = np.zeros(vm.pages, np.int32)
        self._waiting, self._arriving, self.double_paging = [], None, 0

    @property
    def waits(self) -> bool:
        """Whether accesses wait for memory."""
        return self.waiting()

    cdef bint waiting(self):
        return len(self._waiting) > 0 or self._arriving is not None

    cdef bint blocked(self) except -1:
        """Whether the VM is."""
        return self._there().blocked

    def make(self, ppns, kinds):
        """Makes accesses, PPNs int64 [n] and kinds uint8 [n], those that need contents and those
        that do not: (PPNs and kinds in the order in which they are made, how many were).
        """
        cdef const int64_t[::1] pages = ppns
        cdef const uint8_t[::1] whats = kinds
        cdef accesses all_
        cdef size_t n = pages.shape[0], done
        cdef char *room
        if whats.shape[0] != pages.shape[0]:
            raise ValueError(f"{pages.shape[0]} pages and {whats.shape[0]} kinds")
        if n == 0:
            return ppns, kinds, 0
        room = <char *>malloc(n * PER_ACCESS)
        if room == NULL:
            raise MemoryError
        try:
            lay_out(&all_, room, n)
            memcpy(all_.ppns, &pages[0], n * sizeof(int64_t))
            memcpy(all_.kinds, &whats[0], n)
            done = self._make(&all_)
            if done == n:
                return ppns, kinds, done
            return *self._left(&all_, 0), done
        finally:
            free(room)

    cdef double do_paced(self, Pace pace, double seconds) except -2:
        """Makes the touches of so many seconds, while nothing waits; the part of them that was
        made. -1: it is no step of the pace alone, and nothing was done.
        """
        cdef Py_ssize_t n = pace.due_in(seconds), reads
        cdef accesses all_, behind
        cdef char *room
        if n < 0 or not pace.alone or not pace.possible() or pace.ends_round(n):
            return -1
        guest = self._vm.guest
        if guest is not None and type(guest) is not Guest:
            return -1
        reads = pace.reading(n)
        if n == 0:
            pace.draw(seconds, 0, 0, NULL, NULL)
            return 1
        room = <char *>malloc((n + reads) * PER_ACCESS)
        if room == NULL:
            raise MemoryError
        try:
            lay_out(&all_, room, n + reads)
            pace.draw(seconds, n, reads, all_.ppns, all_.kinds)
            if guest is not None:
                return self._by_guest(guest, &all_, n)
            behind = split(&all_, n)
            return self._both(&all_, &behind, FIRST if pace.all_write() or pace.some() else 0)
        finally:
            free(room)

    cdef double _by_guest(self, Guest guest, accesses *touches, size_t n) except -2:
        """Makes what a guest does to the VM's pages for these touches of its virtual pages, those
        behind the n-th as another batch; the part that was made.
        """
        cdef accesses first, behind, reads = split(touches, n)
        cdef size_t most = most_of_guest(n), most_behind = most_of_guest(reads.n)
        cdef char *room = <char *>malloc((most + most_behind) * PER_ACCESS)
        if room == NULL:
            raise MemoryError
        try:
            lay_out(&first, room, most)
            lay_out(&behind, room + most * PER_ACCESS, most_behind)
            touch_guest(guest, touches, &first)
            touch_guest(guest, &reads, &behind)
            return self._both(&first, &behind, FIRST | BEHIND)
        finally:
            free(room)

    cdef double _both(self, accesses *first, accesses *behind, int flags) except -2:
        """Makes these, and then those behind them; the part that was made. The rest waits. flags:
        FIRST, BEHIND where some of these are not only read.
        """
        cdef size_t n = first.n, reads = behind.n, made = 0
        try:
            if n:
                made = self._make(first)
            if made == n and reads:
                made += self._make(behind)
        finally:
            if made < n and reads:
                self._waiting = [self._waits_from(behind, 0, flags & BEHIND)]
        if made == n + reads:
            return 1
        if made < n:
            self._waiting.insert(0, self._waits_from(first, made, flags & FIRST))
        else:
            self._waiting = [self._waits_from(behind, made - n, flags & BEHIND)]
        return 1 - <double>(n + reads - made) / <double>(n + reads)

    cdef object _waits_from(self, accesses *all_, size_t first, bint flags):
        """From there on, as it waits."""
        ppns, kinds = self._left(all_, first)
        return ppns, kinds if flags else None

    cdef object _left(self, accesses *all_, size_t first):
        """From there on, as arrays."""
        cdef size_t n = all_.n - first
        ppns, kinds = np.empty(n, np.int64), np.empty(n, np.uint8)
        cdef int64_t[::1] pages = ppns
        cdef uint8_t[::1] whats = kinds
        memcpy(&pages[0], all_.ppns + first, n * sizeof(int64_t))
        memcpy(&whats[0], all_.kinds + first, n)
        return ppns, kinds

    cdef pe_vm *_there(self) except NULL:
        if self._engine._host == NULL or pe_host_vm(self._engine._host, self._id) == NULL:
            self._vm.host  # Closed
        return self._engine._vm(self._id)

    cdef bint _limited(self) except -1:
        """Whether it must give back what is above its limit."""
        allocation = self._vm.allocation
        return allocation.limit < allocation.size

    cdef Py_ssize_t _make(self, accesses *all_) except -1:
        # A guest reads what it pages out before it puts something else there, and contents come
        # before touches; else order within an epoch is of no consequence but to recency.
        cdef size_t count[PE_TURNS]
        cdef size_t out, end
        cdef Py_ssize_t done = self._look(all_, count)
        if count[T_LAST] == all_.n:
            return done
        out = count[T_OUT]
        end = out + count[T_FRESH]
        if out:
            self._paged_out(all_, out, count[T_FRESH])
        if end == out:
            return self._touch(all_, 0, all_.n)
        if out:
            done = self._touch(all_, 0, out)
        if <size_t>done == out:
            done += self._write(all_, out, end)
        if <size_t>done == end and end < all_.n:
            done += self._touch(all_, end, all_.n)
        return done

    cdef int _look(self, accesses *all_, size_t *count) except -1:
        """Counts turns. Accesses that are all LAST are made: how many were; of others none is
        made, and they are put in order.
        """
        cdef size_t done = 0, i, n = all_.n
        cdef pe_status status = PE_OK
        cdef pe_vm *vm
        cdef int32_t[::1] versions
        self._engine._lock.enter()
        try:
            vm = self._there()
            if pe_first_bad_page(vm, all_.ppns, n) < n:
                self._engine._check_pages(vm, self._left(all_, 0)[0])
            if self._zeroes_are_private:  # the place does not say that a page holds nothing yet
                versions = self._version
                for i in range(n):
                    if all_.kinds[i] & F_WRITE and versions[all_.ppns[i]] == 0:
                        all_.kinds[i] |= F_FILL
            with nogil:
                status = self._order.look(self._engine._host, vm, n, all_.ppns, all_.kinds,
                                          all_.other_ppns, all_.other_kinds, count, &done)
            if self._order.sorts(n, count):
                all_.ppns, all_.other_ppns = all_.other_ppns, all_.ppns
                all_.kinds, all_.other_kinds = all_.other_kinds, all_.kinds
        finally:
            self._engine._lock.leave()
        return self._rest(all_, 0, n, done, status) if count[T_LAST] == n else 0

    cdef Py_ssize_t _touch(self, accesses *all_, size_t first, size_t end) except -1:
        """Makes these in their order: how many were made."""
        cdef size_t done = 0
        cdef pe_status status
        cdef pe_vm *vm
        self._engine._lock.enter()
        try:
            vm = self._there()
            with nogil:
                status = pe_turns_touch(self._order._turns, self._engine._host, vm,
                                        all_.ppns + first, all_.kinds + first, end - first, &done)
        finally:
            self._engine._lock.leave()
        return self._rest(all_, first, end, done, status)

    cdef Py_ssize_t _rest(self, accesses *all_, size_t first, size_t end, size_t done,
                          pe_status status) except -1:
        """So many were made, and there the core stopped: how many are with the policy's help."""
        if status == PE_OK and not self._limited():
            return done
        ppns, kinds = self._left(all_, first)
        return self._touch_rest(ppns[:end - first], kinds[:end - first], done, <int>status)

    def _touch_rest(self, ppns, kinds, done, status):
        def call(start):
            return self._order.touch(self._engine, self._id, ppns[start:], kinds[start:])

        with self._vm._lock:
            return self._vm._batches.rest(call, len(ppns), done, status)

    cdef Py_ssize_t _write(self, accesses *all_, size_t first, size_t end) except -1:
        """Makes these writes with what they write: how many were made."""
        cdef size_t n = end - first, done = 0
        cdef pe_status status = PE_OK
        cdef pe_vm *vm
        cdef int32_t[::1] versions = self._version
        cdef uint64_t[::1] view
        cdef int64_t *ppns = all_.ppns + first
        cdef uint8_t *kinds = all_.kinds + first
        self._engine._lock.enter()
        try:
            vm = self._there()
            if <size_t>versions.shape[0] < vm.pages:
                raise ValueError(f"{versions.shape[0]} versions of {vm.pages} pages")
            with nogil:
                pe_profile_written(&self._contents._profile, n, ppns, kinds, F_ZEROED, &versions[0],
                                   all_.tokens)
                if not self._bytes:
                    status = pe_write(self._engine._host, vm, ppns, n, all_.tokens, &done)
        finally:
            self._engine._lock.leave()
        if self._bytes or status != PE_OK or self._limited():
            tokens = np.empty(n, np.uint64)
            view = tokens
            memcpy(&view[0], all_.tokens, n * sizeof(uint64_t))
            done = self._write_rest(tokens, self._left(all_, first)[0][:n], done, <int>status)
        # only first use is by the profile; whatever is written over it is the VM's own
        pe_profile_next(done, ppns, kinds, F_ZEROED, &versions[0])
        return done

    def _write_rest(self, tokens, ppns, done, status):
        if self._bytes:
            return self._vm.write_some(ppns, expand(tokens))
        batches = self._vm._batches
        with self._vm._lock:
            return batches.rest(*batches.write(ppns, tokens), done, status)

    cdef int _paged_out(self, accesses *all_, size_t out, size_t fresh) except -1:
        """Counts the pages that a guest reads out and that lie in swap space."""
        cdef size_t i
        cdef uint8_t place = 0
        cdef pe_vm *vm = self._there()
        for i in range(out if fresh else all_.n):
            if fresh or all_.kinds[i] & F_PAGE_OUT:
                if pe_vm_places(vm, 1, all_.ppns + i, &place) == PE_OK and place == PE_SWAPPED:
                    self.double_paging += 1
        return 0

    def __reduce__(self):
        raise TypeError("an AccessMaker cannot be pickled; make it again for its VM")
