"""Draws: random pages of simulated programs, the numbers that a numpy Generator would give."""

import numpy as np

from cpython.pycapsule cimport PyCapsule_GetPointer
from libc.stdint cimport int64_t, uint8_t, uint32_t

from pageengine._c.draws cimport *


cdef class Popularity:
    """How popular things are, the most popular first. ends: float64 [n], the part of all draws that
    fall on each and those before it; the last is 1.
    """

    def __cinit__(self, ends):
        made = np.array(ends, dtype=np.float64)
        n = made.size
        if not 0 < n < 2**32 or made.shape != (n,):
            raise ValueError(f"ends must be one row, got an array of shape {made.shape}")
        if made[n - 1] != 1 or made[0] < 0 or not (np.diff(made) >= 0).all():
            raise ValueError(f"ends must rise from 0 to 1, got {made[0]} to {made[n - 1]}")
        self._ends = made
        self._guide = np.searchsorted(made, np.arange(n) / n, side="right").astype(np.uint32)

    def __len__(self):
        return self._ends.shape[0]

    def __reduce__(self):
        raise TypeError("a Popularity cannot be pickled; make it again")


cdef class Ranks:
    """Things and how popular they are. names: whole numbers [n] below 2**32, the most popular
    first. Many Ranks may go by one Popularity, whose tables stay in the caches then.
    """

    def __cinit__(self, names, Popularity popularity not None):
        wide = np.array(names, dtype=np.int64)
        if wide.shape != (len(popularity),) or not 0 <= wide.min() <= wide.max() < 2**32:
            raise ValueError(
                f"there must be one name, from 0 to below 2**32, for each of {len(popularity)}, "
                f"got an array of shape {wide.shape}")
        self._names, self._popularity = wide.astype(np.uint32), popularity
        self._ranks.names, self._ranks.guide = &self._names[0], &popularity._guide[0]
        self._ranks.ends, self._ranks.count = &popularity._ends[0], len(popularity)

    def __reduce__(self):
        raise TypeError("Ranks cannot be pickled; make them again")


cdef class Draws:
    """generator: a numpy Generator, whose state goes on as if it had drawn itself."""

    def __cinit__(self, generator):
        bits = generator.bit_generator
        self._source = <const pe_source *>PyCapsule_GetPointer(bits.capsule, "BitGenerator")
        self._generator, self._lock = generator, bits.lock

    def below(self, bound, Py_ssize_t n):
        """``integers(0, bound, n)``"""
        return self.window(0, bound, bound, n)

    def window(self, first, size, pages, Py_ssize_t n):
        """``(first + integers(0, size, n)) % pages``"""
        if not 0 < size <= pages < 2**32 or not 0 <= first <= pages or n < 0:
            raise ValueError(f"no window of {size} of {pages} pages from {first} on, {n} times")
        out = np.empty(n, np.int64)
        cdef int64_t[::1] view = out
        if n > 0:
            with self._lock:
                pe_draws_window(self._source, first, size, pages, n, &view[0])
        return out

    def part(self, double part, Py_ssize_t n):
        """``random(n) < part``"""
        out = np.empty(n, np.bool_)
        cdef uint8_t[::1] view = out.view(np.uint8)
        if n > 0:
            with self._lock:
                pe_draws_part(self._source, part, n, &view[0])
        return out

    def ranks(self, Ranks of not None, Py_ssize_t n):
        """Names of ``of`` by their popularity, int64 [n], a ``random`` each."""
        out = np.empty(n, np.int64)
        cdef int64_t[::1] view = out
        if n > 0:
            with self._lock:
                pe_draws_ranks(self._source, &of._ranks, n, &view[0])
        return out

    def __reduce__(self):
        raise TypeError("Draws cannot be pickled; make them again from their generator")
