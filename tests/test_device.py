"""The queue of storage from Python: what it refuses, and that a grain of calls changes nothing."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from pageengine.core.device import Device

nan, inf = float("nan"), float("inf")


@given(
    st.lists(
        st.tuples(st.floats(0, 2), st.floats(0, 0.5), st.integers(0, 30), st.floats(0, 0.05)),
        min_size=1,
        max_size=8,
    ),
    st.floats(0.0005, 0.02),
    st.integers(1, 60),
)
def test_serving_often_or_once_is_the_same(work, service, steps):
    found = []
    for n in (1, steps):
        device = Device(service)
        clients = [device.join(seed=1, stream=i) for i in range(len(work))]
        for client, (run, costs, requests, latency) in zip(clients, work, strict=True):
            device.add(client, run, costs, requests, latency)
        waited = 0.0
        for end in np.linspace(0, 500, n + 1)[1:].tolist():
            device.serve(end)
            device.check()
            waited += sum(device.take_waited(client) for client in clients)
        assert all(device.left(client)[1] == 0 for client in clients)
        found.append(waited)
    least = sum(costs + requests * latency for _, costs, requests, latency in work)
    assert found[0] == pytest.approx(found[1], abs=1e-6)
    assert found[0] >= least - 1e-6


def test_what_is_behind_is_held_up_to_now():
    device = Device(0.01)
    client = device.join()
    device.add(client, 1.0)
    device.serve(3.0)
    assert (device.at(client), device.hold(client), device.at(client)) == (1.0, 2.0, 3.0)
    assert device.take_waited(client) == 0.0


@pytest.mark.parametrize(
    "wrong",
    [
        lambda device: Device(nan),
        lambda device: Device(-1.0),
        lambda device: device.add(0, nan),
        lambda device: device.add(0, 1.0, -1.0),
        lambda device: device.add(0, 1.0, 0.0, 1, inf),
        lambda device: device.add(1, 1.0),
        lambda device: device.add(-1, 1.0),
        lambda device: device.add("0", 1.0),
        lambda device: device.serve(-1.0),
        lambda device: device.serve(nan),
        lambda device: device.serve(1.0, 1.0, 0.0),
        lambda device: device.serve(1.0, 1e12, 1e-9),
        lambda device: device.join(-1.0),
        lambda device: device.at(7),
        lambda device: device.take_waited(7),
        lambda device: device.hold(None),
    ],
)
def test_what_makes_no_sense_is_refused_and_changes_nothing(wrong):
    device = Device(0.01)
    device.join()
    with pytest.raises((ValueError, TypeError), match="seconds|client|time|pieces|begins"):
        wrong(device)
    assert device.left(0) == (0.0, 0) and device.time == 0.0
    device.check()
