"""Saved states: streams of bytes and numbers that are checked block by block, and a host in one.
Converts, locks and raises; computes nothing.
"""

import os

import numpy as np

from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t, uint32_t, uint64_t

from pageengine._c.state cimport *
from pageengine._c.status cimport PE_ERR_BACKING, PE_ERR_STATE, PE_ERR_SWAP_CORRUPT, PE_OK
from pageengine._c.status cimport pe_status
from pageengine._c.swap cimport PE_SWAP_READ_MAX
from pageengine.core.engine cimport Engine
from pageengine.plumbing._status cimport check

from pageengine import errors

cdef class StateOut:
    """What is written goes to a file from byte ``at`` on, given by its descriptor, or, without one,
    to memory. One thread at a time.
    """

    def __cinit__(self, int file=-1, uint64_t at=0):
        pe_state_out_begin(&self._out, file, at)

    def __dealloc__(self):
        pe_state_out_fini(&self._out)

    def bytes(self, const uint8_t[::1] data):
        """Bytes, with their number before them."""
        cdef size_t n = data.shape[0]
        pe_state_put64(&self._out, n)
        if n:
            pe_state_put(&self._out, &data[0], n)

    def numbers(self, array):
        """Whole numbers of 1 to 8 bytes each, unsigned, [n], packed; their number is not kept."""
        array = np.ascontiguousarray(array)
        cdef const uint8_t[::1] view
        cdef size_t size = array.dtype.itemsize, n = array.size
        if n:
            view = array.view(np.uint8)
            pe_state_put_many(&self._out, &view[0], size, n)

    def end(self):
        """Everything is written: the bytes, where they went to memory, else None."""
        cdef pe_status status = pe_state_out_end(&self._out)
        if status == PE_ERR_BACKING:
            raise OSError(self._out.error, os.strerror(self._out.error))
        check(status)
        if self._out.bytes == NULL:
            return None
        return PyBytes_FromStringAndSize(<char *>self._out.bytes, self._out.length)

    def __reduce__(self):
        raise TypeError("a StateOut cannot be pickled")


cdef class StateIn:
    """What ``StateOut`` wrote: from bytes, or from bytes ``at`` to ``end`` of a file, given by its
    descriptor. CheckpointError: it is something else, or damaged.
    """

    def __cinit__(self, source, uint64_t at=0, uint64_t end=0):
        cdef const uint8_t[::1] view
        if isinstance(source, int):
            pe_state_in_begin(&self._in, source, NULL, at, end)
        else:
            self._kept = view = source
            pe_state_in_begin(&self._in, -1, &view[0] if view.shape[0] else NULL, 0, view.shape[0])
        self._well()

    def __dealloc__(self):
        pe_state_in_fini(&self._in)

    cdef int _well(self) except -1:
        if self._in.status == PE_OK:
            return 0
        if self._in.status == PE_ERR_STATE:
            raise errors.CheckpointError(
                f"{self._in.reason.decode()} (before byte {self._in.at})")
        if self._in.status == PE_ERR_BACKING:
            raise OSError(self._in.error, os.strerror(self._in.error))
        check(self._in.status)
        return 0

    def bytes(self):
        """Bytes that ``StateOut.bytes`` wrote."""
        cdef uint64_t n = pe_state_get64(&self._in)
        cdef uint8_t[::1] view
        self._well()
        if n > self._left():
            raise errors.CheckpointError("it is damaged: it says that there is more than it holds")
        data = np.empty(n, np.uint8)
        view = data
        if n:
            pe_state_get(&self._in, &view[0], n)
        self._well()
        return data.tobytes()

    cdef uint64_t _left(self):
        return self._in.end - self._in.at + self._in.length - self._in.used

    def numbers(self, dtype, n):
        """So many numbers that ``StateOut.numbers`` wrote: an array [n] of an unsigned type."""
        cdef uint64_t wanted = n
        cdef uint8_t[::1] view
        pe_state_may_hold(&self._in, wanted)
        self._well()
        data = np.empty(n, dtype)
        cdef size_t size = data.dtype.itemsize
        if wanted:
            view = data.view(np.uint8)
            pe_state_get_many(&self._in, &view[0], size, wanted)
        self._well()
        return data

    def end(self):
        """All was read; there is no more."""
        cdef pe_status status = pe_state_in_end(&self._in)
        self._well()
        check(status)
        if self._left():
            raise errors.CheckpointError(
                f"there are {self._left()} bytes after its end: it is not one file as it was saved")

    def __reduce__(self):
        raise TypeError("a StateIn cannot be pickled")


def save(Engine engine not None, StateOut out not None):
    """The core's host as it is. SwapError, SwapCorruption: a slot of swap space cannot be read."""
    cdef uint32_t slot = 0
    cdef pe_status status = PE_OK
    with engine._lock:
        engine._open()
        with nogil:
            status = pe_host_save(engine._host, &out._out, &slot)
    if status == PE_ERR_BACKING:
        error = engine.error[2]
        raise errors.SwapError(
            error, f"the host cannot be saved: slot {slot} of its swap file, or one of the next "
            f"{PE_SWAP_READ_MAX}, cannot be read: "
            f"{os.strerror(error) if error else 'the file ends'}")
    if status == PE_ERR_SWAP_CORRUPT:
        raise errors.SwapCorruption(
            f"the host cannot be saved: slot {slot} of its swap file, or one of the next "
            f"{PE_SWAP_READ_MAX}, does not hold what was written to it")
    check(status)


def vms(Engine engine not None):
    """The VMs that the core has: their pages by their ids."""
    with engine._lock:
        engine._open()
        return {engine._host.vms[i].id: engine._host.vms[i].pages
                for i in range(engine._host.vm_count) if engine._host.vms[i] != NULL}


def load(Engine engine not None, StateIn source not None):
    """Into a host without VMs, made as the saved one was. CheckpointError: it is of another, or
    damaged; SwapError: the swap file cannot be written. Then the engine is of no more use.
    """
    cdef const char *rule = NULL
    cdef pe_status status = PE_OK
    with engine._lock:
        engine._open()
        with nogil:
            status = pe_host_load(engine._host, &source._in, &rule)
    if rule != NULL:
        raise errors.CheckpointError(f"what it holds breaks a rule: {rule.decode()}")
    source._well()
    if status == PE_ERR_BACKING:
        error = engine.error[2]
        raise errors.SwapError(error, f"the swap file cannot be written: {os.strerror(error)}")
    check(status)
