"""Guest: the memory management of a guest operating system, as a model.

A guest holds virtual pages and blocks of files in the pages of its machine: a free list, a page
cache, anonymous memory, replacement and swap space of its own. It knows no host: what it does to
the machine's pages comes out as operations, which ``VM.touch`` or ``VM.write`` then make.
"""

from _thread import allocate_lock
from typing import NamedTuple

import numpy as np

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from pageengine._c.guest cimport *
from pageengine._c.status cimport pe_status
from pageengine._status cimport check

from pageengine import errors
from pageengine.arrays import as_write_flags
from pageengine.records import GuestStats
from pageengine.units import PAGE_BYTES

WRITE, FILL, PAGE_OUT = 1, 2, 4
KINDS = {"memory": 0, "file": 1}
LEVELS = 7  # numbers that are amounts of memory; the others are counts


class Ops(NamedTuple):
    """What a guest did to pages of its machine, in order. ppns: int64 [m]; flags: uint8 [m], WRITE
    (1), FILL (2: the page was written whole: zeroed, or read from a disk) and PAGE_OUT (4: read, to
    be written to the guest's disk) together. done: how many of the touches that caused them were
    made; fewer than asked when the guest is out of memory and swap space.
    """

    done: int
    ppns: np.ndarray
    flags: np.ndarray


