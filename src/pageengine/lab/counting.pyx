"""Counting: what happened to many VMs, by kinds of events, in one pass over all of it."""

from math import fsum

import numpy as np

from libc.stdint cimport int64_t


def stacked(rows, Py_ssize_t n):
    """Counts of n VMs by kind, each int64 [n]: int64 [kinds, n]."""
    cdef const int64_t[:] row
    cdef Py_ssize_t i, j
    found = np.empty((len(rows), n), np.int64)
    cdef int64_t[:, ::1] view = found
    for i, each in enumerate(rows):
        row = each
        if row.shape[0] != n:
            raise ValueError(f"counts of {row.shape[0]} VMs among those of {n}")
        for j in range(n):
            view[i, j] = row[j]
    return found


def since(const int64_t[:, :] after, const int64_t[:, :] before):
    """How much counters int64 [kinds, VMs] have grown, and the sums by kind. One that is smaller
    than before began anew.
    """
    cdef Py_ssize_t kinds = after.shape[0], n = after.shape[1], i, j
    cdef int64_t sum_
    if before.shape[0] != kinds or before.shape[1] != n:
        raise ValueError(f"{kinds} counters of {n} VMs, and {before.shape[0]} of {before.shape[1]}")
    found, sums = np.empty((kinds, n), np.int64), []
    cdef int64_t[:, ::1] view = found
    for i in range(kinds):
        sum_ = 0
        for j in range(n):
            view[i, j] = after[i, j] - before[i, j] if after[i, j] >= before[i, j] else after[i, j]
            sum_ += view[i, j]
        sums.append(sum_)
    return found, sums


def weighed(counts, const double[::1] weights):
    """Sums over the kinds of counts, int64 [VMs] each, times their weights float64 [kinds]: float64
    [VMs], each rounded once, whatever the order.
    """
    cdef Py_ssize_t n = len(counts[0]) if len(counts) else 0, i, j
    cdef const int64_t[:, ::1] table = stacked(counts, n)
    cdef Py_ssize_t kinds = table.shape[0]
    cdef double part, sum_
    cdef int parts
    if weights.shape[0] != kinds:
        raise ValueError(f"{kinds} kinds of events and {weights.shape[0]} weights")
    found = np.empty(n)
    cdef double[::1] view = found
    for j in range(n):
        sum_, parts = 0, 0
        for i in range(kinds):
            part = weights[i] * <double>table[i, j]
            sum_ += part
            parts += part != 0
        if parts > 2:  # of two the sum is rounded once
            sum_ = fsum([weights[i] * <double>table[i, j] for i in range(kinds)])
        view[j] = sum_
    return found
