"""Columns: the numbers of many VMs of a host, and work on many of them, in one call each.

A host of a thousand VMs is looked at every epoch; one call per VM would cost more than
what it says. VMs are named by their ids in the engine, in any order.
"""

import numpy as np

from libc.stdint cimport int64_t, uint32_t, uint64_t

from pageengine._c.place cimport PE_BALLOONED
from pageengine._c.scan cimport *
from pageengine._c.status cimport PE_OK, pe_status
from pageengine.plumbing._status cimport check
from pageengine._c.stats cimport PE_VM_ROWS, pe_stats_vms
from pageengine._c.host cimport pe_host_vm
from pageengine._c.vm cimport pe_vm, pe_vm_sample_begin, pe_vm_sample_end, pe_vm_slots
from pageengine.core.engine cimport Engine

from pageengine.core.engine import EVENTS, VM_NUMBERS

#: What ``numbers`` tells of each VM, a row each. touched, marked: of the open sampling period.
ROWS = (*VM_NUMBERS, *EVENTS, "blocked", "touched", "marked")


cdef int _all_there(Engine engine, const uint64_t[::1] ids) except -1:
    for i in range(ids.shape[0]):
        engine._vm(ids[i])
    engine._open()
    return 0


def numbers(Engine engine not None, const uint64_t[::1] ids):
    """ROWS of these VMs: int64 [rows, n]."""
    cdef size_t n = ids.shape[0]
    out = np.empty((PE_VM_ROWS, n), np.int64)
    cdef int64_t[:, ::1] view = out
    ids = np.array(ids)  # what is checked here is what the core reads
    with engine._lock:
        _all_there(engine, ids)
        if n > 0:
            pe_stats_vms(engine._host, &ids[0], n, <uint64_t *>&view[0, 0])
    return out


def ballooned(Engine engine not None, const uint64_t[::1] ids):
    """Pages of these VMs that are in their balloons: int64 [n]."""
    out = np.empty(ids.shape[0], np.int64)
    cdef int64_t[::1] view = out
    with engine._lock:
        engine._open()
        for i in range(ids.shape[0]):
            view[i] = engine._vm(ids[i]).in_place[<int>PE_BALLOONED]
    return out


def end_samples(Engine engine not None, const uint64_t[::1] ids):
    """Ends the sampling periods of these VMs: int64 [2, n], pages touched and pages marked."""
    out = np.empty((2, ids.shape[0]), np.int64)
    cdef int64_t[:, ::1] view = out
    cdef uint32_t marked, touched
    with engine._lock:
        _all_there(engine, ids)
        for i in range(ids.shape[0]):
            pe_vm_sample_end(engine._vm(ids[i]), &marked, &touched)
            view[0, i], view[1, i] = touched, marked
    return out


def begin_samples(Engine engine not None, const uint64_t[::1] ids, const uint32_t[::1] n):
    """Begins a period for each: n[i] random pages of VM ids[i] are marked."""
    if n.shape[0] != ids.shape[0]:
        raise ValueError(f"{ids.shape[0]} VMs and {n.shape[0]} samples")
    with engine._lock:
        _all_there(engine, ids)
        for i in range(ids.shape[0]):
            pe_vm_sample_begin(engine._vm(ids[i]), n[i])


def scan(Engine engine not None, const uint64_t[::1] ids, const int64_t[::1] pages,
         bint two_scans=False):
    """Looks for equal pages: at pages[i] of VM ids[i], one VM after the other.
    MemoryError: a VM's checksums found no room; those before it were scanned.
    """
    cdef size_t i, n = ids.shape[0]
    cdef pe_scan_result result = pe_scan_result(0, 0, 0, 0, 0, 0)
    cdef unsigned how = PE_SCAN_TWO_SCANS if two_scans else 0
    cdef pe_status status = PE_OK
    if pages.shape[0] != ids.shape[0]:
        raise ValueError(f"{ids.shape[0]} VMs and {pages.shape[0]} numbers of pages")
    ids, pages = np.array(ids), np.array(pages)  # checked, and then used without the GIL
    for i in range(n):
        if pages[i] < 0:
            raise ValueError(f"pages must not be negative, got {pages[i]}")
    with engine._lock:
        _all_there(engine, ids)
        with nogil:
            for i in range(n):
                status = pe_scan(engine._host, pe_host_vm(engine._host, ids[i]),
                                 <uint64_t>pages[i], how, &result)
                if status != PE_OK:
                    break
        check(status)


def slots(Engine engine not None, uint64_t id):
    """The slot of swap space that each page of a VM has, uint32 [pages]; 2**32 - 1 for those
    that are not swapped.
    """
    cdef pe_vm *vm
    cdef uint32_t[::1] view
    with engine._lock:
        vm = engine._vm(id)
        out = np.empty(vm.pages, np.uint32)
        view = out
        pe_vm_slots(vm, &view[0])
    return out
