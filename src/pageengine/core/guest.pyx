"""Guest: the memory management of a guest operating system, as a model.

A guest holds virtual pages and blocks of files in the pages of its VM: a free list, a page
cache, anonymous memory, replacement and swap space of its own. It knows no host: what it does to
the VM's pages comes out as operations, which ``VM.touch`` or ``VM.write`` then make.
"""

from _thread import allocate_lock
from typing import NamedTuple

cimport cython
import numpy as np

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from pageengine._c.guest cimport *
from pageengine._c.state cimport *
from pageengine._c.status cimport PE_ERR_ARGUMENT, PE_ERR_STATE, PE_OK, pe_status
from pageengine.core.state cimport StateOut
from pageengine.plumbing._status cimport check

from pageengine import errors
from pageengine.plumbing import given
from pageengine.plumbing.arrays import as_write_flags, integers
from pageengine.core.records import GuestStats
from pageengine.units import PAGE_BYTES, PAGES_MOST

WRITE, FILL, PAGE_OUT = 1, 2, 4
KINDS = {"memory": PE_GUEST_MEMORY, "file": PE_GUEST_FILE}
SWAP_MOST = 2**31 - 1  # pages
LEVELS = 7  # numbers that are amounts of memory; the others are counts


class Ops(NamedTuple):
    """What a guest did to pages of its VM, in order. ppns: int64 [m]; flags: uint8 [m], WRITE
    (1), FILL (2: the page was written whole: zeroed, or read from a disk) and PAGE_OUT (4: read, to
    be written to the guest's disk) together. done: how many of the touches that caused them were
    made; fewer than asked when the guest is out of memory and swap space.
    """

    done: int
    ppns: np.ndarray
    flags: np.ndarray


class Replay(NamedTuple):
    """What a replay came to. done: how many of the touches were made; fewer than asked when the
    guest is out of memory and swap space. misses: those of what was not in memory.
    """

    done: int
    misses: int


