"""SharingTable: from content hash to shared frame or hint. Converts, locks and raises; computes
nothing.
"""

import operator

cimport cython
import numpy as np

from libc.stdint cimport uint8_t, uint32_t, uint64_t

from pageengine._c.sharing cimport *
from pageengine._c.status cimport PE_OK
from pageengine.plumbing._status cimport check

from pageengine import errors

OWNER_MAX = PE_SHARING_OWNER_MAX
EMPTY, HINT, SHARED = 0, 1, 2

cdef tuple KINDS = ("empty", "hint", "shared")


cdef uint64_t below(object value, object limit, str noun) except? 0:
    number = operator.index(value)
    if not 0 <= number < limit:
        raise ValueError(f"{noun} must be from 0 to {limit - 1}, not {number}")
    return number


cdef object array_of(object values, object limit, str noun, object dtype):
    """``values`` as a contiguous one-dimensional array of ``dtype``, all of them below ``limit``; a
    copy that no other thread has.
    """
    array = np.array(values)
    if array.size == 0 and array.ndim <= 1:
        return np.empty(0, dtype)
    if array.dtype.kind not in "iu":
        raise TypeError(f"{noun} must be integers, not {array.dtype}")
    if array.ndim != 1:
        raise ValueError(f"{noun} must be one-dimensional, not of shape {array.shape}")
    if array.dtype != np.uint64 or limit < 2**64:
        for number in (int(array.min()), int(array.max())):
            if not 0 <= number < limit:
                raise ValueError(f"{noun} must be from 0 to {limit - 1}, not {number}")
    return np.ascontiguousarray(array, dtype)


