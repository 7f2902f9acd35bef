"""Engine: the core's host as one Python object. Converts, locks and raises; computes nothing.

Users work with ``pageengine.Host`` and ``VM`` (host.py, vm.py), which are built on this. VMs
are named by id here, sizes are in pages, and what a batch could not do is said by a status name
instead of an exception.
"""

cimport cython
import numpy as np

from cpython.bytes cimport PyBytes_FromString
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from pageengine._c.balloon cimport *
from pageengine._c.check cimport pe_check
from pageengine._c.content cimport pe_content_trim
from pageengine._c.host cimport *
from pageengine._c.place cimport PE_BALLOONED
from pageengine._c.frames cimport pe_frames_idle
from pageengine._c.reclaim cimport *
from pageengine._c.scan cimport *
from pageengine._c.stats cimport *
from pageengine._c.status cimport *
from pageengine._c.swap cimport pe_swap_grow
from pageengine._c.touch cimport *
from pageengine._c.vm cimport *
from pageengine._c.zcache cimport PE_PACKING_DENSE, PE_PACKING_ESX
from pageengine.plumbing._status cimport check
from pageengine.stores.codec cimport Codec
from pageengine.faults cimport FaultPlan
from pageengine.plumbing.lock cimport CallLock

from pageengine import errors

PAGE_BYTES = 4096


cdef tuple _names(const char *(*name)(size_t) noexcept nogil):
    names, i = [], 0
    while name(i) != NULL:
        names.append(PyBytes_FromString(name(i)).decode())
        i += 1
    return tuple(names)


EVENTS = _names(pe_event_name)
VM_NUMBERS = _names(pe_vm_number_name)
HOST_NUMBERS = _names(pe_host_number_name)


def _techniques():
    table, i = {}, 0
    while pe_technique_at(i) != NULL:
        technique = pe_technique_at(i)
        table[technique.name.decode()] = (technique.steps, technique.summary.decode())
        i += 1
    return table


TECHNIQUES = _techniques()


