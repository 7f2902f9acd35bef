"""At stake: a second that a VM ran, waited or had nothing to do must be counted once. A
VM whose device and memory say what they are told to is taken through its time step by step.
"""

import pytest

from pageengine.lab import GuestSpec, Simulation, VMSpec
from pageengine.lab.simulated_vm import BOOT_SECONDS, SimulatedVM, _guest

MIB, PAGE = 2**20, 4096


class Device:
    """The client has been given time up to ``at``, waited, and is held, as the test says."""

    def __init__(self):
        self.time = self.at = self.waited = self.held_for = 0.0

    def end(self, client):
        return self.at

    def take_waited(self, client):
        waited, self.waited = self.waited, 0.0
        return waited

    def hold(self, client):
        return self.held_for


class Memory:
    """Does the parts of the work that it is told, and then waits."""

    def __init__(self):
        self.parts, self.rest, self.waits, self.asked = [], [], False, []

    def do(self, work):
        self.asked.append(work)
        part = self.parts.pop(0) if self.parts else 1.0
        self.waits = part < 1
        return part

    def go_on(self):
        part = self.rest.pop(0)
        self.waits = part < 1
        return part


class Work:
    ended = False

    def step(self, seconds, now):
        return seconds, now


class VM:
    blocked = False


@pytest.fixture
def simulated():
    found = SimulatedVM.__new__(SimulatedVM)
    found._device, found.client = Device(), 0
    found.memory, found.workload, found.vm = Memory(), Work(), VM()
    found.held = found.blocked = found._was_blocked = False
    found._slowness = 0.0
    found._made = found._owed = found._stalled = found._idle = found._unpaid = 0.0
    found._since = 0.0
    return found


def test_it_makes_the_accesses_of_its_time_and_of_no_more(simulated):
    simulated._device.at = 0.25
    simulated.live(0.0, 1.0)
    assert simulated.memory.asked == [(0.75, 0.0)] and simulated.take_made(0.0) == 0.75
    simulated._device.at = 1.5  # it is ahead of its time already
    simulated.live(1.0, 1.5)
    assert len(simulated.memory.asked) == 1 and simulated.take_made(0.0) == 0.0
    simulated._slowness = 1.0  # a second of running costs another
    simulated.live(1.5, 2.5)
    assert simulated.memory.asked[-1] == (0.5, 1.5) and not simulated.held


def test_work_that_waits_for_memory_is_owed_and_done_first(simulated):
    simulated.memory.parts = [0.25]
    simulated.live(0.0, 1.0)
    assert simulated.held and simulated.take_made(0.0) == 0.25 and simulated._owed == 0.75
    simulated.memory.rest = [0.5]
    simulated._device.at = 0.25
    simulated.live(1.0, 2.0)
    assert simulated.held and simulated.take_made(0.0) == 0.375 and simulated._owed == 0.375
    assert len(simulated.memory.asked) == 1
    simulated.memory.rest = [1.0]
    simulated._device.at = 0.625
    simulated.live(2.0, 2.0)
    assert not simulated.held and simulated._owed == 0.0
    assert simulated.memory.asked[-1] == (2.0 - 0.625 - 0.375, 2.0)
    assert simulated.take_made(0.0) == pytest.approx(0.375 + 1.0)


def test_a_blocked_vm_does_nothing_and_says_so_for_an_epoch(simulated):
    simulated.vm.blocked = True
    simulated.live(0.0, 1.0)
    assert simulated.held and simulated.memory.asked == [] and simulated.take_made(0.0) == 0.0
    simulated.vm.blocked = False
    simulated.live(1.0, 2.0)
    assert not simulated.held
    simulated._device.time = 2.0
    simulated.end_row(2.0)
    assert simulated.blocked
    simulated.end_row(2.0)
    assert not simulated.blocked


def test_slowness_is_what_running_cost_lately(simulated):
    simulated._made = 0.5
    assert simulated.take_made(1.0) == 0.5 and simulated._slowness == 1.0  # half of 2 s per second
    assert simulated.take_made(9.0) == 0.0 and simulated._slowness == 1.0  # nothing was made
    simulated._made = 1.0
    simulated.take_made(0.0)
    assert simulated._slowness == 0.5


