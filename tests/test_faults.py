"""At stake: whoever tests a program of theirs with faults on purpose relies on getting those that
they asked for, where they asked for them, and no others.
"""

import errno
import gc
import os

import numpy as np
import pytest

import pageengine as pe
from pageengine import errors
from pageengine.faults import KINDS, OPERATIONS, Fault, FaultPlan

PAGE, N = 4096, 48
PPNS = np.arange(N)


@pytest.fixture
def plan():
    return FaultPlan(3)


@pytest.fixture
def host(plan):
    with pe.Host(64 * PAGE, compression=None, swap=64 * PAGE, faults=plan) as host:
        yield host
        plan.clear()
        if host.vms:
            host.check()


@pytest.fixture
def pages():
    return np.random.default_rng(0).integers(0, 256, (N, PAGE), np.uint8)


@pytest.fixture
def vm(host, pages):
    vm = host.add_vm("web", N * PAGE)
    vm.write(PPNS, pages)
    return vm


def test_the_nth_operation_fails_and_no_other(plan, host, vm, pages):
    plan.fail("write", "ENOSPC", nth=2)
    assert host.reclaim(vm, 8, "swap").swapped == 8
    with pytest.raises(errors.SwapError, match="No space left"):
        host.reclaim(vm, 8, "swap")
    assert host.reclaim(vm, 8, "swap").swapped == 8
    assert plan.log() == [Fault("write", "ENOSPC", 2, plan.log()[0].slots)]
    assert plan.operations["write"] == 3 and plan.total == 1
    assert plan.made == {**dict.fromkeys(plan.made, 0), "ENOSPC": 1}
    assert (vm.read(PPNS) == pages).all()


def test_a_number_counts_from_when_the_rule_was_given(plan, host, vm):
    host.reclaim(vm, 8, "swap")
    plan.fail("write", "EIO", nth=1)
    with pytest.raises(errors.SwapError, match=os.strerror(errno.EIO)):
        host.reclaim(vm, 8, "swap")
    assert plan.log()[0].number == 2 and plan.log(since=1) == []


@pytest.mark.parametrize("call", ["write", "write_some", "touch", "touch_some"])
def test_a_batch_that_finds_no_memory_names_the_swap_file_that_failed(plan, host, vm, pages, call):
    other = host.add_vm("db", N * PAGE)
    other.write(PPNS, pages[::-1])  # most of "web" is in swap now
    arguments = (PPNS, pages) if "write" in call else (PPNS,)
    plan.fail("write", "ENOSPC", nth=1, always=True)
    with pytest.raises(errors.OutOfFrames, match="web") as caught:
        getattr(vm, call)(*arguments)
    assert isinstance(caught.value.__cause__, errors.SwapError)
    assert 0 < caught.value.done < N
    plan.clear()
    assert (vm.read(PPNS) == pages).all() and (other.read(PPNS) == pages[::-1]).all()


def test_always_is_until_the_rules_are_taken_back(plan, host, vm, pages):
    plan.fail("write", "EIO", nth=2, always=True)
    host.reclaim(vm, 4, "swap")
    for _ in range(3):
        with pytest.raises(errors.SwapError):
            host.reclaim(vm, 4, "swap")
    plan.clear()
    host.reclaim(vm, 4, "swap")
    assert (vm.read(PPNS) == pages).all()


def test_a_share_of_operations_fails(host, plan, vm):
    host.reclaim(vm, N, "swap")
    plan.fail("read", "EIO", share=0.25)
    failed = 0
    for _ in range(1000):
        done, status, _, _ = vm.try_read([0])
        vm.report_free([0]) if status == "PE_OK" else None
        failed += status == "PE_ERR_BACKING"
        if status == "PE_OK":
            vm.write([0], np.zeros((1, PAGE), np.uint8) + 9)
            plan.clear()
            host.reclaim(vm, 1, "swap")
            plan.fail("read", "EIO", share=0.25)
    assert 200 < failed < 300


@pytest.mark.parametrize("kind", ["torn", "flipped", "stale", "exchanged"])
def test_what_was_spoilt_is_named_and_the_rest_comes_back(plan, host, vm, pages, kind):
    plan.fail("write", kind, nth=1)
    host.reclaim(vm, N, "swap")
    lost = plan.damaged_pages(host)["web"]
    assert len(lost) == (2 if kind == "exchanged" else 1) == len(plan.log()[0].slots)
    for ppn in lost:
        with pytest.raises(errors.SwapCorruption) as caught:
            vm.read([ppn])
        assert (caught.value.vm, caught.value.ppn) == ("web", ppn)
    others = np.setdiff1d(PPNS, lost)
    assert (vm.read(others) == pages[others]).all()
    vm.write(lost, pages[lost])
    assert plan.damaged_pages(host) == {} and (vm.read(PPNS) == pages).all()


@pytest.mark.parametrize("kind", ["flipped", "exchanged", "end", "EIO"])
def test_a_read_that_fails_succeeds_the_next_time(plan, host, vm, pages, kind):
    host.reclaim(vm, N, "swap")
    plan.fail("read", kind, nth=1)
    with pytest.raises((errors.SwapError, errors.SwapCorruption)) as caught:
        vm.read([7])
    assert (caught.value.vm, caught.value.ppn) == ("web", 7)
    assert plan.damaged_pages(host) == {}
    assert (vm.read(PPNS) == pages).all()


