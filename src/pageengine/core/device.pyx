"""Device: a queue for storage, and the clients that wait for it. Converts, locks and raises;
computes nothing.
"""

import numpy as np

from libc.stdint cimport uint32_t, uint64_t

from pageengine._c.device cimport *
from pageengine.plumbing._status cimport check

from pageengine import errors
from pageengine.plumbing import given


_OF_DEVICE = ("time", "free_at", "read_busy", "queued")


cdef double _seconds(value, str what) except -1:
    return given.real(value, what, unit="seconds")


cdef class Device:
    """A storage device that serves one request after another, in the order they come, and clients
    that each wait for their own. A request keeps it busy for ``service`` seconds; one that finds
    it idle is answered after its ``latency``. Under Poisson arrivals at rate r the mean time in the
    queue is r service^2 / (2 (1 - r service)) (M/D/1, Pollaczek and Khinchine).

    One thread at a time.
    """

    def __cinit__(self, service):
        pe_device_init(&self._device, _seconds(service, "service"))

    def __dealloc__(self):
        pe_device_fini(&self._device)

    cdef uint32_t _client(self, client) except? 4294967295:
        cdef uint32_t n = self._device.n
        number = given.whole(client, "client")
        if number >= n or not self._device.clients[<uint32_t>number].there:
            raise ValueError(f"the device has no client {given.shown(client)}")
        return number

    def join(self, at=0.0, *, seed=0, stream=0) -> int:
        """A client that begins at time ``at`` (seconds); ``seed`` and ``stream`` are of the places
        of its requests. Returns its number.
        """
        cdef uint32_t client
        cdef double begins = _seconds(at, "at")
        cdef uint64_t root = given.whole(seed, "seed", 0, 2**64 - 1)
        cdef uint64_t number = given.whole(stream, "stream", 0, 2**64 - 1)
        if begins < self._device.time:
            raise ValueError(f"a client begins now, at {self._device.time!r}, or later, got {at!r}")
        check(pe_device_join(&self._device, begins, root, number, &client))
        return client

    def leave(self, client) -> None:
        """The client is gone, with what it still waited for."""
        pe_device_leave(&self._device, self._client(client))

    def add(self, client, run, costs=0.0, requests=0, latency=0.0) -> None:
        """More work: ``run`` seconds that the client wants, ``costs`` seconds that it does not
        (they count as waiting), and so many requests of ``latency`` seconds in between, at random
        places.
        """
        cdef uint32_t number = self._client(client)
        pe_device_add(&self._device, number, _seconds(run, "run"), _seconds(costs, "costs"),
                      given.whole(requests, "requests"), _seconds(latency, "latency"))

    def end(self, client) -> float:
        """When its work will be over, if the queue is as it was last: seconds."""
        return pe_device_end(&self._device, self._client(client))

    def serve(self, until, writes=0.0, piece=0.001) -> None:
        """Time passes. ``writes`` seconds of writing that nobody waits for are asked for meanwhile,
        in pieces of about ``piece`` seconds.
        """
        cdef double end = _seconds(until, "until"), work = _seconds(writes, "writes")
        cdef double each = _seconds(piece, "piece")
        if end < self._device.time:
            raise ValueError(f"time goes on from {self._device.time!r}, got {until!r}")
        if each == 0 or work / each > 1e9:
            raise ValueError(f"{writes!r} s of writes cannot come in pieces of {piece!r} s")
        # not without the GIL: clients that another thread adds would move
        pe_device_serve(&self._device, end, work, each)

    def hold(self, client) -> float:
        """A client that has nothing to do is here now; the seconds that it had nothing to do."""
        return pe_device_hold(&self._device, self._client(client))

    def take_waited(self, client) -> float:
        """Seconds that it waited since this was last asked."""
        cdef pe_client *c = &self._device.clients[self._client(client)]
        waited, c.waited = c.waited, 0
        return waited

    def at(self, client) -> float:
        """The time it has lived up to; later than now while it waits for an answer."""
        return self._device.clients[self._client(client)].at

    def left(self, client) -> tuple[float, int]:
        """(seconds of work, requests) that it still has."""
        cdef pe_client *c = &self._device.clients[self._client(client)]
        return c.work, c.requests

    @property
    def time(self) -> float:
        """Everything before it has happened."""
        return self._device.time

    @property
    def free_at(self) -> float:
        """When all that was asked for so far is done."""
        return self._device.free_at

    @property
    def read_busy(self) -> float:
        """Seconds that requests of clients took of the device in the last ``serve``."""
        return self._device.read_busy

    @property
    def queued(self) -> float:
        """Mean seconds in the queue of a request, in the last ``serve`` that had any."""
        return self._device.queued

    def state(self) -> dict:
        """The device and its clients as they are, as plain numbers."""
        cdef pe_device *device = &self._device
        return {
            **{key: getattr(self, key) for key in _OF_DEVICE},
            "service": device.service,
            "clients": [
                [c.at, c.work, c.gap, c.rest, c.costs, c.latency, c.waited, c.requests, c.rng.key,
                 c.rng.counter, bool(c.there)]
                for c in device.clients[:device.n]
            ],
        }

    cdef int _set(self, uint32_t client, each) except -1:
        cdef pe_client *c = &self._device.clients[client]
        if not np.isfinite(np.array(each, float)).all():
            raise ValueError(f"a client's numbers are finite, got {each}")
        at, work, gap, rest, costs, latency, waited, requests, key, counter, _ = each
        c.at, c.work, c.gap, c.rest, c.costs = at, work, gap, rest, costs
        c.latency, c.waited, c.requests = latency, waited, requests
        c.rng.key, c.rng.counter = key, counter
        return 0

    @classmethod
    def restored(cls, state):
        """The device that ``state`` was told of. CheckpointError: it cannot have been."""
        cdef Device made
        cdef uint32_t client = 0
        cdef size_t i
        try:
            made = Device(state["service"])
            for key in _OF_DEVICE:
                _seconds(state[key], key)
            for each in state["clients"]:
                check(pe_device_join(&made._device, 0, 0, 0, &client))
                made._set(client, each)
                made._device.clients[client].there = True  # while others join
            for i, (*_, there) in enumerate(state["clients"]):
                made._device.clients[i].there = bool(there)
            made._device.time, made._device.free_at = state["time"], state["free_at"]
            made._device.read_busy, made._device.queued = state["read_busy"], state["queued"]
            made.check()
        except (KeyError, TypeError, ValueError, OverflowError, errors.CorruptState) as error:
            raise errors.CheckpointError(f"a storage device in it cannot be: {error}") from None
        return made

    def check(self) -> None:
        """Raises CorruptState with the first rule of pe_device.c that does not hold."""
        cdef const char *reason = NULL
        if not pe_device_check(&self._device, &reason):
            raise errors.CorruptState(reason.decode())

    def __reduce__(self):
        raise TypeError("a Device cannot be pickled")
