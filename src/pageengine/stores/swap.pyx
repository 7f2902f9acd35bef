"""SwapSpace: page-sized slots in a temporary file, each with a checksum. Converts, locks and
raises.
"""

import errno
import operator
import os
import tempfile

import numpy as np

from libc.stdint cimport uint8_t, uint32_t

from pageengine._c.frames cimport pe_frames_idle, pe_frames_is_idle
from pageengine._c.status cimport PE_ERR_BACKING, PE_ERR_SWAP_CORRUPT, PE_OK, pe_status
from pageengine._c.swap cimport *
from pageengine.plumbing._status cimport check
from pageengine.stores.frames cimport ids
from pageengine.plumbing.lock cimport CallLock

from pageengine import errors
from pageengine.stores.frames import COUNT_MAX as _COUNT_MAX

PAGE_BYTES = 4096


def _slot_count(slots):
    number = operator.index(slots)
    if not 0 <= number <= _COUNT_MAX:
        raise ValueError(f"slots must be from 0 to {_COUNT_MAX}, not {number}")
    return number


cdef class SwapSpace:
    """``slots`` places for one page each, in a file that has no name and vanishes with this object.

    The file is made in ``directory`` (default: the directory for temporary files); it grows as
    slots are written. A context manager: leaving it closes. Used after that, every method raises
    ``Closed``.

    ValueError when slots is negative or above 2**32 - 64; OSError when the directory is missing or
    not writable.
    """

    cdef pe_swap _c
    cdef CallLock _lock
    cdef bint _made, _is_open

    def __cinit__(self):
        self._lock = CallLock("swap space")

    def __init__(self, slots, directory=None):
        number = _slot_count(slots)
        if self._made:
            raise RuntimeError("a SwapSpace is made only once")
        with tempfile.TemporaryFile(prefix="pageengine-", dir=directory, buffering=0) as file:
            check(pe_swap_init(&self._c, number, file.fileno()))
        self._made = self._is_open = True

    def __dealloc__(self):
        pe_swap_fini(&self._c)

    cdef int _open(self) except -1:
        """Raises Closed unless there is a file; to be called under the lock."""
        if not self._is_open:
            raise errors.Closed("the swap space is closed")
        return 0

    def write(self, pages):
        """Writes pages (uint8 [n, 4096]) to free slots, in clusters of up to 256; returns the
        slots, uint32 [n].

        Writes as many as fit: the array is short when swap space becomes full; SwapFull when not
        one page fits. SwapError with ``errno`` when the file cannot be written: no page of this
        call is kept then, no slot is lost, and what was written before stays.
        """
        array = np.asarray(pages)
        if array.dtype != np.uint8:
            raise TypeError(f"pages must be uint8, not {array.dtype}")
        if array.ndim != 2 or array.shape[1] != PAGE_BYTES:
            raise ValueError(f"pages must have the shape (n, {PAGE_BYTES}), not {array.shape}")
        if array.shape[0] > _COUNT_MAX:
            raise ValueError(f"at most {_COUNT_MAX} pages at once, not {array.shape[0]}")
        cdef const uint8_t[:, ::1] data = np.ascontiguousarray(array)
        cdef uint32_t n = data.shape[0], done = 0
        slots = np.empty(n, np.uint32)
        cdef uint32_t[::1] out = slots
        cdef pe_status status = PE_OK
        cdef int error
        with self._lock:
            self._open()
            if n > 0:
                with nogil:
                    status = pe_swap_write_many(&self._c, n, &data[0, 0], &out[0], &done)
            error = self._c.error
        if status == PE_ERR_BACKING:
            cause = os.strerror(error)
            raise errors.SwapError(error, f"{n} pages could not be swapped out: {cause}")
        check(status)
        if n > 0 and done == 0:
            raise errors.SwapFull(
                f"all {self.slots} slots are taken; {n} pages stay where they are"
            )
        return slots[:done]

    def read(self, slots):
        """Reads the pages of taken slots: uint8 [n, 4096]. The slots stay taken.

        IndexError for a slot that does not exist, ValueError for a free one. SwapCorruption when a
        slot does not hold what was written to it; SwapError with ``errno`` when the file cannot be
        read (EIO when it ends too early).
        """
        cdef pe_status status = PE_OK
        cdef uint32_t n, done = 0
        cdef int error
        cdef const uint32_t[::1] numbers
        cdef uint8_t[:, ::1] out
        with self._lock:
            self._open()
            numbers = self._taken(slots)
            n = numbers.shape[0]
            pages = np.empty((n, PAGE_BYTES), np.uint8)
            out = pages
            if n > 0:
                with nogil:
                    status = pe_swap_read_many(&self._c, n, &numbers[0], &out[0, 0], &done)
            error = self._c.error
        if status == PE_ERR_SWAP_CORRUPT:
            raise errors.SwapCorruption(
                f"slot {numbers[done]} does not hold what was written to it"
            )
        if status == PE_ERR_BACKING:
            cause = os.strerror(error) if error else "the swap file ends before it"
            raise errors.SwapError(
                error or errno.EIO, f"slot {numbers[done]} could not be read: {cause}"
            )
        check(status)
        return pages

    cdef object _taken(self, object slots):
        """``slots`` as uint32 array, all of them taken; under the lock."""
        array = ids(slots, self._c.slots.count, "slot")
        cdef const uint32_t[::1] numbers = array
        cdef Py_ssize_t i
        for i in range(numbers.shape[0]):
            if pe_frames_is_idle(&self._c.slots, numbers[i]):
                raise ValueError(f"slot {numbers[i]} is free")
        return array

    def give_back(self, slots):
        """Frees taken slots (integer array or one integer). Nothing is changed on an error.

        IndexError for a slot that does not exist; ValueError for one that is free or named twice.
        """
        cdef const uint32_t[::1] numbers
        cdef uint32_t n, given
        with self._lock:
            self._open()
            numbers = ids(slots, self._c.slots.count, "slot")
            n = given = numbers.shape[0]
            if n > 0:
                with nogil:
                    given = pe_swap_give_back_checked(&self._c, n, &numbers[0])
            if given < n:
                is_free = pe_frames_is_idle(&self._c.slots, numbers[given])
                fault = "free" if is_free else "named twice"
                raise ValueError(f"slot {numbers[given]} is {fault}")

    def grow(self, slots):
        """Makes it at least ``slots`` slots; what is in them stays. ValueError and MemoryError as
        at the start.
        """
        number = _slot_count(slots)
        with self._lock:
            self._open()
            check(pe_swap_grow(&self._c, number))

    def check(self):
        """Walks the bookkeeping (not the file); raises CorruptState with the rule that is broken,
        if one is.
        """
        cdef const char *reason = NULL
        cdef bint sound = False
        with self._lock:
            self._open()
            with nogil:
                sound = pe_swap_check(&self._c, &reason)
        if not sound:
            raise errors.CorruptState(reason.decode())

    def fileno(self):
        """The descriptor of the file; slot s is at byte 4096 * s. For tests and tools: do not close
        it.
        """
        with self._lock:
            self._open()
            return self._c.file

    def close(self):
        """Closes the file, which gives its room on the disk back. Legal twice, and in a forked
        child, where it does nothing.
        """
        if self._lock.forked:
            return
        with self._lock:
            self._is_open = False
            pe_swap_fini(&self._c)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @property
    def slots(self):
        """Slots in all; 0 when closed."""
        return self._c.slots.count

    @property
    def free(self):
        """Slots that can be written to."""
        return pe_frames_idle(&self._c.slots)

    @property
    def nbytes(self):
        """Memory of the bookkeeping in bytes."""
        return pe_swap_bytes(&self._c)

    @property
    def written_pages(self):
        """Pages written so far."""
        return self._c.written

    @property
    def read_pages(self):
        """Pages read and verified so far."""
        return self._c.read

    @property
    def write_calls(self):
        """Clusters written: calls to the system, failed ones included."""
        return self._c.write_calls

    @property
    def read_calls(self):
        """Runs of neighbouring slots read: calls to the system, failed ones included."""
        return self._c.read_calls

    def __repr__(self):
        if not self._is_open:
            return "SwapSpace(closed)"
        return f"SwapSpace(slots={self.slots}, free={self.free})"
