"""At stake: an event that is counted twice or for another VM is waited for by the wrong one.
VMs that come, leave and come again are read epoch by epoch, and rows of the timelines with
them.
"""

import numpy as np

from pageengine.core.records import Events
from pageengine.lab import GuestSpec, Simulation, VMSpec
from pageengine.lab.events import Event
from pageengine.lab.meter import GUEST, Meter, of_guests
from pageengine.lab.timeline import Table


class Fake:
    """As much of a VM as is read."""

    guest = came_with = None

    def __init__(self, double_paging=0):
        self.memory, self.vm = self, self
        self.double_paging = double_paging

    def numbers(self):
        return range(len(GUEST))


def read(meter, running, *accesses):
    nothing = np.zeros(len(accesses), np.int64)
    columns = dict.fromkeys(Events.__dataclass_fields__, nothing)
    meter.read(running, columns | {"accesses": np.array(accesses, int)}, of_guests(running))
    assert meter.sums == {name: column.sum() for name, column in meter.events.items()}
    return meter.events


def test_an_epoch_is_what_was_counted_since_the_last_wherever_a_vm_stands():
    meter, a, b, c = Meter(), Fake(), Fake(), Fake()
    seen = read(meter, [a, b], 5, 7)
    assert seen["accesses"].tolist() == [5, 7] and seen["double_paging"].tolist() == [0, 0]
    b.double_paging = 3
    seen = read(meter, [b, c], 9, 1)
    assert seen["accesses"].tolist() == [2, 1] and seen["double_paging"].tolist() == [3, 0]
    assert read(meter, [c, a, b], 1, 6, 9)["accesses"].tolist() == [0, 6, 0]  # a came anew
    assert read(meter, [])["accesses"].tolist() == []


def test_the_disk_of_a_guest_is_read_where_there_is_one():
    meter, a, b = Meter(), Fake(), Fake()
    b.guest = b
    guests = of_guests([a, b])
    assert guests[:, 0].tolist() == [0] * len(GUEST) and guests[:, 1].tolist() == [*range(15)]
    seen = read(meter, [a, b], 0, 0)
    assert seen["guest_reads"].tolist() == [0, GUEST.index("disk_reads")]
    assert seen["guest_writes"].tolist() == [0, GUEST.index("disk_writes")]


def test_rows_of_one_vm_are_the_same_with_others_around_it():
    """A VM that is started again begins at nothing, and its neighbours go on."""
    work = {"kind": "zipf", "rate": 400}
    specs = [
        VMSpec("a", "4 MiB", work, guest=GuestSpec(kernel="1 MiB"), contents="own"),
        VMSpec("b", "4 MiB", work, contents="own", stop=3.0),
        VMSpec("c", "4 MiB", work, contents="own", start=2.0),
    ]
    free = dict.fromkeys(("faults_absent", "cow_breaks", "sample_faults", "guest_reads"), 0)
    more = {"seed": 3, "costs": free}
    events = [Event(5.0, "start", "b")]
    result = Simulation("64 MiB", specs, events=events, **more).run(8)
    assert result.of("b")["time"].tolist() == [1, 2, 3, 6, 7, 8]
    assert result.of("b")["accesses"].tolist() == [400] * 6
    assert result.of("c")["accesses"].tolist() == [400] * 6
    alone = Simulation("64 MiB", specs[:1], **more).run(8)
    for name in ("accesses", "guest_free", "stall", "touched", "active"):
        assert result.of("a")[name].tolist() == alone.of("a")[name].tolist(), name


def test_a_table_keeps_rows_of_any_number():
    table, expected = Table(("n", "half")), []
    for rows in (1, 3, 4094, 2, 5000, 1):
        number = np.arange(rows) + len(expected)
        table.add([number, 0.5], rows)
        expected += number.tolist()
    found = table.arrays(frozenset({"n"}))
    assert found["n"].dtype == np.int64 and found["n"].tolist() == expected
    assert found["half"].tolist() == [0.5] * len(expected)
    assert Table(("n",)).arrays(frozenset())["n"].tolist() == []


def test_a_reboot_gives_a_vm_no_time():
    """The counters of its guest begin anew, and its debt is never less than nothing."""
    work = {"kind": "fileserver", "files": "256 MiB", "rate": 2000.0}
    spec = VMSpec("a", "64 MiB", work, guest=GuestSpec())
    events = [Event(5.0, "reboot", "a")]
    simulation = Simulation("128 MiB", [spec], costs="hdd", events=events)
    reads = []
    for _ in range(20):
        simulation.step()
        assert 0 <= simulation.running["a"].progress <= 1
        reads.append(int(simulation._meter.events["guest_reads"][0]))
    assert min(reads) >= 0 and max(reads[:5]) > 0 and max(reads[6:]) > 0


def test_a_reboot_begins_with_the_workload_that_an_event_chose():
    events = [Event(2.0, "set", "a", "workload", "zipf"), Event(4.0, "reboot", "a")]
    simulation = Simulation("128 MiB", [VMSpec("a", "8 MiB", "idle")], events=events)
    for _ in range(6):
        simulation.step()
    assert type(simulation.running["a"].workload).__name__ == "Zipf"