cdef class Guest:
    """A guest with ``pages`` pages of memory and ``swap_pages`` of swap space (as many by default);
    ``kernel_pages`` of the memory are never given up. replacement: which page goes when one is
    needed: "clock" (second chance, in batches), "lru" (the least recently used) or "fifo".
    """

    def __init__(self, pages, *, swap_pages=None, kernel_pages=0, replacement="clock"):
        if self._guest != NULL:
            raise RuntimeError("the guest is initialised already")
        pages = given.whole(pages, "pages of a guest", 1, PAGES_MOST)
        kernel_pages = given.whole(kernel_pages, "kernel_pages", 0, pages - 1)
        swap_pages = min(pages, SWAP_MOST) if swap_pages is None else swap_pages
        swap_pages = given.whole(swap_pages, "swap_pages", 0, SWAP_MOST)
        self._lock = allocate_lock()
        self.pages, self.replacement = pages, find_replacement(replacement)
        self._swap_pages, self._kernel_pages = swap_pages, kernel_pages
        self._guest = self._made()

    cdef pe_guest *_made(self) except NULL:
        cdef pe_guest *made
        check(pe_guest_new(&made, self.pages, self._swap_pages, self._kernel_pages,
                           REPLACEMENTS.index(self.replacement)))
        return made

    def restart(self):
        """The guest starts again: all it held is forgotten, its swap space and counts too."""
        with self._lock:
            fresh = self._made()
            pe_guest_delete(self._guest)
            self._guest = fresh

    def __dealloc__(self):
        pe_guest_delete(self._guest)

    cdef pe_status _make(self, const pe_guest_touches *touches, pe_guest_ops *ops,
                         pe_guest_made *made) except *:
        cdef pe_status status
        with self._lock:
            with nogil:
                status = pe_guest_touch(self._guest, touches, ops, made)
        return status

    cdef object _touch(self, kind, const int64_t[:] ids, write, pe_guest_ops *ops,
                       pe_guest_made *made):
        cdef const uint8_t[::1] flags
        cdef int number = _kind(kind)
        cdef pe_guest_touches touches
        cdef pe_status status
        touches.kind, touches.n = <pe_guest_kind>number, ids.shape[0]
        each = as_write_flags(write, touches.n)
        touches.write, touches.all_write = NULL, each is None and write
        if touches.n == 0:
            return
        touches.ids, touches.stride = &ids[0], ids.strides[0]
        if each is not None:
            flags = each
            touches.write = &flags[0]
        status = self._make(&touches, ops, made)
        if status == PE_ERR_ARGUMENT:
            raise ValueError(f"ids must be 0 or more, got {ids[made.done]}")
        check(status)

    def access(self, kind, ids, write=False):
        """Touches virtual pages (kind "memory") or blocks of files ("file"), ids int64 [n] from 0
        on, in order; write: bool, or bool [n]. Returns Ops.
        """
        cdef const int64_t[::1] view = _ids(ids)
        cdef _Ops ops = _Ops(2 * view.shape[0] + PE_GUEST_BATCH)
        cdef pe_guest_made made = [0, 0]
        self._touch(kind, view, write, &ops.ops, &made)
        return ops.first(made.done)

    def replay(self, kind, ids, write=False):
        """Touches as ``access`` makes them, where nobody asks what becomes of which page. Returns
        Replay; ``stats`` has the rest. Ids are read where they lie: a column of records will do. A
        negative one is an error, and those before it have been touched.
        """
        cdef pe_guest_made made = [0, 0]
        self._touch(kind, _whole(ids), write, NULL, &made)
        return Replay(made.done, made.misses)

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

    cdef uint32_t _some(self, pages) except? 0:
        return min(given.whole(pages, "pages"), self.pages)

    def drop_cache(self, pages) -> int:
        """Forgets up to so many clean pages of the cache; returns how many."""
        cdef uint32_t most = self._some(pages)
        with self._lock:
            return pe_guest_drop_cache(self._guest, most)

    def inflate(self, pages, sleeping=False):
        """Up to so many pages for the balloon: (PPNs int64 [k], Ops of what had to be written out).
        Not sleeping it takes free pages only; sleeping it makes room as the guest does for itself:
        page cache first, then anonymous memory.
        """
        cdef uint32_t got = 0
        cdef pe_status status = <pe_status>0
        cdef bint works = given.flag(sleeping, "sleeping")
        ppns = np.empty(self._some(pages), np.int64)
        cdef int64_t[::1] view = ppns
        cdef _Ops ops = _Ops(ppns.size + PE_GUEST_BATCH if works else 0)
        with self._lock:
            if ppns.size:
                with nogil:
                    status = pe_guest_inflate(self._guest, <uint32_t>view.shape[0], works,
                                              &view[0], &ops.ops, &got)
            check(status)
        return ppns[:got], ops.first(got)

    def deflate(self, pages):
        """Takes up to so many pages back from the balloon, the last first: PPNs int64 [k]."""
        ppns = np.empty(self._some(pages), np.int64)
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
        cdef int64_t numbers[NUMBERS_OF]
        self._count(numbers)
        return tuple([numbers[i] for i in range(NUMBERS_OF)])

    cdef int _count(self, int64_t *numbers) except -1:
        """Its size, amounts in bytes, and events."""
        cdef uint64_t counts[PE_GUEST_NUMBERS]
        cdef int i
        with self._lock:
            pe_guest_numbers(self._guest, counts)
        numbers[0] = self.pages * <int64_t>PAGE_BYTES
        for i in range(PE_GUEST_NUMBERS):
            numbers[1 + i] = counts[i] * <uint64_t>PAGE_BYTES if i < <int>LEVELS else counts[i]
        return 0

    def state(self) -> bytes:
        """The guest as it is, to ``restore`` one of the same size and replacement from."""
        cdef StateOut out = StateOut()
        with self._lock:
            with nogil:
                pe_guest_save(self._guest, &out._out)
        return out.end()

    def restore(self, const uint8_t[::1] state not None):
        """Becomes the guest that ``state`` was told of; CheckpointError, and it stays as it is:
        that was another one, or the bytes are damaged.
        """
        cdef pe_state_in source
        cdef const char *rule = NULL
        cdef pe_status status
        cdef pe_guest *fresh = NULL
        cdef pe_guest *last = NULL
        cdef const char *what
        pe_state_in_begin(&source, -1, &state[0] if state.shape[0] else NULL, 0, state.shape[0])
        try:
            fresh = self._made()
            with nogil:
                status = pe_guest_load(fresh, &source, &rule)
                if status == PE_OK:
                    status = pe_state_in_end(&source)
            if status == PE_ERR_STATE:
                what = rule if rule != NULL else source.reason
                raise errors.CheckpointError(f"the state of a guest: {what.decode()}")
            check(status)
            with self._lock:
                last = self._guest
                self._guest = fresh
                fresh = last
        finally:
            pe_guest_delete(fresh)
            pe_state_in_fini(&source)

    @property
    def options(self) -> dict:
        """What it was made with."""
        return {"pages": self.pages, "swap_pages": self._swap_pages,
                "kernel_pages": self._kernel_pages, "replacement": self.replacement}

    @property
    def stats(self):
        """GuestStats: amounts in bytes, events as cumulative counts of pages."""
        return GuestStats(*self.numbers())

    @property
    def nbytes(self):
        """Bytes of memory that the model itself takes."""
        with self._lock:
            return pe_guest_bytes(self._guest)

    def check(self):
        """Walks every structure; raises CorruptState with the first rule that does not hold."""
        cdef const char *reason = NULL
        cdef bint whole
        with self._lock:
            with nogil:
                whole = pe_guest_check(self._guest, &reason)
        if not whole:
            raise errors.CorruptState(reason.decode())


@cython.final
@cython.internal
cdef class _Ops:
    """The arrays that operations are written to."""

    cdef pe_guest_ops ops
    cdef object _ppns, _flags

    def __init__(self, size_t room):
        cdef int64_t[::1] ppns
        cdef uint8_t[::1] flags
        self._ppns, self._flags = np.empty(room, np.int64), np.empty(room, np.uint8)
        self.ops.room = room
        if room:
            ppns, flags = self._ppns, self._flags
            self.ops.ppn, self.ops.flags = &ppns[0], &flags[0]

    cdef object first(self, size_t done):
        """Those that were written, of so many touches, as Ops."""
        return Ops(done, self._ppns[:self.ops.n], self._flags[:self.ops.n])


cdef tuple _replacements():
    cdef size_t i = 0
    names = []
    while pe_guest_replacement_name(i) != NULL:
        names.append(pe_guest_replacement_name(i).decode())
        i += 1
    return tuple(names)


REPLACEMENTS = _replacements()
NUMBERS = tuple([pe_guest_number_name(i).decode() for i in range(PE_GUEST_NUMBERS)])


def find_replacement(name):
    """The name of a replacement, or an error that says which there are."""
    return given.choice(name, "replacement of a guest", REPLACEMENTS)


def _kind(kind):
    return KINDS[given.choice(kind, "kind", KINDS)]


def _whole(ids):
    """int64 [n], not always contiguous."""
    if type(ids) is np.ndarray and ids.dtype == np.int64 and ids.ndim == 1:
        return ids
    return integers(ids, "ids")


def _ids(ids):
    """int64 [n], contiguous and none negative."""
    array = np.ascontiguousarray(_whole(ids))
    if array.size and array.min() < 0:
        raise ValueError(f"ids must be 0 or more, got {array.min()}")
    return array
