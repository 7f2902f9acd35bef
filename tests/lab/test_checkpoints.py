"""A checkpoint that loses anything makes every run that goes on from it another one, and every
comparison of branches unfair. Runs that were saved at random moments are held against runs that
were not.
"""

import io
import random

import numpy as np
import pytest

from pageengine import Host, errors
from pageengine.control.driver_faults import DriverFaults
from pageengine.lab.events import Event
from pageengine.lab.simulated_vm import GuestSpec
from pageengine.lab.simulation import Simulation
from pageengine.lab.specs import VMSpec
from pageengine.lab.workloads import Accesses
from pageengine.policy import Limits, Plan

SECONDS = 24
slow = pytest.mark.slow
POLICIES = [
    "esx6",
    *(
        pytest.param(name, marks=slow)
        for name in ("kvm", "qmemman", "damon-reclaim", "headroom", "squeezed", "free-first", "pi")
    ),
]


def specs():
    lru = GuestSpec(kernel="1 MiB", replacement="lru", swap="8 MiB", boot=3.0)
    sticky = GuestSpec(kernel="1 MiB", replacement="fifo", sticky=4.0, freeze=9.0)
    heap = {"kind": "heap", "rate": 500.0}
    return [
        VMSpec(
            "files", "24 MiB", {"kind": "fileserver", "files": "30 MiB", "rate": 300}, guest=lru
        ),
        VMSpec("zipf", "32 MiB", {"kind": "zipf", "rate": 900.0}, contents="linux", shares="high"),
        VMSpec("boots", "16 MiB", {"kind": "boot", "speed": "2 MiB", "then": heap}, guest=sticky),
        VMSpec(
            "moves", "24 MiB", {"kind": "moving", "every": 7.0}, driver=DriverFaults(sticky=3.0)
        ),
        VMSpec("late", "16 MiB", "idle", guest=GuestSpec(kernel="1 MiB"), start=9.0, stop=21.0),
    ]


def events():
    return [
        Event(5.5, "reboot", "files"),
        Event(11.0, "set", "zipf", "workload", {"kind": "sequential", "rate": 500.0}),
        Event(12.0, "set", "moves", "limit", 12 << 20),
        Event(14.0, "reboot", "zipf"),
        Event(16.0, "stop", "boots"),
        Event(19.0, "start", "boots"),
    ]


def made(policy, contents="tokens", seed=5, **options):
    host = {"compression": "word", "estimator": "sampling"} | options
    return Simulation(
        "48 MiB", specs(), policy=policy, seed=seed, contents=contents, events=events(), host=host
    )


def saved(simulation):
    file = io.BytesIO()
    simulation.save(file)
    file.seek(0)
    return file


def run(simulation, seconds=SECONDS):
    return simulation.run(seconds).digest()


def run_with_breaks(simulation, moments):
    """The digest of a run that goes on from a checkpoint at each of the moments."""
    for moment in sorted(moments):
        while simulation.host.time < moment:
            simulation.step()
        file = saved(simulation)
        simulation.host.close()
        simulation = Simulation.load(file)
        simulation.host.check(deep=True)
    return run(simulation)


@pytest.mark.parametrize("policy", POLICIES)
def test_a_run_goes_on_as_if_nothing_had_been_between(policy):
    moments = random.Random(policy).sample(range(SECONDS), 3)
    assert run_with_breaks(made(policy), moments) == run(made(policy)), moments


@pytest.mark.parametrize(
    "options",
    [
        {"packing": "dense", "victims": "random", "estimator": "idle-age"},
        {"estimator": {"kind": "idle-age", "seconds": 40, "period": 20}},
        pytest.param({"sharing": False, "estimator": "accessed-bits"}, marks=slow),
        pytest.param({"compression": None, "victims": "random"}, marks=slow),
        pytest.param({"cache_limit": "1 MiB", "swap": "40 MiB"}, marks=slow),
    ],
    ids=str,
)
def test_so_it_does_whatever_the_host_is_made_with(options):
    moments = random.Random(str(options)).sample(range(SECONDS), 2)
    expected = run(made("esx5", **options))
    assert run_with_breaks(made("esx5", **options), moments) == expected, moments


@slow
@pytest.mark.parametrize("policy", ["esx6", "kvm"])
def test_so_it_does_with_bytes(policy):
    moments = random.Random(policy).sample(range(SECONDS), 2)
    assert run_with_breaks(made(policy, "bytes"), moments) == run(made(policy, "bytes")), moments


@slow
def test_a_guard_remembers_what_it_gave():
    guarded = made("squeezed"), made("squeezed")
    for each in guarded:
        each.host.guard = Limits(shrink="1 MiB", window=8.0)
    first, second = run(guarded[0]), run_with_breaks(guarded[1], [7, 15])
    assert first == second


