"""A fleet that is saved between two rounds goes on as if nothing had been between, wherever; and
what is none of its checkpoints is refused before anything of it is taken.
"""

import io
import random

import numpy as np
import pytest

from pageengine.core import checkpoint
from pageengine.errors import CheckpointError
from pageengine.lab import Admission, Fleet, GuestSpec, Precopy, Simulation, VMSpec
from pageengine.lab.events import Event
from pageengine.lab.saved import RECORDS
from pageengine.lab.workloads import Accesses

SECONDS = 300
WORK = ({"kind": "zipf", "rate": 60, "alpha": 0.3}, {"kind": "moving", "rate": 20})
EVENTS = [Event(95.0, "set", f"v{i}", "shares", 500) for i in range(12)]


class Own:
    """A workload of somebody's own."""

    needs_guest, in_use, next = False, 64, 0

    def start(self, pages, rng):
        self.pages = pages

    def state(self):
        return {"next": self.next}

    def restore(self, state):
        self.next = state["next"]

    def step(self, seconds, time):
        self.next += 3
        return [Accesses(np.arange(self.next, self.next + 20) % self.pages, True)]


def vms():
    made = [
        VMSpec(f"v{i}", "6 MiB", WORK[i % 2], contents="mixed", start=40.0 * (i % 4))
        for i in range(10)
    ]
    made.append(VMSpec("v10", "6 MiB", WORK[0], guest=GuestSpec(kernel="1 MiB")))
    return [*made, VMSpec("v11", "6 MiB", Own())]


def fleet(**other):
    options = {
        "hosts": {"a": "24 MiB", "b": "24 MiB", "c": "20 MiB"},
        "epoch": 20.0,
        "round": 60.0,
        "seed": 2,
        "admission": Admission(full=1.0, unseen=0.4),
        "migration": Precopy(bandwidth=2**22),
        "events": EVENTS,
        "vms": vms(),
    } | other
    return Fleet(**options)


def saved(until, seconds=SECONDS, **other):
    """The fleet's checkpoint at this time, as bytes, and the result of the whole run."""
    made, file = fleet(**other), io.BytesIO()

    def progress(now, what):
        if what and now == until:
            made.save(file)

    result = made.run(seconds, progress=progress)
    return file.getvalue(), result


@pytest.fixture(scope="module")
def kept():
    data, whole = saved(120)
    assert len(whole.moves["vm"]) > 2, "or little is tried"
    return data, whole


@pytest.mark.parametrize("until", [60, 240])
def test_it_goes_on_as_if_nothing_had_been_between(kept, until):
    data, whole = saved(until)
    assert whole.digest() == kept[1].digest(), "saving changes nothing"
    again = fleet()
    again.resume(io.BytesIO(data))
    assert again.time == until
    assert again.run(SECONDS).digest() == whole.digest()


def test_on_other_processes_too_and_as_often_as_one_likes(kept, tmp_path):
    data, whole = kept
    path = tmp_path / "fleet.pe"
    path.write_bytes(data)
    for jobs in (1, 2):
        again = fleet()
        again.resume(path)
        assert again.run(SECONDS, jobs=jobs).digest() == whole.digest()


def test_a_run_that_is_over_can_be_made_longer():
    made, file = fleet(), io.BytesIO()
    made.run(120)
    made.save(file)
    again = fleet()
    again.resume(io.BytesIO(file.getvalue()))
    assert again.run(SECONDS).digest() == fleet().run(SECONDS).digest()
    cut = fleet()
    cut.run(80)
    cut.save(file := io.BytesIO())
    again = fleet()
    again.resume(io.BytesIO(file.getvalue()))
    with pytest.raises(CheckpointError, match="ended within a round of 60 s"):
        again.run(SECONDS)


def test_what_was_stopped_has_the_moves_of_a_run_that_long(kept):
    stopped = fleet().run(SECONDS, progress=lambda now, what: not (what and now >= 120))
    shorter = fleet().run(120)
    assert stopped.partial and stopped.why == "stopped"
    assert list(stopped.moves["vm"]) == list(shorter.moves["vm"])
    assert list(stopped.hosts["time"]) == list(shorter.hosts["time"])


