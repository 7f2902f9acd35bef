"""KVM as it is run with oVirt: KSM, the balloon rules of MOM, and the kernel's swap."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from pageengine.plumbing import given
from pageengine.policy.base import Plan, Snapshot, VMView
from pageengine.policy.ksm import PAGES_TO_SCAN, SLEEP_MILLISECS, Scanner
from pageengine.policy.ladder import VMNumbers
from pageengine.policy.watermarks import Watermarks, optional

PRESSURE, CRITICAL = 0.20, 0.05
GUEST_FREE = 0.20
MOST_CHANGE, LEAST_CHANGE = 0.05, 0.0025
MOM_SECONDS = 10.0
SAMPLE_SECONDS, SAMPLES = 5.0, 10
# keys of the memo, samples in bytes: the host's free memory; what a VM has, and has free
FREE, CURRENT, UNUSED = "mom_free", "mom_current ", "mom_unused "
KIB = 1024
Memo = dict[str, Any]


class KVM:
    """Linux KVM with ksmtuned and MOM, oVirt's memory overcommitment manager.

    Sources: Linux mm/ksm.c and ksm.rst, ksmtuned of qemu-kvm, and MOM's balloon.rules of 2025.
    (vdsm's copy, 02-balloon.policy, lets guests grow to the host's free fraction on top of what
    they use, where MOM's own has 0.20.)

    KSM: pages merge that equal a shared one, or another that was unchanged between two scans as
    well; speed by ksmtuned, or the kernel's advisor (see ksm.Scanner).

    Balloon, each 10 s, from plain means of the last ten samples, one each 5 s (fewer after a
    start), with current = size less balloon and used = current less the guest's free memory. Below
    20 % of free host memory guests shrink to max(0.95 current, used + f current), where f is the
    free fraction of the host, or that less 0.05 once it is below 0.05, which makes guests swap.
    Else they grow to max(1.05 current, used + 0.20 current). Changes under 0.25 % are dropped,
    VMs without guest statistics skipped. Growth has no bound, shrinking 5 % per 10 s. Targets
    are in whole KiB.

    Swap: below the low watermark the kernel takes from all VMs in proportion to what they
    hold. There are no shares: a heavier VM just loses more. zswap: pages are compressed before
    they are swapped (and shared, if equal ones are met). report_free: free page reporting.
    """

    name = "kvm"
    promises = frozenset({"reservation", "limit"})

    def __init__(
        self,
        ksm: str = "tuned",
        pages_to_scan: int = PAGES_TO_SCAN,
        sleep_millisecs: float = SLEEP_MILLISECS,
        balloon: bool = True,
        zswap: bool = False,
        report_free: bool = False,
        scale: float = 10,
    ):
        self.scanner = Scanner(ksm, pages_to_scan, sleep_millisecs)
        self.balloon, self.zswap = given.flag(balloon, "balloon"), given.flag(zswap, "zswap")
        self.report_free = given.flag(report_free, "report_free")
        self.marks = Watermarks(scale)

    def __repr__(self) -> str:
        return f"KVM(ksm={self.scanner.ksm!r}, balloon={self.balloon}, zswap={self.zswap})"

    def reserve(self, memory: int) -> int:
        """Free memory in bytes below which accesses wait for the policy."""
        return self.marks.low(memory)

    def decide(self, snapshot: Snapshot) -> Plan:
        m = VMNumbers(snapshot.vms)
        scan, memo = self.scanner.rates(snapshot)
        balloon = None
        if self.balloon:
            targets, remembered = mom(snapshot)
            balloon = optional(m, targets)
            memo |= remembered
        return self.marks.plan(
            snapshot,
            m,
            balloon,
            SAMPLE_SECONDS if self.balloon else MOM_SECONDS,
            memo,
            technique="ladder" if self.zswap else "swap",
            scan=scan,
            scan_rule="two-scans",
            report_free=self.report_free,
        )


def mom(snapshot: Snapshot) -> tuple[dict[str, int], Memo]:
    """MOM's balloon targets by VM (only those that change), and the memo for next time.
    Between two evaluations nothing changes, but samples are taken.
    """
    time, memo = snapshot.time, _sampled(snapshot)
    # to the moment: not by rounds.py, whose rounds may be early by a rounding of times
    if time - memo.get("mom_time", -MOM_SECONDS) < MOM_SECONDS:
        return {}, memo
    memo["mom_time"] = time
    mean = _mean(memo, FREE)
    free = None if mean is None else mean / max(1, snapshot.memory)
    balloons = {}
    for vm in snapshot.vms:
        current, unused = _mean(memo, CURRENT + vm.name), _mean(memo, UNUSED + vm.name)
        if free is None or current is None or unused is None or not _tells(vm):
            continue
        newest = int(memo[CURRENT + vm.name][-1])
        wanted = _wanted(vm, newest, current - unused, free)
        if wanted is not None:
            balloons[vm.name] = min(max(0, vm.size - wanted), vm.balloon_max)
    return balloons, memo


def _tells(vm: VMView) -> bool:
    return vm.guest is not None and vm.balloon_max > 0


def _sampled(snapshot: Snapshot) -> Memo:
    """The memo, with a sample more (and the oldest of ten less) once that is due. VMs that are
    gone, or tell nothing now, are forgotten with all their samples.
    """
    old: Mapping[str, Any] = snapshot.memo
    if snapshot.time - old.get("mom_sampled", -SAMPLE_SECONDS) < SAMPLE_SECONDS:
        return {name: value for name, value in old.items() if name.startswith("mom_")}
    memo: Memo = {"mom_sampled": snapshot.time}
    if "mom_time" in old:
        memo["mom_time"] = old["mom_time"]

    def add(key: str, sample: float) -> None:
        memo[key] = (*old.get(key, ()), sample)[-SAMPLES:]

    add(FREE, float(snapshot.free))
    for vm in snapshot.vms:
        if vm.guest is not None and _tells(vm):
            add(CURRENT + vm.name, float(vm.size - vm.ballooned))
            add(UNUSED + vm.name, float(vm.guest.free))
    return memo


def _mean(memo: Memo, key: str) -> float | None:
    samples = memo.get(key)
    return math.fsum(samples) / len(samples) if samples else None


def _wanted(vm: VMView, current: int, used: float, free: float) -> int | None:
    """Memory that a guest should come to have; None: leave it."""
    least = vm.size - vm.balloon_max
    if free < PRESSURE:
        guest_free = GUEST_FREE * (free / PRESSURE) if free > CRITICAL else free - CRITICAL
        floor = max(least, used + guest_free * current)
        new = max((1 - MOST_CHANGE) * current, floor)
        fits = new <= current
    else:
        floor = max(least, used + GUEST_FREE * current)
        new = min(max((1 + MOST_CHANGE) * current, floor), vm.size)
        fits = current < vm.size
    changes = abs(new - current) > LEAST_CHANGE * current
    return int(new / KIB) * KIB if fits and changes else None
