"""Content of pages as numbers, for batches: hashes, zero pages, pages of one repeated word,
equality.

A page is a row of 4096 bytes of a uint8 array. The arrays may be read-only or memory-mapped, and
rows may lie apart (``pages[::2]``); nothing is copied then. Every call releases the GIL.
"""

import operator

import numpy as np

from libc.stdint cimport uint8_t, uint64_t

from pageengine._c.hash cimport *

PAGE_BYTES = 4096

cdef pe_hash_variant BEST = pe_hash_best()  # asking the CPU takes a while in a virtual machine


cdef uint64_t salt_of(object salt) except? 0:
    number = operator.index(salt)
    if not 0 <= number < 2**64:
        raise ValueError(f"salt must be from 0 to 2**64 - 1, not {number}")
    return number


cdef object rows(object pages, str noun):
    """``pages`` as uint8[n, 4096] with contiguous rows."""
    array = np.asarray(pages)
    if array.dtype != np.uint8:
        raise TypeError(f"{noun} must be bytes (uint8), not {array.dtype}")
    if array.ndim != 2 or array.shape[1] != PAGE_BYTES:
        raise ValueError(f"{noun} must be of shape (n, {PAGE_BYTES}), not {array.shape}")
    if array.strides[1] != 1 or array.strides[0] < 0:
        return np.ascontiguousarray(array)
    return array


cdef object output(object out, Py_ssize_t n):
    """A uint64[n] array to write to: ``out`` itself, or a new one."""
    if out is None:
        return np.empty(n, np.uint64)
    if not isinstance(out, np.ndarray) or out.dtype != np.uint64:
        kind = getattr(out, "dtype", type(out).__name__)
        raise TypeError(f"out must be a uint64 array, not {kind}")
    if out.shape != (n,) or not out.flags.c_contiguous or not out.flags.writeable:
        raise ValueError(f"out must be contiguous, writable and of shape ({n},), not {out.shape}")
    return out


cdef Py_ssize_t count_of(const uint8_t[:, :] view) except -1:
    """Rows of a view, which keeps the shape that it was made with; the array that was looked at may
    have got another between the two, from another thread.
    """
    if view.shape[1] != PAGE_BYTES or view.strides[1] != 1 or view.strides[0] < 0:
        raise ValueError("the shape of the pages changed while the call was made")
    return view.shape[0]


def hash_pages(pages, salt=0, out=None):
    """64-bit content hashes of ``pages`` (uint8[n, 4096]): uint64[n], written to ``out`` if given.

    Equal pages have equal hashes, on every computer. Different pages practically never do (2**-64
    each), but only comparing proves equality: ``pages_equal``. Different salts (0 to 2**64 - 1)
    give independent hashes. TypeError and ValueError for arrays of another type or shape.
    """
    cdef pe_hash_key key
    pe_hash_key_init(&key, salt_of(salt), BEST)
    cdef const uint8_t[:, :] view = rows(pages, "pages")
    cdef Py_ssize_t n = count_of(view)
    result = output(out, n)
    cdef uint64_t[::1] hashes = result
    if hashes.shape[0] != n:
        raise ValueError("the shape of out changed while the call was made")
    if n > 0:
        with nogil:
            pe_hash_pages(&key, &view[0, 0], <size_t>view.strides[0], n, &hashes[0])
    return result


def hash_tokens(tokens, salt=0):
    """64-bit hashes of content tokens (integers below 2**64, one-dimensional): uint64[n].

    For one salt, different tokens have different hashes. OverflowError or TypeError for what is not
    uint64.
    """
    array = np.asarray(tokens)
    if array.size == 0:
        array = array.astype(np.uint64)
    if array.dtype.kind not in "iu":
        raise TypeError(f"tokens must be integers, not {array.dtype}")
    if array.ndim != 1:
        raise ValueError(f"tokens must be one-dimensional, not of shape {array.shape}")
    if array.dtype.kind == "i" and array.size and array.min() < 0:
        raise ValueError(f"tokens must not be negative, as {array.min()} is")
    cdef const uint64_t[::1] view = np.ascontiguousarray(array, np.uint64)
    cdef Py_ssize_t i, n = view.shape[0]
    cdef uint64_t number = salt_of(salt)
    result = np.empty(n, np.uint64)
    cdef uint64_t[::1] hashes = result
    with nogil:
        for i in range(n):
            hashes[i] = pe_hash_token(view[i], number)
    return result


def zero_pages(pages):
    """Which of ``pages`` (uint8[n, 4096]) are all zero: bool[n]."""
    cdef const uint8_t[:, :] view = rows(pages, "pages")
    cdef Py_ssize_t n = count_of(view)
    result = np.empty(n, np.bool_)
    cdef uint8_t[::1] zero = result.view(np.uint8)
    if n > 0:
        with nogil:
            pe_pages_are_zero(&view[0, 0], <size_t>view.strides[0], n, <bool_t *>&zero[0])
    return result


def same_filled(pages):
    """Which of ``pages`` (uint8[n, 4096]) are one 64-bit word repeated, and which word: (bool[n],
    uint64[n]).

    Words are little-endian; the word is 0 where the page is not so (and where it is all zero).
    """
    cdef const uint8_t[:, :] view = rows(pages, "pages")
    cdef Py_ssize_t i, n = count_of(view)
    result, filled = np.zeros(n, np.bool_), np.zeros(n, np.uint64)
    cdef uint8_t[::1] same = result.view(np.uint8)
    cdef uint64_t[::1] words = filled
    with nogil:
        for i in range(n):
            same[i] = pe_page_is_same(&view[i, 0], &words[i])
    return result, filled


def pages_equal(a, b):
    """Whether row i of ``a`` equals row i of ``b`` (both uint8[n, 4096]), byte by byte: bool[n]."""
    cdef const uint8_t[:, :] x = rows(a, "a")
    cdef const uint8_t[:, :] y = rows(b, "b")
    cdef Py_ssize_t i, n = count_of(x)
    if n != count_of(y):
        raise ValueError(f"a and b must be of one shape, not {np.shape(a)} and {np.shape(b)}")
    result = np.empty(n, np.bool_)
    cdef uint8_t[::1] equal = result.view(np.uint8)
    with nogil:
        for i in range(n):
            equal[i] = pe_page_equal(&x[i, 0], &y[i, 0])
    return result
