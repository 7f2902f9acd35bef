"""Contents of the pages of one simulated VM, as tokens: the batch call behind
``lab.contents.ContentProfile``.
"""

import numpy as np

from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t

from pageengine._c.profile cimport *

STEPS = PE_PROFILE_STEPS


cdef int _check(const int64_t[::1] pages, const uint8_t[::1] kinds, Py_ssize_t count) except -1:
    if pages.shape[0] != kinds.shape[0]:
        raise ValueError(f"{pages.shape[0]} pages and {kinds.shape[0]} kinds")
    for i in range(pages.shape[0]):
        if not 0 <= pages[i] < count:
            raise IndexError(f"PPN {pages[i]} is not one of the {count} pages that have a version")
    return 0


cdef class VMContents:
    """salt: of the profile, an int from 0 to 2**64 - 1, a multiple of 8. vm: an int of that
    range. marks: float64 [4], the ends of the parts that are zero, of one word, common, repeated
    within. copies: pages that share a content within the VM. units: uint8 [STEPS], compressed
    sizes in 64 bytes.
    """

    def __cinit__(self, salt, vm, marks, copies, units):
        cdef const double[::1] ends = np.ascontiguousarray(marks, dtype=np.float64)
        cdef const uint8_t[::1] sizes = np.ascontiguousarray(units, dtype=np.uint8)
        if ends.shape[0] != 4 or sizes.shape[0] != PE_PROFILE_STEPS or copies < 1:
            raise ValueError(
                f"marks must be 4 numbers, units {STEPS} and copies 1 or more, "
                f"got {ends.shape[0]}, {sizes.shape[0]} and {copies}"
            )
        pe_profile_init(&self._profile, salt, vm, &ends[0], copies, &sizes[0])

    def tokens(self, ppns, versions):
        """Tokens uint64 [n] of pages int64 [n] in versions int32 [n]; version 0 is a page's first
        content.
        """
        cdef const int64_t[::1] pages = np.ascontiguousarray(ppns, dtype=np.int64)
        cdef const int32_t[::1] numbers = np.ascontiguousarray(versions, dtype=np.int32)
        if pages.shape[0] != numbers.shape[0]:
            raise ValueError(f"{pages.shape[0]} pages and {numbers.shape[0]} versions")
        out = np.empty(pages.shape[0], np.uint64)
        cdef uint64_t[::1] view = out
        if pages.shape[0] > 0:
            with nogil:
                pe_profile_tokens(
                    &self._profile, <size_t>pages.shape[0], &pages[0], &numbers[0], &view[0]
                )
        return out

    def written(self, ppns, kinds, uint8_t zeroed, versions):
        """Tokens uint64 [n] of pages int64 [n] that are written now, by versions int32 [pages of
        the VM]; zero for those of kinds uint8 [n] that have a bit of ``zeroed``.
        """
        cdef const int64_t[::1] pages = np.array(ppns)  # checked, and then used without the GIL
        cdef const uint8_t[::1] whats = kinds
        cdef const int32_t[::1] numbers = versions
        out = np.empty(pages.shape[0], np.uint64)
        cdef uint64_t[::1] view = out
        _check(pages, whats, numbers.shape[0])
        if pages.shape[0] > 0:
            with nogil:
                pe_profile_written(&self._profile, <size_t>pages.shape[0], &pages[0], &whats[0],
                                   zeroed, &numbers[0], &view[0])
        return out

    @staticmethod
    def go_on(ppns, kinds, uint8_t zeroed, versions):
        """They were written: the versions of those that were not zeroed go on by one."""
        cdef const int64_t[::1] pages = ppns
        cdef const uint8_t[::1] whats = kinds
        cdef int32_t[::1] numbers = versions
        _check(pages, whats, numbers.shape[0])
        if pages.shape[0] > 0:
            pe_profile_next(<size_t>pages.shape[0], &pages[0], &whats[0], zeroed, &numbers[0])

    def __reduce__(self):
        raise TypeError("VMContents cannot be pickled; make it again from its profile")