def test_what_is_to_happen_to_a_vm_goes_along_when_it_moves():
    last = [Event(235.0, "set", f"v{i}", "shares", 700) for i in range(12)]
    result = fleet(events=last).run(SECONDS)
    moved = {
        vm for vm, at in zip(result.moves["vm"], result.moves["time"], strict=True) if at < 200
    }
    assert moved
    told = [event["vm"] for event in result.events if event["what"].startswith("shares")]
    assert sorted(told) == sorted(f"v{i}" for i in range(12)), "once each, moved or not"


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"seed": 3}, "seed was 2, not 3"),
        ({"hosts": {"a": "24 MiB", "b": "24 MiB"}}, "hosts was"),
        ({"policy": "kvm"}, "policy was 'ESX', not 'KVM'"),
        ({"migration": None}, "migration was"),
        ({"placement": "spread"}, "placement was 'best-fit', not 'spread'"),
        ({"events": EVENTS[:-1]}, "what is said of v11"),
        ({"vms": [*vms()[:-1], VMSpec("v11", "7 MiB", Own())]}, "what is said of v11"),
    ],
)
def test_a_checkpoint_of_another_fleet_is_refused(kept, other, said):
    made = fleet(**other)
    with pytest.raises(CheckpointError, match=said):
        made.resume(io.BytesIO(kept[0]))
    assert made.time == 0.0 and len(made.run(20).hosts["time"]), "nothing of it was taken"


def test_only_what_can_go_on_is_saved_and_resumed(kept, tmp_path):
    made, said = fleet(), []

    def progress(now, what):
        if now == 60 and not what:
            try:
                made.save(tmp_path / "never.pe")
            except ValueError as error:
                said.append(str(error))

    made.run(120, progress=progress)
    assert any("between two rounds" in each for each in said)
    with pytest.raises(ValueError, match="make another"):
        made.resume(io.BytesIO(kept[0]))
    again = fleet()
    again.resume(io.BytesIO(kept[0]))
    with pytest.raises(CheckpointError, match="made at 120 s, and it is to run until 60 s"):
        again.run(60)


def test_checkpoints_of_hosts_and_of_fleets_are_told_apart(kept, tmp_path):
    with pytest.raises(CheckpointError, match="no checkpoint of a simulation"):
        Simulation.load(io.BytesIO(kept[0]))
    Simulation("8 MiB", [VMSpec("v", "4 MiB")]).save(tmp_path / "one.pe")
    with pytest.raises(CheckpointError, match=r"one\.pe.*no checkpoint of a fleet"):
        fleet().resume(tmp_path / "one.pe")


def test_random_damage_is_refused(kept):
    draw = random.Random(5)
    for _ in range(60):
        data = bytearray(kept[0])
        if draw.random() < 0.3:
            del data[draw.randrange(len(data)) :]
        else:
            data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
        made = fleet()
        with pytest.raises(CheckpointError):
            made.resume(io.BytesIO(bytes(data)))
        assert made.time == 0.0


def lies():
    def hosts(state):
        state["hosts"]["d"] = None

    def twice(state):
        vms_of = next(each for each in state["books"].values() if each)
        state["books"]["a"] = [*state["books"]["a"], vms_of[0]]

    def waiting(state):
        state["waiting"] = ["nobody"]

    def rows(state):
        state["rows"]["hosts"]["time"] = state["rows"]["hosts"]["time"][1:]

    def text(state):
        texts, which = state["rows"]["vms"]["vm"]
        state["rows"]["vms"]["vm"] = (texts[:1], which + len(texts))

    def look(state):
        state["looks"]["a"] = 7

    def time(state):
        state["time"] = "noon"

    def packed(state):
        state["hosts"]["a"] = "a host"

    def past(state):
        state["time"] = -60.0

    def between(state):
        state["carried"] = {"v0": (np.zeros(40, np.uint8), 0.0)}

    return [hosts, twice, waiting, rows, text, look, time, packed, past, between]


@pytest.mark.parametrize("lie", lies(), ids=lambda lie: lie.__name__)
def test_what_somebody_made_up_is_refused(kept, lie):
    values = checkpoint.read(io.BytesIO(kept[0]), RECORDS, lambda values, _: values)
    lie(values["state"])
    checkpoint.write(file := io.BytesIO(), values, RECORDS)
    made = fleet()
    with pytest.raises(
        CheckpointError, match="not those of a fleet|of another kind|no saved state"
    ):
        made.resume(io.BytesIO(file.getvalue()))
    assert made.time == 0.0
