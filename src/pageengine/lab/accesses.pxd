# Accesses of one VM: arrays in one piece of memory, as they are put in order and made.

from libc.stdint cimport int64_t, uint8_t, uint64_t

from pageengine._c.guest cimport *
from pageengine.core.guest cimport Guest
from pageengine.plumbing._status cimport check

cdef enum:
    PER_ACCESS = 3 * 8 + 2  # bytes of room


cdef struct accesses:
    size_t n
    int64_t *ppns
    uint8_t *kinds
    int64_t *other_ppns   # room to put them in order
    uint8_t *other_kinds
    uint64_t *tokens      # and for what they write


cdef inline void lay_out(accesses *self, char *room, size_t n) noexcept:
    """room: of n times PER_ACCESS."""
    self.n = n
    self.ppns = <int64_t *>room
    self.other_ppns, self.tokens = self.ppns + n, <uint64_t *>self.ppns + 2 * n
    self.kinds = <uint8_t *>(self.ppns + 3 * n)
    self.other_kinds = self.kinds + n


cdef inline accesses split(accesses *self, size_t n) noexcept:
    """Those behind the n-th, in no need of room of their own; the first n are left."""
    cdef accesses behind = self[0]
    behind.n, behind.ppns, behind.kinds = self.n - n, self.ppns + n, self.kinds + n
    self.n = n
    return behind


cdef inline size_t most_of_guest(size_t n) noexcept:
    """What a guest does for n touches at most; PER_ACCESS times that keeps numbers aligned."""
    return (2 * n + PE_GUEST_BATCH + 3) // 4 * 4 if n else 0


cdef inline int touch_guest(Guest guest, accesses *touches, accesses *found) except -1:
    """What a guest does for these touches of its virtual pages, which ``found`` has room for."""
    cdef pe_guest_made made = [0, 0]
    cdef pe_guest_ops ops
    cdef pe_guest_touches all_
    ops.ppn, ops.flags, ops.n, ops.room = found.ppns, found.kinds, 0, found.n
    all_.kind, all_.n, all_.all_write, all_.write = PE_GUEST_MEMORY, touches.n, False, touches.kinds
    all_.ids, all_.stride = touches.ppns, sizeof(int64_t)
    if touches.n:
        check(guest._make(&all_, &ops, &made))
    found.n = ops.n
    return 0
