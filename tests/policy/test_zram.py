"""Memory that is compressed must not leak to a disk that is not there: by default never, and with a
disk only once compression won nothing.
"""

from made_up_hosts import MIB, decide, host, view

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
