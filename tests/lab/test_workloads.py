"""What each workload promises beyond the rules of all: the shape of its accesses."""

import numpy as np
import pytest

from pageengine.core.draws import Draws, Ranks
from pageengine.lab.workloads import Accesses, Release, make
from pageengine.lab.workloads.zipf import popularity

MIB = 256  # pages


def started(pages=10_000, **options):
    workload = make(options)
    workload.start(pages, np.random.Generator(np.random.Philox(key=[3, 1])))
    return workload


def ids(steps, kind="memory"):
    found = [s.ids for s in steps if isinstance(s, Accesses) and s.kind == kind]
    return np.concatenate(found) if found else np.zeros(0, np.int64)


@pytest.mark.parametrize(("n", "alpha"), [(1000, 0.9), (50, 1.2), (5000, 0.0)])
def test_ranks_are_drawn_as_zipf_says(n, alpha):
    table = Ranks(np.arange(n), popularity(n, alpha))
    drawn = np.bincount(Draws(np.random.default_rng(0)).ranks(table, 400_000), minlength=n)
    expected = 1.0 / np.arange(1, n + 1) ** alpha
    expected *= 400_000 / expected.sum()
    head = expected > 60
    assert (np.abs(drawn - expected)[head] < 6 * np.sqrt(expected[head])).all()
    assert drawn[: n // 2].sum() == pytest.approx(expected[: n // 2].sum(), rel=0.02)


def test_what_is_as_popular_is_looked_up_in_one_place():
    held = popularity(1000, 0.9)
    assert popularity(1000, 0.9) is held
    assert popularity(1000, 0.8) is not held and len(popularity(999, 0.9)) == 999


def test_sequential_goes_round():
    workload = started(pages=100, kind="sequential", rate=60, memory=100 * 4096)
    assert ids(workload.step(1.0, 0)).tolist() == list(range(60))
    assert ids(workload.step(1.0, 1)).tolist() == [*range(60, 100), *range(20)]


def test_the_window_moves():
    workload = started(kind="moving", rate=5000, window=0.1, move=1.0, every=10)
    first = ids(workload.step(9.0, 0))
    later = ids(workload.step(9.0, 9))
    assert first.max() < 900 and later.min() >= 900 and later.max() < 1800
    assert workload.in_use == 900


def test_the_toucher_keeps_its_schedule_and_releases_what_it_leaves():
    workload = started(
        kind="toucher", rate=20 * MIB, schedule=[[10, "10 MiB"], [20, "20 MiB"], [30, "5 MiB"]]
    )
    assert not len(ids(workload.step(1, 5)))
    assert ids(workload.step(1, 10)).max() == 10 * MIB - 1
    assert workload.in_use == 10 * MIB
    workload.step(1, 20)
    steps = workload.step(1, 30)
    (release,) = [s for s in steps if isinstance(s, Release)]
    assert release.ids.tolist() == list(range(5 * MIB, 20 * MIB))
    assert ids(steps).max() == 5 * MIB - 1


def test_a_boot_zeroes_everything_once_at_its_speed():
    workload = started(pages=1000, kind="boot", speed=400 * 4096, then={"kind": "sequential"})
    zeroed = [ids(workload.step(1.0, t), "zero") for t in range(4)]
    assert [len(z) for z in zeroed] == [400, 400, 200, 0]
    assert np.concatenate(zeroed).tolist() == list(range(1000))
    assert len(ids(workload.step(1.0, 4)))


def test_idle_fills_its_memory_and_then_touches_little():
    workload = started(pages=1000, kind="idle", fill=600, memory=1000 * 4096, active=50, rate=20)
    assert len(ids(workload.step(1, 0))) == 600
    last = workload.step(1, 1)  # the rest of the memory, and of the second
    assert len(last[0].ids) == 400 and len(last[1].ids) == 6
    quiet = np.concatenate([ids(workload.step(1, t)) for t in range(2, 60)])
    assert len(quiet) == 58 * 20 and quiet.max() < 50


def test_a_heap_fills_is_collected_and_releases():
    workload = started(pages=1000, kind="heap", rate=1000, memory=1000 * 4096)
    releases, sizes = 0, []
    for t in range(60):
        releases += sum(isinstance(s, Release) for s in workload.step(1, t))
        sizes.append(workload.in_use)
    assert releases >= 1
    assert max(sizes) > 900 and min(sizes[5:]) < 600


def test_a_program_is_cut_to_its_rate_and_ends():
    def batches(pages, rng):
        yield np.arange(7), True
        yield Release(np.arange(2))
        yield [1, 2, 3]

    workload = started(pages=10, kind="program", batches=batches, rate=5)
    assert ids(workload.step(1, 0)).tolist() == [0, 1, 2, 3, 4]
    steps = workload.step(1, 1)
    assert ids(steps).tolist() == [5, 6, 1, 2, 3]
    assert any(isinstance(s, Release) for s in steps)
    assert workload.step(1, 2) == []


def test_a_program_that_touches_what_is_not_there_is_told():
    workload = started(pages=10, kind="program", batches=lambda pages, rng: iter([[3, 10]]))
    with pytest.raises(ValueError, match="touched page 10; the VM has pages 0 to 9"):
        workload.step(1, 0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "toucher", "schedule": [[5, "1 MiB"], [5, "2 MiB"]]}, "must rise"),
        ({"kind": "toucher", "schedule": "soon"}, "must be a list, got .soon."),
        ({"kind": "moving", "window": 1.5}, "window must be a number from 0 to 1, got 1.5"),
        ({"kind": "boot", "speed": 0}, "speed must be above 0"),
        ({"kind": "boot", "then": {"kind": "zpif"}}, "did you mean 'zipf'"),
        ({"kind": "fileserver", "files": 0}, "at least one page"),
        ({"kind": "program", "batches": 3}, "a function of"),
        ({"kind": "replay"}, "replay"),
    ],
)
def test_bad_options_are_named(options, message):
    with pytest.raises((ValueError, TypeError), match=message):
        make(options)


def test_what_a_program_hands_over_stays_as_it_was():
    from pageengine.lab import Simulation, VMSpec
    from pageengine.lab.workloads import Accesses

    ids, write = np.arange(999, -1, -1), np.arange(1000) % 3 == 0
    kept = ids.copy(), write.copy()

    def batches(pages, rng):
        while True:
            yield from (Accesses(ids, write), Accesses(ids, True), Accesses(ids))

    spec = VMSpec("vm", "4 MiB", {"kind": "program", "batches": batches}, contents="mixed")
    Simulation("2 MiB", [spec], policy="esx6", seed=1).run(5)
    assert np.array_equal(ids, kept[0]) and np.array_equal(write, kept[1])
