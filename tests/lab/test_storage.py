"""At stake: what an event costs becomes work and requests of one device, and a write that nobody
waits for must keep it busy all the same. The device is one that remembers what it was told.
"""

import numpy as np

from pageengine.host.options import number_of
from pageengine.lab.costs import EVENTS, CostModel
from pageengine.lab.storage import COSTS, Storage

FREE = dict.fromkeys(EVENTS, 0.0)


class Device:
    time, queued = 7.0, 0.5

    def __init__(self):
        self.told = []

    def join(self, *place, **draws):
        self.told.append(("join", *place, draws))
        return 3

    def add(self, *work):
        self.told.append(("add", *work))

    def serve(self, *time):
        self.told.append(("serve", *time))


class SimulatedVM:
    def __init__(self, client, ran=0.0):
        self.client, self.ran, self.waits = client, ran, []

    def take_made(self, waits):
        self.waits.append(waits)
        return self.ran


def storage_of(seed=5, **costs):
    found = Storage(CostModel(**FREE | costs), seed)
    found.device = Device()
    return found


def events(**given):
    return {name: np.array(given.get(name, [0, 0])) for name in EVENTS}


def test_requests_wait_in_the_queue_and_for_their_answer_and_the_rest_is_work():
    storage = storage_of(swap_in=0.25, guest_reads=0.75, cow_breaks=2.0, swap_out=4.0)
    a, b = SimulatedVM(1, ran=0.125), SimulatedVM(2)
    storage.charge(
        [a, b], events(swap_in=[2, 0], guest_reads=[2, 0], cow_breaks=[1, 0], swap_out=[1, 0])
    )
    assert a.waits == [6.0 + 4 * (0.5 + 0.5)]  # a request waits 0.5 s on average, and in the queue
    assert b.waits == [0.0]
    assert storage.device.told == [("add", 1, 0.125, 6.0, 4, 0.5)]  # nothing happened to b


def test_whatever_there_is_of_running_work_or_requests_is_told():
    for given, ran in (({"swap_in": [1, 0]}, 0.0), ({"cow_breaks": [1, 0]}, 0.0), ({}, 1.0)):
        storage = storage_of(cow_breaks=1.0)
        storage.charge([SimulatedVM(1, ran=ran), SimulatedVM(2)], events(**given))
        assert len(storage.device.told) == 1


def test_writes_keep_the_device_busy_and_nobody_waits_for_them():
    storage = storage_of(swap_bandwidth=4096.0 * 100)
    storage.serve(
        9.0, dict.fromkeys(EVENTS, 0) | {"swap_out": 30, "guest_writes": 20, "swap_in": 99}
    )
    assert storage.device.told == [("serve", 9.0, 0.5, 32 / 100)]
    assert storage.costs.cluster == 32


def test_a_vm_joins_at_the_time_of_the_device_with_draws_of_its_own():
    storage = storage_of(seed=2**64 + 5)
    assert storage.join("web") == 3
    draws = {"seed": 5, "stream": number_of("web")}
    assert storage.device.told == [("join", 7.0, draws)]


def test_requests_are_what_is_not_among_the_costs():
    assert set(COSTS) == set(EVENTS) - {"swap_in", "guest_reads"}
