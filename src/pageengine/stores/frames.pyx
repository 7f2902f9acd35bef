"""FrameBitmap: which machine frames of a host are idle. Converts, locks and raises; computes
nothing.
"""

import operator

cimport cython
import numpy as np

from libc.stdint cimport uint32_t

from pageengine._c.frames cimport *
from pageengine.plumbing._status cimport check

from pageengine import errors

COUNT_MAX = 2**32 - 64


cdef object ids(object values, uint32_t count, str noun):
    """``values`` as a contiguous uint32 array of numbers below ``count``, a copy that no other
    thread has; ``noun`` is for messages.
    """
    array = np.array(values)
    if array.size == 0 and array.ndim <= 1:
        return np.empty(0, np.uint32)
    if array.dtype.kind not in "iu":
        raise TypeError(f"{noun}s must be integers, not {array.dtype}")
    if array.ndim > 1:
        raise ValueError(f"{noun}s must be one-dimensional, not of shape {array.shape}")
    array = np.atleast_1d(array)
    for number in (int(array.min()), int(array.max())):
        if not 0 <= number < count:
            raise IndexError(f"{noun} {number} is out of range: there are {count} {noun}s")
    return np.ascontiguousarray(array, np.uint32)


cdef class FrameBitmap:
    """A bitmap of ``count`` frames, all idle at first.

    Next fit: a frame that is taken is the lowest idle one of the 64 frames where the last one was
    taken, or the next idle one after them, wrapping at the end. One bit per frame and 1/60 of that
    for summaries.

    ValueError when count is negative or above 2**32 - 64; MemoryError.
    """

    cdef pe_frames _c
    cdef cython.pymutex _lock
    cdef bint _made

    def __init__(self, count):
        number = operator.index(count)
        if not 0 <= number <= COUNT_MAX:
            raise ValueError(f"count must be from 0 to {COUNT_MAX}, not {number}")
        if self._made:
            raise RuntimeError("a FrameBitmap is made only once")
        check(pe_frames_init(&self._c, number))
        self._made = True

    def __dealloc__(self):
        pe_frames_fini(&self._c)

    def take(self, n=1):
        """Takes up to ``n`` idle frames: uint32 array, shorter than n when fewer are idle.

        The frames, and their order, are those that n calls of ``take(1)`` would give.
        ValueError when n is negative.
        """
        number = operator.index(n)
        if number < 0:
            raise ValueError(f"n must not be negative, not {number}")
        cdef uint32_t want
        cdef uint32_t[::1] out
        with self._lock:
            want = min(number, pe_frames_idle(&self._c))
            frames = np.empty(want, np.uint32)
            if want > 0:
                out = frames
                with nogil:
                    pe_frames_take_many(&self._c, want, &out[0])
        return frames

    def give_back(self, frames):
        """Gives back taken frames (integer array or one integer). Nothing is changed on an error.

        IndexError for a frame that does not exist; ValueError for one that is idle or named twice.
        """
        if type(frames) is np.ndarray and frames.dtype == np.uint32 and frames.ndim == 1:
            frames = np.array(frames, order="C")  # the core sees what does not exist
        else:
            frames = ids(frames, self._c.count, "frame")
        cdef const uint32_t[::1] numbers = frames
        cdef uint32_t n = numbers.shape[0], given = n
        with self._lock:
            if n > 0:
                with nogil:
                    given = pe_frames_give_back_checked(&self._c, n, &numbers[0])
            if given < n:
                ids(frames, self._c.count, "frame")
                idle = pe_frames_is_idle(&self._c, numbers[given])
                fault = "idle" if idle else "named twice"
                raise ValueError(f"frame {numbers[given]} is {fault}")

    def is_idle(self, frame):
        """Whether the frame is idle. IndexError when it does not exist."""
        number = operator.index(frame)
        if not 0 <= number < self._c.count:
            raise IndexError(f"frame {number} is out of range: there are {self._c.count} frames")
        with self._lock:
            return <bint>pe_frames_is_idle(&self._c, number)

    def check(self):
        """Walks the whole bitmap; raises CorruptState with the rule that is broken, if one is."""
        cdef const char *reason = NULL
        cdef bint sound
        with self._lock, nogil:
            sound = pe_frames_check(&self._c, &reason)
        if not sound:
            raise errors.CorruptState(reason.decode())

    @property
    def count(self):
        """Frames in all."""
        return self._c.count

    @property
    def idle(self):
        """Frames that can be taken."""
        return pe_frames_idle(&self._c)

    @property
    def taken(self):
        """Frames that were taken and not given back: ``count - idle``."""
        return self._c.count - pe_frames_idle(&self._c)

    @property
    def nbytes(self):
        """Memory of the bitmap and its summaries in bytes."""
        return pe_frames_bytes(&self._c)

    def __repr__(self):
        return f"FrameBitmap(count={self.count}, idle={self.idle})"
