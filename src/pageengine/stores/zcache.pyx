"""CompressionCache: compressed pages packed into page frames of its own. Converts, locks, raises.
"""

import operator

cimport cython
import numpy as np

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy

from pageengine._c.codec cimport pe_codec
from pageengine._c.frames cimport *
from pageengine._c.status cimport PE_NO_FRAME, PE_NO_ROOM, PE_OK, pe_status
from pageengine._c.zcache cimport *
from pageengine.plumbing._status cimport check
from pageengine.stores.codec cimport Codec

from pageengine import errors

PAGE_BYTES = 4096
NONE = 2**32 - 1  # in the place of a blob: the page does not fit half a page
GROUPS_MAX = 2**16
OWNER_MAX = 2**48 - 1
DEF PAYLOAD_MAX = 2048
DEF PAGE = 4096


cdef class CompressionCache:
    """A cache of ``frames`` page frames (4096 bytes each), which hold pages that compress to half a
    page or less.

    codec: a name (see ``pageengine.codecs()``). packing: "esx" (quarters and halves of a frame) or
    "dense" (64-byte size classes). limit: most bytes of slots in use, None for no limit.

    Blobs have numbers, and are kept in order of storing per group (0 to 65535) and over all.
    """

    cdef pe_zcache *_cache
    cdef pe_frames _frames
    cdef uint8_t *_pool
    cdef void *_work
    cdef cython.pymutex _lock
    cdef readonly Codec codec
    cdef readonly str packing
    cdef uint32_t _groups

    def __cinit__(self, frames, *, codec="word", packing="esx", limit=None):
        cdef pe_zcache_config config
        number = operator.index(frames)
        if not 0 < number < 2**31:
            raise ValueError(f"frames must be from 1 to {2**31 - 1}, got {number}")
        if packing not in ("esx", "dense"):
            raise ValueError(f"packing must be 'esx' or 'dense', got {packing!r}")
        self.codec, self.packing = Codec(codec), packing
        self._pool = <uint8_t *>calloc(number, 4096)
        self._work = calloc(1, self.codec.ops.work_bytes + 64)
        if self._pool == NULL or self._work == NULL:
            raise MemoryError(f"no memory for {number} frames")
        check(pe_frames_init(&self._frames, number))
        config.packing = PE_PACKING_DENSE if packing == "dense" else PE_PACKING_ESX
        config.pool = self._pool
        config.limit_bytes = _limit(limit)
        config.memory = NULL
        check(pe_zcache_new(&self._cache, &config))
        self._need_group(0)

    def __dealloc__(self):
        pe_zcache_delete(self._cache)
        pe_frames_fini(&self._frames)
        free(self._pool)
        free(self._work)

    cdef int _need_group(self, uint32_t group) except -1:
        if group >= self._groups:
            check(pe_zcache_groups(self._cache, group + 1))
            self._groups = group + 1
        return 0

    def store(self, pages, owners=None, group=0):
        """Compresses and stores pages, uint8 [n, 4096]; owners: int [n], any numbers from 0 to
        2**48 - 1 that say whose pages they are (default 0). Returns blobs, uint32 [n]: NONE where a
        page does not fit half a page.

        The array is short when no room is left; CacheFull when not one page found room.
        """
        array = np.asarray(pages)
        if array.dtype != np.uint8 or array.ndim != 2 or array.shape[1] != PAGE_BYTES:
            raise ValueError(
                f"pages must be uint8 [n, {PAGE_BYTES}], got {array.dtype} {array.shape}"
            )
        cdef const uint8_t[:, ::1] data = np.ascontiguousarray(array)
        cdef size_t n = data.shape[0], i = 0
        cdef const uint64_t[::1] whose = _owners(owners, n)
        cdef uint32_t which = _group(group)
        out = np.full(n, NONE, np.uint32)
        cdef uint32_t[::1] blobs = out
        cdef pe_status status = PE_OK
        cdef uint8_t page[PAGE]
        with self._lock:
            self._need_group(which)
            with nogil:
                while i < n:
                    memcpy(page, &data[i, 0], PAGE)  # another thread may be writing to it
                    status = self._store(page, whose[i], which, &blobs[i])
                    if status != PE_OK:
                        break
                    i += 1
        if status == PE_NO_ROOM or status == PE_NO_FRAME:
            if i == 0:
                raise errors.CacheFull(
                    f"no room for a page: {self.stats()['slot_bytes']} bytes of slots are in use "
                    f"in {self._frames.count - pe_frames_idle(&self._frames)} of "
                    f"{self._frames.count} frames"
                )
        else:
            check(status)
        return out[:i]

    cdef pe_status _store(self, const uint8_t *page, uint64_t owner, uint32_t group,
                          uint32_t *blob) noexcept nogil:
        cdef uint8_t payload[PAYLOAD_MAX]
        cdef const pe_codec *ops = self.codec.ops
        cdef bool used = False
        cdef uint32_t spare = NONE_FRAME
        cdef size_t length = ops.compress(ops, page, payload, PAYLOAD_MAX, self._work)
        if length == 0:
            return PE_OK
        if pe_zcache_needs_frame(self._cache, length):
            spare = pe_frames_take(&self._frames)
        cdef pe_status status = pe_zcache_store(
            self._cache, group, owner | <uint64_t>group << 48, payload, length, spare, &used, blob)
        if spare != NONE_FRAME and (status != PE_OK or not used):
            pe_frames_give_back(&self._frames, spare)
        return status

    cdef const uint32_t[::1] _held(self, blobs) except *:
        array = np.atleast_1d(np.array(blobs))  # a copy that no other thread has
        if array.ndim != 1 or array.dtype.kind not in "iu":
            raise TypeError(f"blobs must be whole numbers in one row, got {array.dtype}")
        if array.size and (array.min() < 0 or array.max() >= NONE):
            raise IndexError(
                f"blobs must be from 0 to {NONE - 1}, got {array.min()}, {array.max()}"
            )
        cdef const uint32_t[::1] view = np.ascontiguousarray(array, dtype=np.uint32)
        for i in range(view.shape[0]):
            if pe_zcache_owner(self._cache, view[i]) == 2**64 - 1:
                raise IndexError(f"blob {view[i]} (entry {i}) is not in the cache")
        return view

    def load(self, blobs):
        """The pages of blobs, uint8 [n, 4096]; they stay in the cache. IndexError: not there;
        CodecError: a blob does not decode.
        """
        cdef const uint32_t[::1] view
        cdef const pe_codec *ops = self.codec.ops
        cdef size_t length, i, n, bad
        cdef const void *payload
        cdef uint8_t[:, ::1] data
        with self._lock:
            view = self._held(blobs)
            n = bad = view.shape[0]
            out = np.empty((n, PAGE_BYTES), np.uint8)
            data = out
            with nogil:
                for i in range(n):
                    payload = pe_zcache_payload(self._cache, view[i], &length)
                    if not ops.decompress(ops, <const uint8_t *>payload, length, &data[i, 0],
                                          self._work):
                        bad = i
                        break
        if bad < n:
            raise errors.CodecError(f"blob {view[bad]} (entry {bad}) does not decode", bad)
        return out

    def erase(self, blobs) -> None:
        """Removes blobs; frames that become empty are idle again. IndexError: one is not there, or
        named twice, and nothing was removed.
        """
        cdef const uint32_t[::1] view
        cdef uint32_t frame
        with self._lock:
            view = self._held(blobs)
            if len(np.unique(view)) != len(view):
                raise IndexError("a blob is named twice")
            for i in range(view.shape[0]):
                frame = pe_zcache_erase(
                    self._cache, <uint32_t>(pe_zcache_owner(self._cache, view[i]) >> 48), view[i])
                if frame != NONE_FRAME:
                    pe_frames_give_back(&self._frames, frame)

    def owner(self, blob) -> int:
        """The owner of a blob, as it was stored."""
        with self._lock:
            return pe_zcache_owner(self._cache, self._held(blob)[0]) & <uint64_t>OWNER_MAX

    def oldest(self, group=None):
        """The blob that was stored first, of a group or of all; None when there is none."""
        cdef uint32_t which = 0, blob
        with self._lock:
            if group is None:
                blob = pe_zcache_oldest_of_all(self._cache, &which)
            else:
                blob = pe_zcache_oldest(self._cache, _group(group))
        return None if blob == NONE_FRAME else blob

    def set_limit(self, limit, group=None) -> None:
        """Most bytes of slots, over all or of one group; None for no limit. What is there stays."""
        cdef uint64_t most = _limit(limit)
        with self._lock:
            if group is None:
                pe_zcache_set_limit(self._cache, most)
            else:
                self._need_group(_group(group))
                pe_zcache_set_group_limit(self._cache, _group(group), most)

    def stats(self, group=None) -> dict:
        """Counts, of a group or of all: blobs, frames in use (all only), slot_bytes, payload_bytes,
        quarter and half (blobs of at most 1024 bytes, and above).
        """
        with self._lock:
            if group is None:
                return pe_zcache_total(self._cache)
            return pe_zcache_of_group(self._cache, _group(group))

    @property
    def bytes(self) -> int:
        """Memory of the bookkeeping, frames not counted."""
        with self._lock:
            return pe_zcache_bytes(self._cache) + pe_frames_bytes(&self._frames)

    def check(self) -> None:
        """Walks every structure; raises CorruptState with the first rule that does not hold."""
        cdef const char *reason = NULL
        with self._lock:
            if not pe_zcache_check(self._cache, &reason) or not pe_frames_check(&self._frames,
                                                                                &reason):
                raise errors.CorruptState(reason.decode())
            lent = self._frames.count - pe_frames_idle(&self._frames)
            if pe_zcache_total(self._cache).frames != lent:
                raise errors.CorruptState("Z2: the frames in use are not those of the cache")


cdef uint32_t NONE_FRAME = <uint32_t>0xffffffff


def _limit(limit):
    if limit is None:
        return 2**64 - 1
    limit = operator.index(limit)
    if limit < 0:
        raise ValueError(f"limit must be bytes from 0 on or None, got {limit}")
    return limit


def _group(group):
    group = operator.index(group)
    if not 0 <= group < GROUPS_MAX:
        raise ValueError(f"group must be from 0 to {GROUPS_MAX - 1}, got {group}")
    return group


def _owners(owners, n):
    array = np.zeros(n, np.uint64) if owners is None else np.atleast_1d(np.array(owners))
    if array.shape != (n,) or array.dtype.kind not in "iu":
        raise ValueError(f"owners must be {n} whole numbers, got {array.dtype} {array.shape}")
    if n and (array.min() < 0 or array.max() > OWNER_MAX):
        raise ValueError(f"owners must be from 0 to {OWNER_MAX}, got {array.min()}, {array.max()}")
    return np.ascontiguousarray(array, dtype=np.uint64)
