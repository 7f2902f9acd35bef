"""Calls of many pages are made by several threads; whatever their number, the results are those of
one. The C tests compare every bit (tests/c/test_pe_crew.c); here is what a program can see.
"""

import os
import threading

import numpy as np
import pytest
from children import in_child
from meanwhile import meanwhile, outcome

import pageengine as pe
from pageengine import errors
from pageengine.faults import FaultPlan

PAGE = 4096
PAGES, FRAMES = 2500, 2600
TECHNIQUES = ("compression", "swap", "ladder")  # by round


def drawn(rng, n, of=PAGES):
    """PPNs, some of them twice, and pages: zeroes, equal ones, ones that compress, ones that do
    not.
    """
    pages = np.zeros((n, PAGE), np.uint8)
    kind = rng.integers(0, 4, n)
    pages[kind == 1, ::128] = rng.integers(0, 5, ((kind == 1).sum(), 1))
    pages[kind == 2, ::64] = rng.integers(0, 256, ((kind == 2).sum(), 64))
    pages[kind == 3] = rng.integers(0, 256, ((kind == 3).sum(), PAGE))
    return rng.integers(0, of, n), pages


def seen(call, *args, **options):
    """What a call gives, or how it fails."""
    try:
        given = call(*args, **options)
    except errors.PageEngineError as error:
        return type(error).__name__, str(error), getattr(error, "done", None)
    return given.tobytes() if isinstance(given, np.ndarray) else given


def life(threads, seed, image=None, faults=None):
    """Everything that a program sees of a host that is short of memory."""
    rng, told = np.random.default_rng(seed), []
    rule = ("hint", "two-scans")[seed % 2]
    options = {"compression": ("word", "lz")[seed % 2], "victims": ("clock", "random")[seed % 2]}
    with pe.Host(FRAMES * PAGE, seed=seed, threads=threads, faults=faults, **options) as host:
        vms = [host.add_vm(name, PAGES * PAGE) for name in "ab"]
        for vm in vms:
            told += [seen(vm.write, *drawn(rng, PAGES))]
        for round_ in range(3):
            vm = vms[round_ % 2]
            told += [seen(host.scan, PAGES + 9, rule=rule, vm=vm)]
            ppns, pages = drawn(rng, PAGES, of=(PAGES, 90)[round_ % 2])
            told += [seen(vm.write, ppns, pages), seen(vms[1 - round_ % 2].write, ppns, pages)]
            told += [seen(host.scan, rule=rule), seen(host.reclaim, vm, 700, TECHNIQUES[round_])]
            told += [seen(vm.read, drawn(rng, PAGES)[0])]
        if image is not None:
            told += [seen(vms[0].load, image)]
        told += [seen(vm.peek, np.arange(PAGES)) for vm in vms]
        told += [vm.places_at(np.arange(PAGES)).tobytes() for vm in vms]
        told += [host.numbers(), *(vm.stats for vm in vms), *(vm.events() for vm in vms)]
        host.check(deep=faults is None)  # a slot that cannot be read now is no sound one
    return told


@pytest.mark.parametrize("threads", [2, 3, 8])
def test_results_do_not_depend_on_the_number_of_threads(threads, tmp_path):
    image = tmp_path / "image"
    image.write_bytes(drawn(np.random.default_rng(9), 2300)[1].tobytes())
    alone = life(1, threads, image)
    assert life(threads, threads, image) == alone
    for event in ("merged", "cow_breaks", "swap_in", "decompressions"):
        assert alone[-2][event] + alone[-1][event] > 10


def test_faults_on_purpose_come_at_the_same_calls():
    def told(threads):
        plan = FaultPlan(seed=5)
        plan.fail("read", "EIO", share=0.01)
        plan.fail("write", "ENOSPC", share=0.01)
        return life(threads, 4, faults=plan), plan.log(), plan.operations

    alone = told(1)
    assert any(isinstance(one, tuple) and one[0] == "SwapError" for one in alone[0])
    assert told(4) == alone