def test_what_time_and_pressure_left_is_all_there():
    simulation = made("esx6")
    while simulation.host.time < 15:
        simulation.step()
    again = Simulation.load(saved(simulation))
    backends = simulation.host._backend, again.host._backend
    for part in ("swap_rate", "_pressure"):
        assert vars(getattr(backends[0], part)) == vars(getattr(backends[1], part)), part
    assert backends[0].swap_rate._left and any(backends[0]._pressure._shown)
    for name, simulated in simulation.running.items():
        controls = [backend.table[name] for backend in backends]
        assert controls[0].state() == controls[1].state()
        plain = {k: v for k, v in vars(simulated).items() if isinstance(v, (bool, int, float))}
        assert plain == {k: getattr(again.running[name], k) for k in plain}, name


@slow
def test_saving_changes_nothing():
    watched, alone = made("kvm"), made("kvm")
    for _ in range(SECONDS):
        watched.step()
        saved(watched)
    assert run(watched) == run(alone)


def test_one_checkpoint_is_gone_on_from_as_often_as_one_likes():
    simulation = made("esx6")
    for _ in range(10):
        simulation.step()
    data = saved(simulation).getvalue()
    digests = {run(Simulation.load(io.BytesIO(data))) for _ in range(2)}
    assert digests == {run(simulation)}


def test_branches_begin_at_one_moment_and_record_what_comes_after_it():
    simulation = made("esx6")
    for _ in range(12):
        simulation.step()
    data = saved(simulation).getvalue()
    found = {}
    for policy in ("esx6", "kvm"):
        branch = Simulation.load(io.BytesIO(data))
        before = branch.host.numbers()
        branch.branch(policy)
        assert branch.host.numbers() == before and branch.host.time == 12
        found[policy] = branch.run(SECONDS)
        assert found[policy].host["time"].tolist() == list(range(13, SECONDS + 1))
    assert found["esx6"].digest() != found["kvm"].digest()


class Steps:
    """A workload of somebody's own."""

    needs_guest, in_use, touched = False, 64, 0

    def start(self, pages, rng):
        self.rng, self.touched = rng, 0

    def step(self, seconds, time):
        self.touched += 1
        return [Accesses(self.rng.integers(0, 64, 40) + self.touched % 500, True)]


class SavedSteps(Steps):
    def state(self):
        return {"touched": self.touched}

    def restore(self, state):
        self.touched = state["touched"]


class Often:
    """A policy of somebody's own."""

    def __repr__(self):
        return "Often()"

    def decide(self, snapshot):
        return Plan(memo={"n": snapshot.memo.get("n", 0) + 1}, again=2.0)


def own(workload):
    return Simulation("16 MiB", [VMSpec("a", "4 MiB", workload)], policy=Often(), seed=1)


def test_somebody_s_own_policy_and_workload_are_brought_along():
    simulation = own(SavedSteps())
    for _ in range(9):
        simulation.step()
    data = saved(simulation).getvalue()
    with pytest.raises(errors.CheckpointError, match="'Often'.*policy="):
        Simulation.load(io.BytesIO(data))
    with pytest.raises(errors.CheckpointError, match="'SavedSteps'.*workloads="):
        Simulation.load(io.BytesIO(data), policy=Often())
    again = Simulation.load(io.BytesIO(data), policy=Often(), workloads={"a": SavedSteps()})
    assert again.host.last_plan.memo == simulation.host.last_plan.memo
    assert run(again, 20) == run(simulation, 20) == run(own(SavedSteps()), 20)


def test_a_workload_that_cannot_be_saved_says_what_it_lacks(tmp_path):
    simulation = own(Steps())
    simulation.step()
    with pytest.raises(TypeError, match=r"workload of 'a'.*state\(\).*restore\(state\)"):
        simulation.save(tmp_path / "checkpoint")
    assert not list(tmp_path.iterdir())
    simulation.step()


def test_a_checkpoint_of_a_host_is_none_of_a_simulation(tmp_path):
    with Host("1 MiB") as host:
        host.save(tmp_path / "host")
    with pytest.raises(errors.CheckpointError, match="host: it is no checkpoint of a simulation"):
        Simulation.load(tmp_path / "host")


def test_random_damage_is_refused_with_the_file_s_name(tmp_path):
    simulation, chance = made("esx6"), random.Random(3)
    for _ in range(5):
        simulation.step()
    data = saved(simulation).getvalue()
    for _ in range(40):
        damaged = bytearray(data)
        at = chance.randrange(len(data))
        damaged[at] ^= 1 << chance.randrange(8)
        if chance.random() < 0.3:
            del damaged[at:]
        (tmp_path / "bad").write_bytes(damaged)
        with pytest.raises(errors.CheckpointError, match="bad: it is"):
            Simulation.load(tmp_path / "bad")


def test_a_generator_s_state_is_looked_at_before_numpy_gets_it():
    from pageengine.plumbing.generators import set_generator

    generator = np.random.Generator(np.random.Philox(key=[1, 2]))
    generator.integers(0, 9, 5)
    state = generator.bit_generator.state
    expected = generator.integers(0, 1 << 40, 4).tolist()
    set_generator(generator, state)
    assert generator.integers(0, 1 << 40, 4).tolist() == expected
    for key, value in (("buffer_pos", -3), ("has_uint32", 7), ("buffer", np.zeros(1, np.uint64))):
        with pytest.raises(errors.CheckpointError, match="random generator"):
            set_generator(generator, state | {key: value})
