"""Hosts of a fleet run wherever there is a worker, and workers die. The result must be the same,
bit for bit, and no more work may be lost than what they had in hand.
"""

import os
import signal
import threading
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import pytest

from pageengine.errors import PageEngineError
from pageengine.lab import Admission, Fleet, Precopy, VMSpec
from pageengine.lab.fleet import crew
from pageengine.lab.fleet.crew import Alone, CalledOff, Many

SECONDS = 240


def fleet():
    work = ({"kind": "zipf", "rate": 60, "alpha": 0.3}, {"kind": "moving", "rate": 20})
    vms = [VMSpec(f"v{i}", "6 MiB", work[i % 2], contents="mixed") for i in range(12)]
    return Fleet(
        {"a": "24 MiB", "b": "24 MiB", "c": "32 MiB"},
        vms,
        epoch=20.0,
        round=60.0,
        seed=2,
        admission=Admission(full=1.2, unseen=0.2),
        migration=Precopy(bandwidth=2**22),
    )


@pytest.fixture(scope="module")
def alone():
    result = fleet().run(SECONDS)
    assert len(result.moves["vm"]) > 0
    return result.digest()


class Killer:
    """Kills one worker, once, when the first round is over. pids: the workers by then."""

    def __init__(self, pids):
        self._pids, self.killed = pids, []

    def __call__(self, now, what):
        if what and now >= 60 and not self.killed:
            self.killed = [self._pids()[0]]
            threading.Timer(0.05, os.kill, (self.killed[0], signal.SIGKILL)).start()


def test_it_does_not_matter_how_many_processes_there_are(alone):
    assert fleet().run(SECONDS, jobs=2).digest() == alone


def test_any_executor_will_do(alone):
    with ThreadPoolExecutor(2) as threads:
        assert fleet().run(SECONDS, executor=threads).digest() == alone


def test_a_process_that_is_killed_costs_its_round_and_nothing_else(alone, monkeypatch):
    import multiprocessing

    made = []

    class Counted(ProcessPoolExecutor):
        def __init__(self, *args, **options):
            made.append(self)
            super().__init__(*args, **options)

    monkeypatch.setattr("pageengine.lab.workers.ProcessPoolExecutor", Counted)
    killer = Killer(lambda: [child.pid for child in multiprocessing.active_children()])
    assert fleet().run(SECONDS, jobs=2, progress=killer).digest() == alone
    assert killer.killed and len(made) == 2
    assert not multiprocessing.active_children()


@pytest.mark.slow
def test_on_a_cluster_it_is_the_same_and_a_worker_that_is_killed_changes_nothing(alone):
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        address = cluster.scheduler_address
        assert fleet().run(SECONDS, dask=address).digest() == alone
        killer = Killer(lambda: sorted(client.run(os.getpid).values()))
        assert fleet().run(SECONDS, dask=address, progress=killer).digest() == alone
        assert killer.killed
    assert fleet().run(SECONDS, dask="local", jobs=1).digest() == alone


def test_where_no_scheduler_answers(monkeypatch):
    pytest.importorskip("distributed")
    with pytest.raises(PageEngineError, match="no Dask scheduler at 'nowhere:1:2'"):
        fleet().run(SECONDS, dask="nowhere:1:2")


def square(number):
    if number < 0:
        raise ValueError(f"{number} is negative")
    return number * number


def die_once(path, number):
    """Dies when it is called for the first time with this path."""
    if not os.path.exists(path):
        open(path, "w").close()
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def die(number):
    os.kill(os.getpid(), signal.SIGKILL)


def never():
    return False


def test_results_come_in_the_order_of_the_calls():
    calls = [(i,) for i in range(20)]
    expected = [i * i for i in range(20)]
    assert Alone().all(square, calls, never) == expected
    with crew.crew(2) as pool:
        assert pool.all(square, calls, never) == expected
        assert pool.all(square, [], never) == []


def test_only_what_was_lost_is_done_again(tmp_path):
    with crew.crew(2) as pool:
        calls = [(str(tmp_path / "died"), i) for i in range(6)]
        assert pool.all(die_once, calls, never) == list(range(6))


def test_a_task_that_kills_whoever_does_it_is_given_up():
    with pytest.raises(PageEngineError, match="killed again and again.*--jobs"):
        with crew.crew(2) as pool:
            pool.all(die, [(1,)], never)


def test_what_a_task_raises_is_raised():
    for jobs in (1, 2):
        with pytest.raises(ValueError, match="-3 is negative"), crew.crew(jobs) as workers:
            workers.all(square, [(1,), (-3,)], never)


def test_tasks_are_not_waited_for_when_it_is_to_end():
    began = time.monotonic()
    with ThreadPoolExecutor(1) as threads:
        asked = []

        def stop():
            asked.append(1)
            return len(asked) > 2

        with pytest.raises(CalledOff):
            Many(lambda: threads).all(time.sleep, [(1.0,), (30.0,)], stop)
    assert time.monotonic() - began < 15
    with pytest.raises(CalledOff):
        Alone().all(square, [(1,)], lambda: True)