@pytest.mark.parametrize("kind", ["short", "EINTR"])
def test_what_is_only_said_is_gone_on_with(plan, host, vm, pages, kind):
    plan.fail("write", kind, share=0.5).fail("read", kind, share=0.5)
    host.reclaim(vm, N, "swap")
    assert (vm.read(PPNS) == pages).all() and plan.made[kind] > 5


def test_memory_that_is_not_there(plan, host, vm):
    plan.fail("memory", "ENOMEM", nth=1, always=True)
    for call in (lambda: host.add_vm("db", PAGE), lambda: host.scan(rule="two-scans"), host.check):
        with pytest.raises(MemoryError):
            call()
    plan.clear()
    host.check()
    host.add_vm("db", PAGE).touch([0])


def test_a_check_without_memory_says_so_and_blames_no_structure(plan, host, vm):
    before = plan.operations["memory"]
    host.check()
    requests = plan.operations["memory"] - before
    for nth in range(1, requests + 1):
        plan.clear()
        plan.fail("memory", "ENOMEM", nth=nth)
        with pytest.raises(MemoryError):
            host.check()
    assert requests >= 4


def test_a_host_that_finds_no_memory_is_not_made():
    plan = FaultPlan().fail("memory", "ENOMEM", nth=3)
    with pytest.raises(MemoryError):
        pe.Host("1 MiB", faults=plan)
    assert plan.total == 1 and plan.held == 0


def test_what_a_host_held_is_freed_when_it_is_closed(plan, host, vm):
    assert plan.held > 10
    host.close()
    assert plan.held == 0


def test_the_same_seed_and_calls_make_the_same_faults(pages):
    logs = []
    for seed in (5, 5, 6):
        plan = FaultPlan(seed)
        for operation, kinds in KINDS.items():
            for kind in kinds if operation != "memory" else ():
                plan.fail(operation, kind, share=0.04)
        with pe.Host(64 * PAGE, compression=None, faults=plan) as host:
            vm = host.add_vm("web", N * PAGE)
            for _ in range(30):
                vm.try_write(PPNS, pages)
                for _ in range(6):
                    host._backend.reclaim_frames(vm, 8, "swap")
        logs.append(plan.log())
    assert logs[0] == logs[1] != logs[2] and len(logs[0]) > 20


def test_tokens_have_no_file_and_fail_for_memory_alone():
    plan = FaultPlan().fail("write", "EIO", nth=1, always=True)
    with pe.Host(16 * PAGE, contents="tokens", faults=plan) as host:
        vm = host.add_vm("web", 32 * PAGE)
        vm.write(np.arange(32), np.arange(32, dtype=np.uint64) << np.uint64(6) | np.uint64(63))
        assert host.stats.swapped and plan.operations["write"] == 0


def test_a_plan_is_of_one_host(plan, host):
    with pytest.raises(ValueError, match="was given to a host before"):
        pe.Host("1 MiB", faults=plan)
    with pe.Host("1 MiB") as other, pytest.raises(ValueError, match="not given to"):
        plan.damaged_pages(other)
    with pytest.raises(TypeError, match="FaultPlan"):
        pe.Host("1 MiB", faults="all")


def test_a_plan_outlives_its_host_in_a_garbage_cycle():
    class Mine(FaultPlan):
        pass

    for _ in range(5):
        plan = Mine().fail("memory", "ENOMEM", nth=10**6)
        plan.host = pe.Host("1 MiB", faults=plan)
        plan.host.plan = plan
        plan.host.add_vm("web", "64 KiB").touch(np.arange(16), True)
        del plan
        gc.collect()


@pytest.mark.parametrize(
    ("arguments", "keywords", "error", "message"),
    [
        (("rename", "EIO"), {"nth": 1}, ValueError, "operation must be one of write, read, memory"),
        (("read", "ENOSPC"), {"nth": 1}, ValueError, "kind of a fault of 'read' must be one of"),
        (("write", "EIO"), {}, TypeError, "either which operation fails"),
        (("write", "EIO"), {"nth": 1, "share": 0.5}, TypeError, "either which"),
        (("write", "EIO"), {"nth": 0}, ValueError, "nth must be a whole number from 1"),
        (("write", "EIO"), {"nth": 1.5}, TypeError, "nth must be a whole number"),
        (("write", "EIO"), {"share": 0}, ValueError, "share must be above 0"),
        (("write", "EIO"), {"share": 1.1}, ValueError, "share must be above 0"),
        (("write", "EIO"), {"share": float("nan")}, ValueError, "share must be above 0"),
        (("write", "EIO"), {"share": 0.5, "always": True}, TypeError, "always= goes with nth="),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(plan, arguments, keywords, error, message):
    with pytest.raises(error, match=message):
        plan.fail(*arguments, **keywords)
    assert plan.operations == dict.fromkeys(OPERATIONS, 0)


def test_there_are_so_many_rules_and_no_more(plan):
    for _ in range(32):
        plan.fail("read", "EIO", nth=10**9)
    with pytest.raises(ValueError, match="at most 32 rules"):
        plan.fail("read", "EIO", nth=1)
    with pytest.raises(ValueError, match="seed must not be negative"):
        FaultPlan(-1)
    with pytest.raises(RuntimeError, match="only once"):
        plan.__init__(4)