cdef class Guest:
    """A guest with ``pages`` pages of memory and ``swap_pages`` of swap space (as many by default);
    ``kernel_pages`` of the memory are never given up.
    """

    cdef pe_guest *_guest
    cdef pe_guest_ops _ops
    cdef object _lock
    cdef readonly uint32_t pages
    cdef uint32_t _swap_pages, _kernel_pages

    def __init__(self, uint32_t pages, *, swap_pages=None, kernel_pages=0, seed=0):
        if self._guest != NULL:
            raise RuntimeError("the guest is initialised already")
        if pages == 0:
            raise ValueError("a guest needs at least one page, got 0")
        if not 0 <= kernel_pages < pages:
            raise ValueError(f"kernel_pages must be below the {pages} pages, got {kernel_pages}")
        swap_pages = pages if swap_pages is None else swap_pages
        if not 0 <= swap_pages < 2**31:
            raise ValueError(f"swap_pages must be from 0 to {2**31 - 1}, got {swap_pages}")
        self._lock = allocate_lock()
        self.pages = pages
        self._swap_pages, self._kernel_pages = swap_pages, kernel_pages
        check(pe_guest_new(&self._guest, pages, swap_pages, kernel_pages))

    def restart(self):
        """The guest starts again: all it held is forgotten, its swap space and counts too."""
        cdef pe_guest *fresh
        with self._lock:
            check(pe_guest_new(&fresh, self.pages, self._swap_pages, self._kernel_pages))
            pe_guest_delete(self._guest)
            self._guest = fresh

    def __dealloc__(self):
        pe_guest_delete(self._guest)
        pe_guest_ops_fini(&self._ops)

    cdef object _take_ops(self, size_t done):
        cdef size_t n = self._ops.n
        cdef int64_t[::1] ppns
        cdef uint8_t[::1] flags
        out_ppns, out_flags = np.empty(n, np.int64), np.empty(n, np.uint8)
        if n:
            ppns, flags = out_ppns, out_flags
            memcpy(&ppns[0], self._ops.ppn, n * sizeof(int64_t))
            memcpy(&flags[0], self._ops.flags, n)
        self._ops.n = 0
        return Ops(done, out_ppns, out_flags)

    def access(self, kind, ids, write=False):
        """Touches virtual pages (kind "memory") or blocks of files ("file"), ids int64 [n] from 0
        on, in order; write: bool, or bool [n]. Returns Ops.
        """
        cdef const int64_t[::1] view = _ids(ids)
        cdef size_t n = view.shape[0], done = 0
        cdef int number = _kind(kind)
        cdef pe_guest_kind which = <pe_guest_kind>number
        flags = as_write_flags(write, n)
        if flags is None:
            flags = np.full(n, 1 if write else 0, np.uint8)
        cdef const uint8_t[::1] writes = flags
        cdef pe_status status = <pe_status>0
        with self._lock:
            if n == 0:
                return self._take_ops(0)
            with nogil:
                status = pe_guest_access(self._guest, which, &view[0], &writes[0], n, &self._ops,
                                         &done)
            ops = self._take_ops(done)
        check(status)
        return ops

    def release(self, kind, ids):
        """These are not used any more: their pages and swap slots are free."""
        cdef const int64_t[::1] view = _ids(ids)
        cdef size_t n = view.shape[0]
        cdef int number = _kind(kind)
        cdef pe_guest_kind which = <pe_guest_kind>number
        with self._lock:
            if n:
                with nogil:
                    pe_guest_release(self._guest, which, &view[0], n)

    def drop_cache(self, uint32_t pages) -> int:
        """Forgets up to so many clean pages of the cache; returns how many."""
        with self._lock:
            return pe_guest_drop_cache(self._guest, pages)

    def inflate(self, uint32_t pages, bint sleeping=False):
        """Up to so many pages for the balloon: (PPNs int64 [k], Ops of what had to be written out).
        Not sleeping it takes free pages only; sleeping it makes room as the guest does for itself:
        page cache first, then anonymous memory.
        """
        cdef uint32_t got = 0
        cdef pe_status status = <pe_status>0
        ppns = np.empty(min(pages, self.pages), np.int64)
        cdef int64_t[::1] view = ppns
        with self._lock:
            if ppns.size:
                with nogil:
                    status = pe_guest_inflate(self._guest, <uint32_t>view.shape[0], sleeping,
                                              &view[0], &self._ops, &got)
            ops = self._take_ops(got)
        check(status)
        return ppns[:got], ops

    def deflate(self, uint32_t pages):
        """Takes up to so many pages back from the balloon, the last first: PPNs int64 [k]."""
        ppns = np.empty(min(pages, self.pages), np.int64)
        cdef int64_t[::1] view = ppns
        cdef uint32_t n = 0
        with self._lock:
            if view.shape[0] > 0:
                n = pe_guest_deflate(self._guest, <uint32_t>view.shape[0], &view[0])
        return ppns[:n]

    def report_free(self):
        """PPNs int64 [k] of the whole, aligned blocks of 512 pages (order 9) that were free at the
        last call too and have not been reported since.
        """
        blocks = np.empty(max(1, self.pages // PE_GUEST_BLOCK), np.int64)
        cdef int64_t[::1] view = blocks
        cdef uint32_t n = 0
        with self._lock:
            n = pe_guest_report(self._guest, &view[0])
        return (blocks[:n, None] + np.arange(PE_GUEST_BLOCK)).reshape(-1)

    def numbers(self) -> tuple:
        """What ``stats`` says, in its order: cheaper."""
        cdef uint64_t numbers[PE_GUEST_NUMBERS]
        cdef int i
        with self._lock:
            pe_guest_numbers(self._guest, numbers)
        return (self.pages * <uint64_t>PAGE_BYTES, *[
            numbers[i] * <uint64_t>PAGE_BYTES if i < <int>LEVELS else numbers[i]
            for i in range(PE_GUEST_NUMBERS)
        ])

    @property
    def stats(self):
        """GuestStats: amounts in bytes, events as cumulative counts of pages."""
        return GuestStats(*self.numbers())

    def check(self):
        """Walks every structure; raises CorruptState with the first rule that does not hold."""
        cdef const char *reason = NULL
        cdef bint whole
        with self._lock:
            with nogil:
                whole = pe_guest_check(self._guest, &reason)
        if not whole:
            raise errors.CorruptState(reason.decode())


NUMBERS = tuple([pe_guest_number_name(i).decode() for i in range(PE_GUEST_NUMBERS)])


def _kind(kind):
    if kind not in KINDS:
        raise ValueError(f"kind must be 'memory' or 'file', got {kind!r}")
    return KINDS[kind]


def _ids(ids):
    array = np.atleast_1d(np.asarray(ids))
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise TypeError(f"ids must be whole numbers in one row, got {array.dtype} {array.shape}")
    array = np.ascontiguousarray(array, dtype=np.int64)
    if array.size and array.min() < 0:
        raise ValueError(f"ids must be 0 or more, got {array.min()}")
    return array