def test_a_page_that_is_written_many_times_in_a_call_holds_the_last():
    ppns = np.tile(np.arange(7), 600)
    pages = np.repeat(np.arange(len(ppns), dtype=np.uint32).view(np.uint8).reshape(-1, 4), 1024, 0)
    pages = pages.reshape(len(ppns), -1)[:, :PAGE]
    with pe.Host("1 MiB", threads=4) as host:
        vm = host.add_vm("a", 7 * PAGE)
        vm.write(ppns, pages)
        assert (vm.read(np.arange(7)) == pages[-7:]).all()


def test_arrays_that_another_thread_changes_harm_no_other_page():
    ppns, pages = np.arange(2048), np.ones((2048, PAGE), np.uint8)
    outcomes = set()

    def change():
        ppns[1::2] += 2**40
        pages[...] = 3 - pages[0, 0]
        ppns[...] = np.arange(2048)

    with pe.Host(5000 * PAGE, threads=3) as host:
        other = host.add_vm("b", 64 * PAGE)
        other.write(np.arange(64), np.full((64, PAGE), 7, np.uint8))
        vm = host.add_vm("a", 2048 * PAGE)
        with meanwhile(change):
            for _ in range(20):
                for call in (lambda: vm.write(ppns, pages), lambda: vm.read(ppns)):
                    outcomes.add(outcome(call))
        assert outcomes
        assert set(np.unique(vm.peek(np.arange(2048)))) <= {0, 1, 2}
        assert (other.read(np.arange(64)) == 7).all()
        host.check(deep=True)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_that_is_forked_during_a_call_makes_calls_of_its_own():
    rng = np.random.default_rng(1)
    ppns, pages = drawn(rng, PAGES)

    def work():
        vm.write(ppns, pages)
        host.scan()

    def child():
        host.close()  # the parent's: nothing is waited for
        with pe.Host(4 * PAGES * PAGE, threads=2) as own:
            mine = own.add_vm("a", PAGES * PAGE)
            mine.write(np.arange(PAGES), pages)
            own.scan()
            return 7 if (mine.read(np.arange(PAGES)) == pages).all() else 1

    with pe.Host(4 * PAGES * PAGE, threads=3) as host:
        vm = host.add_vm("a", PAGES * PAGE)
        with meanwhile(work):
            for _ in range(4):
                assert in_child(child) == 7


@pytest.mark.skipif(not os.path.exists("/proc/self/task"), reason="needs Linux's /proc")
def test_threads_are_there_for_large_calls_alone_and_gone_afterwards():
    most, stop = [0], threading.Event()

    def count():
        while not stop.is_set():
            most[0] = max(most[0], len(os.listdir("/proc/self/task")))

    def most_during(call, n):
        most[0] = 0
        for _ in range(n):
            call()
        return most[0] - before

    with pe.Host(4 * PAGES * PAGE, threads=4) as host:
        vm = host.add_vm("a", PAGES * PAGE)
        pages = np.ones((PAGES, PAGE), np.uint8)
        watcher = threading.Thread(target=count)
        watcher.start()
        try:
            before = len(os.listdir("/proc/self/task"))
            assert most_during(lambda: vm.write(np.arange(800), pages[:800]), 30) == 0
            large = most_during(lambda: vm.write(np.arange(PAGES), pages), 30)
            assert 1 <= large <= 3
            assert len(os.listdir("/proc/self/task")) == before
        finally:
            stop.set()
            watcher.join()


def test_how_many_threads_there_are(monkeypatch):
    def of_host(**options):
        with pe.Host(64 * PAGE, **options) as host:
            return host.threads

    monkeypatch.delenv("PAGEENGINE_THREADS", raising=False)
    assert 1 <= of_host() <= 8
    assert of_host(threads=64) == 64
    monkeypatch.setenv("PAGEENGINE_THREADS", " 3 ")
    assert of_host() == 3
    assert of_host(threads=2) == 2
    for bad in ("0", "65", "many", "-1", "2.0", "9" * 5000):
        monkeypatch.setenv("PAGEENGINE_THREADS", bad)
        with pytest.raises(ValueError, match="PAGEENGINE_THREADS.*from 1 to 64"):
            of_host()
    monkeypatch.setenv("PAGEENGINE_THREADS", "")
    assert of_host() >= 1
    for bad in (0, 65, -1):
        with pytest.raises(ValueError, match=f"threads.*{bad}"):
            of_host(threads=bad)
    with pytest.raises(TypeError, match="threads must be a whole number"):
        of_host(threads="2")