@cython.no_gc_clear  # the plan of faults frees the host's memory, so it goes last
cdef class Engine:
    """A host in the core. ``codec`` is a Codec or None. ``swap_file`` is a descriptor or -1; the
    engine makes a duplicate, so that the caller closes its own when it likes.
    """

    def __init__(self, uint32_t frames, *, uint64_t seed=0, bint tokens=False, bint sharing=True,
                 Codec codec=None, bint dense=False, uint64_t cache_limit=2**64 - 1,
                 int swap_file=-1, bint random_victims=False, uint32_t threads=1,
                 FaultPlan faults=None):
        cdef pe_host_config config
        if self._host != NULL:
            raise RuntimeError("the engine is initialised already")
        config.frames = frames
        config.seed = seed
        config.tokens = tokens
        config.sharing = sharing
        config.codec = codec.ops if codec is not None else NULL
        config.packing = PE_PACKING_DENSE if dense else PE_PACKING_ESX
        config.cache_limit_bytes = cache_limit
        config.swap_file = swap_file
        config.random_victims, config.threads = random_victims, threads
        config.memory, config.calls = NULL, NULL
        self._lock = CallLock("host")
        self._codec, self._faults = codec, faults  # their tables must outlive the host
        if faults is not None:
            faults.bind(self._lock)
            config.memory, config.calls = &faults.inject.memory, &faults.inject.calls
        self.tokens, self._seed = tokens, seed
        check(pe_host_new(&self._host, &config))

    def __dealloc__(self):
        pe_host_delete(self._host)

    @property
    def swap_file(self) -> int:
        """The engine's own descriptor of the swap file, or -1; slot s is at byte 4096 * s. For
        tests and tools: do not close it.
        """
        with self._lock:
            self._open()
            return self._host.swap.file

    def close(self):
        """Gives all memory and the swap file back; every later call raises Closed."""
        if self._lock.forked:  # the child's copy goes with it
            return
        with self._lock:
            pe_host_delete(self._host)
            self._host = NULL

    @property
    def open(self) -> bool:
        return self._host != NULL

    @property
    def lock(self) -> CallLock:
        """What every call here holds."""
        return self._lock

    cdef int _open(self) except -1:
        if self._host == NULL:
            raise errors.Closed("the host is closed")
        return 0

    cdef pe_vm *_vm(self, uint64_t id) except NULL:
        self._open()
        cdef pe_vm *vm = pe_host_vm(self._host, id)
        if vm == NULL:
            raise errors.NoSuchVM(f"the host has no virtual machine with id {id}")
        return vm

    def add_vm(self, uint32_t pages, uint64_t salt, uint64_t cache_limit, uint64_t stream) -> int:
        """``stream`` is of its random draws."""
        cdef uint64_t id
        with self._lock:
            self._open()
            check(pe_host_add_vm(self._host, pages, salt, cache_limit, &id))
            pe_vm_draw_from(pe_host_vm(self._host, id), self._seed, stream)
        return id

    def remove_vm(self, uint64_t id):
        with self._lock:
            self._vm(id)
            check(pe_host_remove_vm(self._host, id))

    def grow_swap(self, uint32_t slots):
        """At least ``slots`` slots in all; contents stay."""
        with self._lock:
            self._open()
            check(pe_swap_grow(&self._host.swap, slots))

    # accesses ------------------------------------------------------------------------------------

    cdef object _own(self, const pe_vm *vm, const int64_t[::1] ppns):
        """A copy of the PPNs, which nobody else can change, checked."""
        pages = np.array(ppns)
        self._check_pages(vm, pages)
        return pages

    cdef int _check_pages(self, const pe_vm *vm, const int64_t[::1] ppns) except -1:
        cdef size_t n = ppns.shape[0], bad
        if n == 0:
            return 0
        bad = pe_first_bad_page(vm, &ppns[0], n)
        if bad < n:
            raise IndexError(
                f"PPN {ppns[bad]} (entry {bad}) is not a page of this virtual machine, "
                f"which has pages 0 to {vm.pages - 1}"
            )
        return 0

    def touch(self, uint64_t id, const int64_t[::1] ppns, const uint8_t[::1] write, bint all_write):
        """(done, status number); ``write`` is None or one flag per access."""
        cdef size_t done = 0, n = ppns.shape[0]
        cdef pe_status status = PE_OK
        cdef pe_vm *vm
        cdef const uint8_t *flags = &write[0] if write is not None and n > 0 else NULL
        with self._lock:
            vm = self._vm(id)
            self._check_pages(vm, ppns)
            if n > 0:
                with nogil:
                    status = pe_touch(self._host, vm, &ppns[0], n, flags, all_write, &done)
        return done, <int>status

    def write(self, uint64_t id, const int64_t[::1] ppns, const uint8_t[::1] contents):
        """(done, status number); ``contents`` holds the pages or tokens as bytes, one after the
        other.
        """
        cdef size_t done = 0, n = ppns.shape[0]
        cdef pe_status status = PE_OK
        cdef pe_vm *vm
        with self._lock:
            vm = self._vm(id)
            self._check_pages(vm, ppns)
            if n > 0:
                with nogil:
                    status = pe_write(self._host, vm, &ppns[0], n, &contents[0], &done)
        return done, <int>status

    def read(self, uint64_t id, const int64_t[::1] ppns, uint8_t[::1] out, bint peek=False):
        """(done, status number); fills ``out``. peek: no access, nothing moves."""
        cdef size_t done = 0, n = ppns.shape[0]
        cdef pe_status status = PE_OK
        cdef pe_vm *vm
        with self._lock:
            vm = self._vm(id)
            self._check_pages(vm, ppns)
            if n > 0:
                with nogil:
                    if peek:
                        status = pe_peek(self._host, vm, &ppns[0], n, &out[0], &done)
                    else:
                        status = pe_read(self._host, vm, &ppns[0], n, &out[0], &done)
        return done, <int>status

    # techniques ----------------------------------------------------------------------------------

    def scan(self, uint64_t id, uint64_t pages, bint random=False, bint two_scans=False):
        cdef pe_scan_result result = pe_scan_result(0, 0, 0, 0, 0, 0)
        cdef unsigned how = (PE_SCAN_RANDOM if random else 0) | (
            PE_SCAN_TWO_SCANS if two_scans else 0)
        cdef pe_status status
        cdef pe_vm *vm
        with self._lock:
            vm = self._vm(id)
            with nogil:
                status = pe_scan(self._host, vm, pages, how, &result)
            check(status)
        return result

    def end_scan_pass(self):
        with self._lock:
            self._open()
            pe_scan_end_pass(self._host)

    def reclaim(self, uint64_t id, uint64_t frames, unsigned steps, bint brief=False):
        """(result as a dict, status number). brief: many victims in a row in vain are the end."""
        cdef pe_reclaim_result result = pe_reclaim_result(0, 0, 0, 0, 0, 0, 0)
        cdef pe_status status = PE_OK
        cdef unsigned how = steps | (PE_RECLAIM_BRIEF if brief else 0)
        cdef pe_vm *vm
        with self._lock:
            vm = self._vm(id)
            with nogil:
                status = pe_reclaim(self._host, vm, frames, how, &result)
        return result, <int>status

    def balloon_pages(self, uint64_t id, const int64_t[::1] ppns) -> int:
        cdef const int64_t[::1] own
        cdef pe_vm *vm
        cdef uint64_t given = 0
        with self._lock:
            vm = self._vm(id)
            own = self._own(vm, ppns)
            if own.shape[0] > 0:
                with nogil:
                    given = pe_balloon_pages(self._host, vm, &own[0], own.shape[0])
        return given

    def balloon_absent(self, uint64_t id, uint64_t n) -> int:
        with self._lock:
            return pe_balloon_absent(self._vm(id), n)

    def balloon_return(self, uint64_t id, const int64_t[::1] ppns) -> int:
        cdef const int64_t[::1] own
        cdef pe_vm *vm
        with self._lock:
            vm = self._vm(id)
            own = self._own(vm, ppns)
            return pe_balloon_return(vm, &own[0], own.shape[0]) if own.shape[0] else 0

    def report_free(self, uint64_t id, const int64_t[::1] ppns) -> int:
        cdef const int64_t[::1] own
        cdef pe_vm *vm
        with self._lock:
            vm = self._vm(id)
            own = self._own(vm, ppns)
            return pe_balloon_report(self._host, vm, &own[0], own.shape[0]) if own.shape[0] else 0

    def ballooned(self, uint64_t id) -> int:
        """Pages in the balloon."""
        with self._lock:
            return self._vm(id).in_place[<int>PE_BALLOONED]

    def deflate(self, uint64_t id, uint64_t n) -> int:
        with self._lock:
            return pe_balloon_deflate(self._vm(id), n)

    def pin(self, uint64_t id, const int64_t[::1] ppns, bint pinned):
        cdef const int64_t[::1] own
        cdef pe_vm *vm
        with self._lock:
            vm = self._vm(id)
            own = self._own(vm, ppns)
            for i in range(own.shape[0]):
                pe_vm_pin(vm, <uint32_t>own[i], pinned)

    def set_blocked(self, uint64_t id, bint blocked):
        with self._lock:
            self._vm(id).blocked = blocked

    def is_blocked(self, uint64_t id):
        with self._lock:
            return True if self._vm(id).blocked else False

    def set_mark(self, uint32_t frames):
        """Accesses stop rather than let the idle frames fall below this."""
        with self._lock:
            self._open()
            self._host.mark = frames

    # activity ------------------------------------------------------------------------------------

    def sample_begin(self, uint64_t id, uint32_t n):
        with self._lock:
            pe_vm_sample_begin(self._vm(id), n)

    def sample_end(self, uint64_t id):
        cdef uint32_t size, touched
        with self._lock:
            pe_vm_sample_end(self._vm(id), &size, &touched)
        return touched, size

    def sample_now(self, uint64_t id):
        """(touched, marked) of the period that is open; (0, 0) when none is."""
        with self._lock:
            return self._vm(id).sample_touched, self._vm(id).sample_size

    def age(self, uint64_t id) -> int:
        with self._lock:
            return pe_vm_age(self._vm(id))

    def ages(self, uint64_t id):
        histogram = np.zeros(256, dtype=np.uint64)
        cdef uint64_t[::1] view = histogram
        with self._lock:
            pe_vm_ages(self._vm(id), &view[0])
        return histogram

    # what is there -------------------------------------------------------------------------------

    def places(self, uint64_t id, const int64_t[::1] ppns):
        """Where each page is, uint8 [n]."""
        cdef pe_status status = PE_OK
        cdef pe_vm *vm
        out = np.empty(ppns.shape[0], dtype=np.uint8)
        cdef uint8_t[::1] view = out
        with self._lock:
            vm = self._vm(id)
            self._check_pages(vm, ppns)
            if ppns.shape[0]:
                with nogil:
                    status = pe_vm_places(vm, ppns.shape[0], &ppns[0], &view[0])
            check(status)
        return out

    def vm_numbers(self, uint64_t id):
        """VM_NUMBERS and EVENTS of one VM as a dict."""
        cdef uint64_t numbers[PE_VM_NUMBERS]
        cdef pe_vm *vm
        with self._lock:
            vm = self._vm(id)
            pe_stats_vm(self._host, vm, numbers)
            values = {name: numbers[i] for i, name in enumerate(VM_NUMBERS)}
            values.update((name, vm.event[i]) for i, name in enumerate(EVENTS))
        return values

    def vm_events(self, uint64_t id) -> tuple:
        """EVENTS of one VM, in order."""
        cdef pe_vm *vm
        with self._lock:
            vm = self._vm(id)
            return tuple([vm.event[i] for i in range(<int>PE_EVENTS)])

    def host_numbers(self):
        """HOST_NUMBERS as a dict."""
        cdef uint64_t numbers[PE_HOST_NUMBERS]
        with self._lock:
            self._open()
            pe_stats_host(self._host, numbers)
        return {name: numbers[i] for i, name in enumerate(HOST_NUMBERS)}

    @property
    def idle(self) -> int:
        """Idle machine frames."""
        with self._lock:
            self._open()
            return pe_frames_idle(&self._host.frames)

    @property
    def error(self):
        """(VM id, PPN, errno) of the last access or reclaim that failed."""
        with self._lock:
            self._open()
            return self._host.error_vm, self._host.error_ppn, self._host.swap.error

    def trim(self) -> int:
        """Returns the memory of idle frames to the operating system; how many frames."""
        cdef uint64_t frames = 0
        with self._lock:
            self._open()
            with nogil:
                frames = pe_content_trim(self._host)
        return frames

    def check(self, bint deep=False):
        """Raises CorruptState with the first rule that does not hold."""
        cdef const char *reason = NULL
        cdef pe_status status = PE_OK
        with self._lock:
            self._open()
            with nogil:
                status = pe_check(self._host, deep, &reason)
        if status == PE_ERR_CORRUPT:
            raise errors.CorruptState(reason.decode())
        check(status)
