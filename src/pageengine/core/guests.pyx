"""Guests: what is asked of many at once."""

import numpy as np

from libc.stdint cimport int64_t

from pageengine.core.guest cimport NUMBERS_OF, Guest


def numbers_of(guests):
    """``numbers()`` of each, int64 [numbers, n]; zeroes for None."""
    cdef int64_t numbers[NUMBERS_OF]
    cdef Py_ssize_t i, column
    found = np.zeros((NUMBERS_OF, len(guests)), np.int64)
    cdef int64_t[:, ::1] view = found
    for column, each in enumerate(guests):
        if each is None:
            continue
        if type(each) is not Guest:  # somebody's own
            found[:, column] = each.numbers()
            continue
        (<Guest>each)._count(numbers)
        for i in range(NUMBERS_OF):
            view[i, column] = numbers[i]
    return found
