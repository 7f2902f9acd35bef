"""Life: how the time of one simulated VM goes by, and that of many in one call.

A VM whose workload is built in makes the accesses of a slice without Python between, as long as
there is memory for them; of others, Python is asked for what is theirs.
"""

import numpy as np

from libc.stdint cimport int64_t, uint32_t, uint64_t

from pageengine._c.device cimport *
from pageengine.core.device cimport Device
from pageengine.lab.access_maker cimport AccessMaker
from pageengine.lab.workloads.pace cimport Pace

from pageengine.lab.workloads.base import fastest as fastest_of


cdef double MOST = 1e9  # seconds of one charge, below which nobody looks twice


cdef class Life:
    """number: of the VM, by its name. vm, memory: of it, its VMMemory. _device, client: what it
    waits for. What it does is its ``workload``. held: whether it waits for memory, or is blocked,
    now; blocked: whether it was, at any time of the last epoch.
    """

    @property
    def workload(self):
        """What it does."""
        return self._workload

    @workload.setter
    def workload(self, workload):
        own = vars(type(workload)).get("PACED", False) and "step" not in vars(workload)
        self._workload, self._pace = workload, workload.pace if own else None

    @property
    def over(self) -> bool:
        """Whether its program has ended."""
        return self._has_ended()

    def live(self, double now, double until):
        """Makes the accesses of its time until then, as far as it does not wait for what it did
        before.
        """
        self._live(now, until)

    def take_made(self, double waits):
        """Seconds whose accesses were made since the last call. waits: what they will probably wait
        for in all; a VM that waits much makes few accesses in a slice.
        """
        return self._take_made(waits)

    def pass_time(self, double seconds):
        """So many seconds are over; in how many of them it ran. What it waited in time that counts
        as run already, because it was behind, is counted now.
        """
        return self._pass_time(seconds)

    cdef int _live(self, double now, double until) except -1:
        cdef double made = 0, given, part
        cdef bint waits
        self.held = False
        if self._is_blocked():
            self.held = self._was_blocked = True
            return 0
        waits = self._waits()
        if waits:
            made = self._owed * self.memory.go_on()
            waits = self._waits()
            self._owed = self._owed - made if waits else 0.0
        if not waits and not self._has_ended():
            given = (until - self._end() - made) / (1 + self._slowness)
            if given > 0:
                part = self._do(given, now)
                made += given * part
                self._owed = given - given * part
                waits = self._waits()
        self.held = waits
        self._made += made
        return 0

    cdef double _take_made(self, double waits) noexcept:
        cdef double made = self._made
        self._made = 0
        if made > 0:
            self._slowness = (self._slowness + waits / made) / 2
        return made

    cdef double _pass_time(self, double seconds) except? -1:
        cdef double waited
        self._unpaid += self._waited()
        if self.held:
            self._unpaid += self._hold()
        elif self._has_ended():
            self._idle += self._hold()
        waited = min(seconds, self._unpaid)
        self._unpaid -= waited
        self._stalled += waited
        return seconds - waited

    # what it is asked of: directly where it is of this package, else as Python has it

    cdef bint _is_blocked(self) except -1:
        if isinstance(self.memory, AccessMaker):
            return (<AccessMaker>self.memory).blocked()
        return self.vm.blocked

    cdef bint _waits(self) except -1:
        if isinstance(self.memory, AccessMaker):
            return (<AccessMaker>self.memory).waiting()
        return self.memory.waits

    cdef bint _has_ended(self) except -1:
        return self._pace is None and getattr(self._workload, "ended", False)

    cdef double _do(self, double seconds, double now) except? -1:
        """Its next step; the part of it that was made."""
        cdef double part = -1
        if self._pace is not None:
            self._pace.at(now)
            part = (<AccessMaker?>self.memory).do_paced(self._pace, seconds)
        return part if part >= 0 else self.memory.do(self._workload.step(seconds, now))

    cdef double _end(self) except? -1:
        if type(self._device) is Device:
            return pe_device_end(&(<Device>self._device)._device, self._number())
        return self._device.end(self.client)

    cdef double _waited(self) except? -1:
        cdef double waited
        cdef pe_client *client
        if type(self._device) is not Device:
            return self._device.take_waited(self.client)
        client = &(<Device>self._device)._device.clients[self._number()]
        waited, client.waited = client.waited, 0
        return waited

    cdef double _hold(self) except? -1:
        if type(self._device) is Device:
            return pe_device_hold(&(<Device>self._device)._device, self._number())
        return self._device.hold(self.client)

    cdef uint32_t _number(self) except? 4294967295:
        cdef Device device = self._device
        if self.client >= device._device.n or not device._device.clients[self.client].there:
            device.at(self.client)  # says so
        return self.client

    def __reduce__(self):
        raise TypeError("the life of a VM cannot be pickled")


def live(list running, list order, double now, double until):
    """``Life.live`` of each of these VMs, in this order of their numbers in the list."""
    for i in order:
        if not 0 <= i < len(running):
            raise IndexError(f"there is no VM {i} among {len(running)}")
        (<Life?>running[i])._live(now, until)


def charge(list running, device, const double[::1] costs, const double[::1] requests,
           const double[::1] waits):
    """What these VMs ran is work of theirs at the device, and what it cost them: seconds, and so
    many requests that wait so many seconds for their answers, all of a VM's together.
    """
    cdef Py_ssize_t i, n = len(running)
    cdef double ran, latency, all_, queued = device.queued
    cdef pe_device *direct = &(<Device>device)._device if type(device) is Device else NULL
    if not costs.shape[0] == requests.shape[0] == waits.shape[0] == n:
        raise ValueError(f"{n} VMs are charged what {costs.shape[0]} did")
    for i in range(n):
        each = running[i]
        latency = waits[i] / max(1.0, requests[i])
        all_ = costs[i] + requests[i] * (latency + queued)
        ran = (<Life>each)._take_made(all_) if isinstance(each, Life) else each.take_made(all_)
        if ran == 0 and costs[i] == 0 and requests[i] == 0:
            continue
        if direct != NULL and isinstance(each, Life) and (<Life>each)._device is device \
                and 0 <= ran < MOST and 0 <= costs[i] < MOST and 0 <= latency < MOST:
            pe_device_add(direct, (<Life>each)._number(), ran, costs[i], <uint64_t>requests[i],
                          latency)
        else:
            device.add(each.client, ran, costs[i], int(requests[i]), latency)


def turns(list running, uint64_t salt):
    """These VMs by number in the list, in an order that does not depend on how they are listed."""
    cdef Py_ssize_t i, n = len(running)
    keys = np.empty(n, np.uint64)
    cdef uint64_t[::1] view = keys
    for i in range(n):  # the product keeps its low bits
        view[i] = ((<Life?>running[i]).number ^ salt) * <uint64_t>0x9E3779B97F4A7C15
    return keys.argsort(kind="stable").tolist()


def pass_time(list running, double seconds):
    """``Life.pass_time`` of each of these VMs: float64 [n]."""
    cdef Py_ssize_t i, n = len(running)
    ran = np.empty(n)
    cdef double[::1] view = ran
    for i in range(n):
        view[i] = (<Life?>running[i])._pass_time(seconds)
    return ran


def fastest(list running):
    """The most touches per second of each of these VMs."""
    return [_fastest(each) for each in running]


cdef object _fastest(Life life):
    if life._pace is not None and life._pace.alone and not life._pace.generations:
        return life._pace.fastest()
    return fastest_of(life._workload)


def any_held(list running):
    """Whether any of these VMs waits for memory, or is blocked."""
    for each in running:
        if (<Life?>each).held:
            return True
    return False
