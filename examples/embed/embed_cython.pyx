"""The simulator of embed_c.c in Cython, which prints the same: `python embed_setup.py build_ext
--inplace`, then `python -c "import embed_cython; embed_cython.main()"`.
"""

cimport pageengine as pe
from libc.stdint cimport int64_t, uint32_t, uint64_t

pe.require_abi()

cdef enum:
    VMS = 3
    PAGES = 4096
    FRAMES = 6144
    SWAP = 12288
    BATCH = 64
    SCAN = 512
    LOW = 128  # frames that are kept free
    HIGH = 256
# nanoseconds: a step of the clock, an access, a page decompressed, a page read from swap
cdef uint64_t STEP = 100_000_000, STEPS = 25, HIT = 20_000, UNZIP = 10_000, READ = 200_000

cdef struct VM:
    uint64_t id, random  # its number on the host; the state of its draws
    uint64_t time, waited, done  # nanoseconds that it lived and that it waited; accesses


cdef class Simulator:
    cdef pe.host_t *host
    cdef VM vms[VMS]

    def __cinit__(self):
        cdef pe.options_t options = pe.defaults()
        options.frames, options.swap_pages, options.tokens = FRAMES, SWAP, True
        pe.raise_for(pe.host_new(&options, &self.host))
        pe.set_mark(self.host, LOW)
        for i in range(VMS):
            self.vms[i] = VM(0, i + 1, 0, 0, 0)
            pe.raise_for(pe.add_vm(self.host, PAGES, 0, PAGES * 4096 // 10, &self.vms[i].id))

    def __dealloc__(self):
        pe.host_delete(self.host)

    cdef uint64_t number(self, const VM *vm, const char *name) noexcept nogil:
        cdef uint64_t values[64]
        cdef pe.status_t status = pe.vm_numbers(self.host, vm.id, values, 64)
        return values[pe.vm_number_index(name)] if status == pe.OK else 0

    cdef pe.status_t make_room(self) noexcept nogil:
        """The VM that holds most gives way, down the ladder, until HIGH frames are free."""
        cdef pe.reclaimed_t won
        cdef pe.status_t status
        cdef int i, most
        while pe.idle(self.host) < HIGH:
            most = 0
            for i in range(VMS):
                if self.number(&self.vms[i], "consumed") > self.number(&self.vms[most], "consumed"):
                    most = i
            status = pe.reclaim(self.host, self.vms[most].id, 64, "ladder", &won)
            if status != pe.OK or won.frames == 0:
                return status
        return pe.OK

    cdef pe.status_t run_batch(self, VM *vm) noexcept nogil:
        cdef int64_t ppns[BATCH]
        cdef uint64_t tokens[BATCH]
        cdef uint64_t whose, waits, unzipped, read
        cdef uint32_t ppn
        cdef pe.status_t status
        cdef size_t first = 0, done = 0
        cdef int i
        cdef bint writes = draw(vm, 2) == 0
        for i in range(BATCH):
            ppn = draw(vm, PAGES // 4 if draw(vm, 5) > 0 else PAGES)
            whose = 0 if ppn % 8 == 0 else vm.id + 1
            ppns[i] = ppn
            tokens[i] = pe.token(whose << 32 | (ppn + 1), 504 * (1 + ppn // 8 % 8))
        unzipped, read = self.number(vm, "decompressions"), self.number(vm, "swap_in")
        while first < BATCH:
            if writes:
                status = pe.write(self.host, vm.id, ppns + first, BATCH - first, tokens + first,
                                  &done)
            else:
                status = pe.touch(self.host, vm.id, ppns + first, BATCH - first, False, &done)
            first += done
            if status == pe.NO_FRAME:
                status = self.make_room()
            if status != pe.OK:
                return status
        waits = UNZIP * (self.number(vm, "decompressions") - unzipped)
        waits += READ * (self.number(vm, "swap_in") - read)
        vm.done += BATCH
        vm.waited += waits
        vm.time += waits + HIT * BATCH
        return pe.OK

    cdef pe.status_t step(self, uint64_t now) noexcept nogil:
        """Every VM lives up to this time; without the GIL."""
        cdef pe.scanned_t scanned
        cdef pe.status_t status = pe.OK
        cdef int i
        for i in range(VMS):
            while status == pe.OK and self.vms[i].time < now:
                status = self.run_batch(&self.vms[i])
            if status == pe.OK:
                status = pe.scan(self.host, self.vms[i].id, SCAN, 0, &scanned)
        return status

    def run(self):
        cdef pe.status_t status = pe.OK
        cdef uint64_t now = 0
        cdef const char *reason = NULL
        with nogil:
            while status == pe.OK and now < STEP * STEPS:
                now += STEP
                status = self.step(now)
        pe.raise_for(status)
        pe.raise_for(pe.check(self.host, True, &reason))

    def report(self):
        cdef uint64_t values[64]
        for i in range(VMS):
            print(f"vm {i} done {self.vms[i].done} waited {self.vms[i].waited}", end="")
            pe.raise_for(pe.vm_numbers(self.host, self.vms[i].id, values, 64))
            for k in range(pe.vm_number_count()):
                print(f" {pe.vm_number_name(k).decode()} {values[k]}", end="")
            print()
        pe.host_numbers(self.host, values, 64)
        print("host", *[f"{pe.host_number_name(k).decode()} {values[k]}"
                        for k in range(pe.host_number_count())])


cdef uint32_t draw(VM *vm, uint32_t below) noexcept nogil:
    vm.random = vm.random * <uint64_t>6364136223846793005 + <uint64_t>1442695040888963407
    return (vm.random >> 33) % below


def main():
    simulator = Simulator()
    simulator.run()
    simulator.report()