cdef class SharingTable:
    """A table for the content of up to ``frames`` shared frames, and hints in the room that is
    left.

    A *shared* entry names a frame that one or more pages map; a *hint* names the page ("owner",
    below 2**36) that was scanned last with this content. The table sees hashes only: what it finds
    are candidates, to be compared byte by byte. Hints are dropped when there is no room, shared
    entries never. 12.7 bytes per frame, from 92 % load.

    ValueError when frames is negative or above 2**32 - 1; MemoryError.
    """

    cdef pe_sharing _c
    cdef cython.pymutex _lock

    def __cinit__(self, frames):
        check(pe_sharing_init(&self._c, below(frames, 2**32, "frames")))

    def __dealloc__(self):
        pe_sharing_fini(&self._c)

    cdef pe_frame _frame(self, object frame) except? 0:
        number = operator.index(frame)
        if not 0 <= number < self._c.frames:
            raise IndexError(f"frame {number} is out of range: there are {self._c.frames} frames")
        return number

    cdef bint _find_hint(self, uint64_t hash, uint64_t owner,
                         pe_sharing_cursor *cursor) noexcept nogil:
        cursor[0] = pe_sharing_find(hash)
        while pe_sharing_next(&self._c, cursor):
            if cursor.kind == PE_ENTRY_HINT and cursor.id == owner:
                return True
        return False

    def hint(self, hash, owner):
        """Adds a hint: page ``owner`` has content ``hash``. False when every place was taken by
        shared entries.
        """
        cdef uint64_t number = below(hash, 2**64, "hash")
        cdef uint64_t who = below(owner, OWNER_MAX + 1, "owner")
        with self._lock:
            return <bint>pe_sharing_hint(&self._c, number, who)

    def candidates(self, hash):
        """What may have the content ``hash``: list of ("shared", frame) and ("hint", owner),
        without expired hints.
        """
        cdef pe_sharing_cursor cursor = pe_sharing_find(below(hash, 2**64, "hash"))
        found = []
        with self._lock:
            while pe_sharing_next(&self._c, &cursor):
                found.append((KINDS[<int>cursor.kind], cursor.id))
        return found

    def refresh(self, hash, owner):
        """The hint was seen again: it lives two more generations. False when there is no such
        hint.
        """
        cdef uint64_t number = below(hash, 2**64, "hash")
        cdef uint64_t who = below(owner, OWNER_MAX + 1, "owner")
        cdef pe_sharing_cursor cursor
        with self._lock:
            if not self._find_hint(number, who, &cursor):
                return False
            pe_sharing_refresh(&self._c, &cursor)
        return True

    def forget(self, hash, owner):
        """Removes a hint. False when there is no such hint."""
        cdef uint64_t number = below(hash, 2**64, "hash")
        cdef uint64_t who = below(owner, OWNER_MAX + 1, "owner")
        cdef pe_sharing_cursor cursor
        with self._lock:
            if not self._find_hint(number, who, &cursor):
                return False
            pe_sharing_forget(&self._c, &cursor)
        return True

    def promote(self, hash, owner, frame):
        """Makes the hint a shared entry for ``frame``, with one mapper: the owner. False when there
        is no such hint.

        IndexError for a frame that does not exist, ValueError for one that is shared already.
        """
        cdef uint64_t number = below(hash, 2**64, "hash")
        cdef uint64_t who = below(owner, OWNER_MAX + 1, "owner")
        cdef pe_frame target = self._frame(frame)
        cdef pe_sharing_cursor cursor
        with self._lock:
            self._must_be_shared(target, False)
            if not self._find_hint(number, who, &cursor):
                return False
            pe_sharing_promote(&self._c, &cursor, target)
            check(pe_sharing_attach(&self._c, target))
        return True

    cdef int _must_be_shared(self, pe_frame frame, bint shared) except -1:
        if (self._c.mappers[frame] > 0) != shared:
            raise ValueError(f"frame {frame} is " + ("not shared" if shared else "shared already"))
        return 0

    def insert(self, hash, frame):
        """Adds a shared entry for ``frame``, with one mapper.

        IndexError for a frame that does not exist, ValueError for one that is shared already;
        CacheFull when no place could be made: a hash has 16, and frames of one content are shared
        as one, so that is practically never.
        """
        cdef uint64_t number = below(hash, 2**64, "hash")
        cdef pe_frame target = self._frame(frame)
        with self._lock:
            self._must_be_shared(target, False)
            if pe_sharing_insert(&self._c, number, target) != PE_OK:
                raise errors.CacheFull(f"no place for frame {target}")
            check(pe_sharing_attach(&self._c, target))

    def attach(self, frame):
        """One more page maps the frame; returns how many do now.

        ValueError when it is not shared; CountOverflow at 2**32 - 1.
        """
        cdef pe_frame target = self._frame(frame)
        with self._lock:
            self._must_be_shared(target, True)
            check(pe_sharing_attach(&self._c, target))
            return self._c.mappers[target]

    def detach(self, frame):
        """One page less maps the frame; returns how many are left. ValueError for the last: that is
        ``remove``.
        """
        cdef pe_frame target = self._frame(frame)
        with self._lock:
            self._must_be_shared(target, True)
            if self._c.mappers[target] == 1:
                raise ValueError(f"frame {target} has one mapper left; it leaves with remove()")
            return pe_sharing_detach(&self._c, target)

    def remove(self, hash, frame):
        """Removes the shared entry of a frame with one mapper. False when it is not there under
        this hash.

        ValueError when the frame has more mappers.
        """
        cdef uint64_t number = below(hash, 2**64, "hash")
        cdef pe_frame target = self._frame(frame)
        with self._lock:
            if self._c.mappers[target] > 1:
                raise ValueError(f"frame {target} has {self._c.mappers[target]} mappers")
            return <bint>pe_sharing_remove(&self._c, number, target)

    def mappers(self, frame):
        """How many pages map the frame; 0 when it is not shared."""
        cdef pe_frame target = self._frame(frame)
        with self._lock:
            return self._c.mappers[target]

    def lookup(self, hashes):
        """First candidates of many hashes: (uint8[n] of EMPTY, HINT or SHARED, uint64[n] of frames
        or owners).
        """
        cdef const uint64_t[::1] view = array_of(hashes, 2**64, "hashes", np.uint64)
        cdef size_t n = view.shape[0]
        kinds, ids = np.empty(n, np.uint8), np.empty(n, np.uint64)
        cdef uint8_t[::1] kind = kinds
        cdef uint64_t[::1] id = ids
        if n > 0:
            with self._lock, nogil:
                pe_sharing_lookup_many(&self._c, &view[0], n, &kind[0], &id[0])
        return kinds, ids

    def hints(self, hashes, owners):
        """Adds many hints (integer arrays of one length); returns how many found a place."""
        cdef const uint64_t[::1] view = array_of(hashes, 2**64, "hashes", np.uint64)
        cdef const uint64_t[::1] who = array_of(owners, OWNER_MAX + 1, "owners", np.uint64)
        cdef size_t n = view.shape[0], placed = 0
        if who.shape[0] != view.shape[0]:
            raise ValueError(f"there are {view.shape[0]} hashes and {who.shape[0]} owners")
        if n > 0:
            with self._lock, nogil:
                placed = pe_sharing_hint_many(&self._c, &view[0], &who[0], n)
        return placed

    def inserts(self, hashes, frames):
        """Adds many shared entries with one mapper each (integer arrays of one length).

        On an error the entries before the one that failed are in: ValueError for a frame that is
        shared already, CacheFull. IndexError, and nothing done, for a frame that does not exist.
        """
        cdef const uint64_t[::1] view = array_of(hashes, 2**64, "hashes", np.uint64)
        array = array_of(frames, 2**32, "frames", np.uint32)
        if array.size:
            self._frame(array.max())
        cdef const uint32_t[::1] targets = array
        cdef size_t n = view.shape[0], done = 0
        if targets.shape[0] != view.shape[0]:
            raise ValueError(f"there are {view.shape[0]} hashes and {targets.shape[0]} frames")
        if n == 0:
            return
        with self._lock:
            with nogil:
                done = pe_sharing_insert_many(&self._c, &view[0], &targets[0], n)
            if done < n:
                self._must_be_shared(targets[done], False)
                raise errors.CacheFull(f"no place for frame {targets[done]}")

    def new_generation(self):
        """A scan pass is over: hints neither added nor refreshed in this pass or the next
        expire.
        """
        with self._lock, nogil:
            pe_sharing_new_generation(&self._c)

    def check(self):
        """Walks the whole table; raises CorruptState with the rule that is broken, if one is."""
        cdef const char *reason = NULL
        cdef bint sound
        with self._lock, nogil:
            sound = pe_sharing_check(&self._c, &reason)
        if not sound and reason == NULL:
            raise MemoryError("there is no memory to check with")
        if not sound:
            raise errors.CorruptState(reason.decode())

    @property
    def frames(self):
        """Frames that can be shared."""
        return self._c.frames

    @property
    def slots(self):
        """Entries that fit."""
        return self._c.buckets * 8

    @property
    def shared(self):
        """Shared entries: frames that pages map."""
        return self._c.shared

    @property
    def hint_count(self):
        """Hints, expired ones included until something takes their place."""
        return self._c.hints

    @property
    def hints_dropped(self):
        """Live hints that gave way to other entries, ever."""
        return self._c.hints_dropped

    @property
    def moves(self):
        """Entries moved to their other bucket to make room, ever."""
        return self._c.kicks

    @property
    def mapped(self):
        """Pages that map shared frames; ``mapped - shared`` frames are saved."""
        return self._c.mapped

    @property
    def generation(self):
        """Number of the scan pass, modulo 4."""
        return self._c.generation

    @property
    def nbytes(self):
        """Memory of the table in bytes, touched or not."""
        return pe_sharing_bytes(&self._c)