def test_what_was_waited_is_counted_when_there_is_time_for_it(simulated):
    simulated._device.waited = 1.5
    assert simulated.pass_time(1.0) == 0.0 and simulated._stalled == 1.0
    assert simulated.pass_time(1.0) == 0.5 and simulated._stalled == 1.5
    assert simulated.pass_time(1.0) == 1.0 and simulated._stalled == 1.5


def test_who_is_held_waits_and_who_has_ended_is_idle(simulated):
    simulated._device.held_for = 0.25
    simulated.held = True
    assert simulated.pass_time(1.0) == 0.75 and (simulated._stalled, simulated._idle) == (0.25, 0.0)
    simulated.held = False
    simulated.workload.ended = True
    assert simulated.pass_time(1.0) == 1.0 and (simulated._stalled, simulated._idle) == (0.25, 0.25)
    simulated.live(2.0, 3.0)
    assert simulated.memory.asked == []  # its program is over


@pytest.mark.parametrize(
    ("stalled", "idle", "there", "expected"),
    [
        (0.5, 0.0, 2.0, (0.75, 0.25, 0.0)),
        (0.5, 1.0, 2.0, (0.25, 0.25, 0.5)),
        (0.0, 0.0, 1.5, (0.75, 0.0, 0.25)),  # it came half a second after the epoch began
        (3.0, 1.0, 2.0, (0.0, 1.0, 0.0)),  # what it waited before counts now, and no more
        (1.0, 3.0, 2.0, (0.0, 0.5, 0.5)),
        (0.0, 0.0, 2.5, (1.0, 0.0, 0.0)),
    ],
)
def test_an_epoch_is_run_waited_and_idle_in_parts_that_add_up(
    simulated, stalled, idle, there, expected
):
    simulated._stalled, simulated._idle = stalled, idle
    simulated._device.time = simulated._since + there
    simulated.end_row(2.0)
    assert (simulated.progress, simulated.stall, simulated.idle) == pytest.approx(expected)
    assert (simulated._stalled, simulated._idle, simulated._since) == (0.0, 0.0, there)


def test_a_guest_has_the_swap_and_the_kernel_of_its_spec():
    pages = 8 * MIB // PAGE
    stats = _guest(GuestSpec(kernel="4 MiB"), pages).stats
    assert stats.total == 8 * MIB
    for kernel in ("4 MiB", 0):
        assert _guest(GuestSpec(kernel=kernel), pages) is not None
    with pytest.raises(ValueError, match="4198400 bytes, more than half of the VM's 8388608"):
        _guest(GuestSpec(kernel=4 * MIB + PAGE), pages)
    with pytest.raises(ValueError, match="replacement"):
        GuestSpec(replacement="newest")
    assert (GuestSpec().kernel, GuestSpec().boot, GuestSpec().swap) == ("16 MiB", 0.0, None)


def test_what_an_event_changes_is_changed():
    specs = [VMSpec("a", "8 MiB", "idle", balloon_max="2 MiB")]
    simulation = Simulation("64 MiB", specs)
    simulation.step()
    simulated = simulation.running["a"]
    simulated.change("balloon_max", "1 MiB")
    assert simulated.vm.balloon_max == MIB
    simulated.change("shares", 7)
    assert simulated.vm.shares == 7 and type(simulated.workload).__name__ == "Idle"
    simulated.change("workload", "zipf")
    assert type(simulated.workload).__name__ == "Zipf"
    simulated._owed, boots = 1.0, []
    simulated.memory.boot = lambda: boots.append(1)
    simulated.reboot()
    assert boots == [1] and simulated.vm.balloon_max == 0  # its driver is away while it boots
    assert simulated._owed == 0.0 and type(simulated.workload).__name__ == "Zipf"
    assert BOOT_SECONDS == 30.0


def test_draws_go_by_name_and_seed_and_by_nothing_else():
    def draws(names, seed):
        work = {"kind": "zipf", "rate": 100}
        specs = [VMSpec(name, "4 MiB", work) for name in names]
        simulation = Simulation("64 MiB", specs, seed=seed)
        simulation.step()
        return {name: m._rng.integers(0, 2**60) for name, m in simulation.running.items()}

    one, turned, other = draws("ab", 1), draws("ba", 1), draws("ab", 2)
    assert one == turned and one["a"] != one["b"] and one["a"] != other["a"]
