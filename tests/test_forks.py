"""A forked child has the memory of its parent's hosts and their swap files too. It may not use
them; the parent loses nothing.
"""

import multiprocessing
import os
import sys
import threading

import numpy as np
import pytest
from children import in_child

import pageengine as pe
from pageengine import errors
from pageengine.stores.swap import SwapSpace

PAGE = 4096
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")


def filled(host):
    rng = np.random.default_rng(3)
    vm = host.add_vm("a", 128 * PAGE)
    contents = rng.integers(0, 256, (128, PAGE), dtype=np.uint8)
    vm.write(np.arange(128), contents)
    host.reclaim(vm, 96, "swap")
    return vm, contents


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_can_use_nothing_of_a_host_and_the_parent_loses_nothing():
    with pe.Host(256 * PAGE, sharing=False, compression=None) as host:
        vm, contents = filled(host)
        calls = [
            lambda: vm.write(np.arange(128), contents[::-1]),
            lambda: vm.read([0]),
            lambda: vm.stats,
            lambda: host.reclaim(vm, 8, "swap"),
            lambda: host.stats,
            lambda: host.add_vm("b", PAGE),
            lambda: host.advance(1),
            lambda: host["a"],
        ]

        def work():
            refused = 0
            for call in calls:
                try:
                    call()
                except errors.Forked as error:
                    refused += "a forked child cannot use it" in str(error)
            host.close()  # the one call that is allowed, and does nothing to the parent
            return refused

        assert in_child(work) == len(calls)
        assert (vm.read(np.arange(128)) == contents).all()
        host.check(deep=True)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_swap_space_by_itself_is_of_one_process_too():
    with SwapSpace(8) as space:
        slots = space.write(np.full((8, PAGE), 3, np.uint8))
        calls = [
            lambda: space.write(np.zeros((1, PAGE), np.uint8)),
            lambda: space.read(slots),
            lambda: space.give_back(slots),
            lambda: space.grow(9),
            space.check,
            space.fileno,
        ]

        def work():
            refused = 0
            for call in calls:
                try:
                    call()
                except errors.Forked as error:
                    refused += "this swap space was made by the parent" in str(error)
            space.close()
            return refused

        assert in_child(work) == len(calls)
        assert (space.read(slots) == 3).all()


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_does_not_wait_for_a_thread_that_is_not_there():
    """The lock was held by another thread at the time of the fork."""
    inside, go_on = threading.Event(), threading.Event()

    class Slow:
        def decide(self, snapshot):
            inside.set()
            go_on.wait(30)
            return pe.policy.Plan(state="high")

    def work():
        try:
            host.stats  # noqa: B018
        except errors.Forked:
            host.close()
            return 7
        return 1

    with pe.Host(64 * PAGE, policy=Slow()) as host:
        thread = threading.Thread(target=host.balance)
        thread.start()
        assert inside.wait(30)
        status = in_child(work)
        go_on.set()
        thread.join()
    assert status == 7


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_makes_hosts_of_its_own():
    with pe.Host(64 * PAGE):

        def work():
            with pe.Host(256 * PAGE, sharing=False) as host:
                vm, contents = filled(host)
                return int((vm.read(np.arange(128)) == contents).all())

        assert in_child(work) == 1


def _sum_of_a_host(seed):
    with pe.Host(64 * PAGE, seed=seed) as host:
        vm = host.add_vm("a", 16 * PAGE)
        vm.write(np.arange(16), np.full((16, PAGE), seed, np.uint8))
        return int(vm.read([3])[0, 0])


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_pools_of_processes_by_fork():
    with pe.Host(64 * PAGE) as host, multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map(_sum_of_a_host, range(4)) == [0, 1, 2, 3]
        assert host.stats.vms == 0


def test_a_host_is_not_sent_to_another_process():
    import pickle

    with pe.Host(64 * PAGE) as host:
        vm = host.add_vm("a", PAGE)
        for thing in (host, vm):
            with pytest.raises(TypeError, match="make it there"):
                pickle.dumps(thing)


@pytest.mark.skipif(sys.platform == "win32", reason="no fork")
def test_a_fork_of_a_fork():
    with pe.Host(64 * PAGE) as host:

        def refused():
            try:
                host.stats  # noqa: B018
            except errors.Forked:
                return 5
            return 1

        assert in_child(lambda: in_child(refused)) == 5
