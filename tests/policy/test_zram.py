"""Memory that is compressed must not leak to a disk that is not there: by default never, and with a
disk only once compression won nothing.
"""

import numpy as np
from made_up_hosts import MIB, decide, host, view

import pageengine as pe
from pageengine.policy import Zram


def technique(policy, compressed, memo):
    plan = decide(policy, host(0, view(compressed=compressed), memo=memo))
    return plan.vms["a"].technique, plan.memo


def test_pages_are_compressed_and_never_swapped():
    memo = {}
    for compressed in (0, 10 * MIB, 10 * MIB, 10 * MIB):
        how, memo = technique(Zram(), compressed, memo)
        assert how == "compression"


def test_with_a_disk_pages_go_there_when_compression_wins_nothing_more():
    how, memo = technique(Zram(disk=True), 0, {})
    assert how == "compression"
    how, memo = technique(Zram(disk=True), 10 * MIB, memo)
    assert how == "compression"
    how, memo = technique(Zram(disk=True), 10 * MIB, memo)
    assert how == "swap"


def test_with_a_disk_a_vm_above_its_limit_is_brought_under_it():
    """While memory is free nobody else gives; compression first, then the disk."""
    assert "limit" in Zram(disk=True).promises and "limit" not in Zram().promises
    with pe.Host("16 MiB", policy=Zram(disk=True), seed=1) as its_host:
        vm = its_host.add_vm("a", "4 MiB", limit="2 MiB")
        pages = np.random.default_rng(0).integers(0, 256, (vm.pages, 4096), dtype=np.uint8)
        vm.write(np.arange(vm.pages), pages)  # nothing of it compresses
        its_host.advance(60.0)
        assert vm.stats.consumed <= vm.limit
        assert np.array_equal(vm.read(np.arange(vm.pages)), pages)
