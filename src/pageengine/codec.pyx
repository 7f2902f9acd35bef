"""Codecs for single pages: one page in, at most so many bytes out, or a refusal."""

import numpy as np

from libc.stdint cimport uint8_t, uint32_t
from libc.stdlib cimport calloc, free

from pageengine._c.codec cimport pe_codec, pe_codec_at, pe_codec_find

from pageengine import errors


def codecs():
    """The codecs there are: name -> Codec."""
    found, i = {}, 0
    while pe_codec_at(i) != NULL:
        name = pe_codec_at(i).name.decode()
        found[name] = Codec(name)
        i += 1
    return found


cdef class Codec:
    """A codec by name. Raises ValueError that lists what there is."""

    def __init__(self, name: str):
        self.ops = pe_codec_find(name.encode())
        if self.ops == NULL:
            raise ValueError(f"unknown codec {name!r}; there are: {', '.join(codecs())}")

    @property
    def name(self):
        return self.ops.name.decode()

    @property
    def summary(self):
        return self.ops.summary.decode()

    @property
    def source(self):
        return "built in"

    def sizes(self, const uint8_t[:, ::1] pages, uint32_t max=4096):
        """Compressed sizes in bytes, uint32 [n], of pages uint8 [n, 4096]; 0 where a page does not fit ``max``."""
        if pages.shape[1] != 4096:
            raise ValueError(f"pages must have the shape (n, 4096), got ({pages.shape[0]}, {pages.shape[1]})")
        out = np.zeros(pages.shape[0], dtype=np.uint32)
        cdef uint32_t[::1] view = out
        cdef uint8_t scratch[4096]
        cdef void *work = calloc(1, self.ops.work_bytes + 64)
        cdef size_t i, n = pages.shape[0]
        if work == NULL:
            raise MemoryError
        if max > 4096:
            max = 4096
        with nogil:
            for i in range(n):
                view[i] = <uint32_t>self.ops.compress(self.ops, &pages[i, 0], scratch, max, work)
        free(work)
        return out
