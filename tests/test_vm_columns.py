"""At stake: a column that says of one VM what is true of another, or a scan in another order,
would change what policies decide. Columns are held against one VM at a time.
"""

import numpy as np
import pytest

import pageengine as pe
from pageengine.core import vm_columns as columns
from pageengine.policy import Plan, VMPlan

MIB = 2**20


def filled(names="abc"):
    """VMs with pages in every place, that have partners in one another."""
    host = pe.Host("2 MiB", contents="tokens", seed=4)
    for i, name in enumerate(names):
        vm = host.add_vm(name, "1 MiB", reservation=4096 * i, driver=name != "b")
        ppns = np.arange(120 + 10 * i)
        vm.write(ppns, pe.tokens.make_tokens(ppns // 2, 64 * (1 + ppns % 40)))
        vm.balloon(pages=3 + i)
        vm.touch(np.arange(0, 60, i + 1))
    host.reclaim("a", 20)
    host["b"].block()
    return host


def test_columns_of_a_host_are_the_stats_of_its_vms():
    with filled() as host:
        wishes = {"a": VMPlan(balloon=MIB // 8, target=MIB // 2), "b": VMPlan(blocked=True)}
        host.apply(Plan(vms=wishes, again=1e6))
        host.advance(31.0)
        found = host.columns()
        for i, vm in enumerate(host.vms.values()):
            stats = vm.stats
            own = {
                "active": vm.active,
                "balloon_target": vm.balloon_target,
                "target": MIB // 2 if vm.name == "a" else vm.size,
            }
            for name, column in found.items():
                assert column[i] == own.get(name, getattr(stats, name, None)), (vm.name, name)
                assert column.dtype == np.int64 and len(column) == 3
        told = set(pe.VMStats.__dataclass_fields__) | {"active", "balloon_target", "target"}
        assert set(found) == told - {"shares", "reservation", "limit"}


def test_columns_of_some_vms_come_in_the_order_that_was_asked():
    with filled() as host:
        every, some = host.columns(), host.columns(name for name in "ca")
        for name, column in every.items():
            assert some[name].tolist() == column[[2, 0]].tolist()
        with pytest.raises(pe.errors.NoSuchVM, match="'d'; there are: a, b, c"):
            host.columns(["d"])
        host.remove_vm("b")
        assert host.columns()["private"].tolist() == every["private"][[0, 2]].tolist()
    with pe.Host("1 MiB") as host:
        assert all(len(column) == 0 for column in host.columns().values())


def test_one_scan_of_many_vms_is_a_scan_of_each_in_turn():
    seen = []
    for many in (False, True):
        with filled() as host:
            vms = list(host.vms.values())
            for pages in ([100, 0, 7], [3, 200, 250]):
                if many:
                    ids = np.array([vm._id for vm in vms], np.uint64)
                    columns.scan(host._engine, ids, np.array(pages))
                else:
                    for vm, amount in zip(vms, pages, strict=True):
                        host.scan(amount, vm)
            host.check()
            seen.append([vm.places.tolist() for vm in vms] + [vm.stats for vm in vms])
            assert host.stats.merged > 0
    assert seen[0] == seen[1]


def test_vms_that_are_not_there_are_named():
    with filled() as host:
        gone = np.array([0, 7], np.uint64)
        for call in (columns.numbers, columns.ballooned):
            with pytest.raises(pe.errors.NoSuchVM, match="id 7"):
                call(host._engine, gone)
        with pytest.raises(pe.errors.NoSuchVM, match="id 7"):
            columns.scan(host._engine, gone, np.array([1, 1]))
        with pytest.raises(ValueError, match="2 VMs and 1 numbers"):
            columns.scan(host._engine, gone, np.array([1]))
        with pytest.raises(ValueError, match="must not be negative, got -1"):
            columns.scan(host._engine, gone[:1], np.array([-1]))
    with pytest.raises(pe.errors.Closed):
        columns.numbers(host._engine, gone[:0])


def test_samples_of_many_vms_are_those_of_each_alone():
    seen = []
    for many in (False, True):
        with filled() as host:
            vms, sizes = list(host.vms.values()), [10, 0, 300]
            ids = np.array([vm._id for vm in vms], np.uint64)
            for _ in range(3):
                if many:
                    columns.begin_samples(host._engine, ids, np.array(sizes, np.uint32))
                else:
                    for vm, size in zip(vms, sizes, strict=True):
                        vm.start_sample(size)
                for vm in vms[::2]:
                    vm.touch(np.arange(0, 100, 3))
                if many:
                    seen.append(columns.end_samples(host._engine, ids).T.tolist())
                else:
                    seen.append([list(vm.end_sample()) for vm in vms])
            host.check()
    assert seen[:3] == seen[3:] and seen[0][0][0] > 0
    with pytest.raises(ValueError, match="3 VMs and 2 samples"), filled() as host:
        columns.begin_samples(host._engine, ids, np.array([1, 1], np.uint32))
