"""The KSM scanner's speed: fixed, by ksmtuned, or by the kernel's advisor. ksmtuned is a shell
script: it counts in KiB and milliseconds, and drops fractions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pageengine.plumbing import given
from pageengine.policy.base import Snapshot
from pageengine.policy.ksm_advisor import follow
from pageengine.units import PAGES_MOST

if TYPE_CHECKING:
    from numpy.typing import NDArray

KIB = 1024

TUNE_SECONDS = 60.0
BOOST, DECAY, FEWEST, MOST = 300, 50, 64, 1250
THRESHOLD_PERCENT, THRESHOLD_MIN_KIB = 20, 2048
SLEEP_MS, SLEEP_AT_KIB = 10, 16 * 1024 * 1024
PAGES_TO_SCAN, SLEEP_MILLISECS = 100, 20.0


class Scanner:
    """Pages per second for each VM.

    mode: "tuned": ksmtuned (qemu-kvm), each 60 s. With threshold = 20 % of memory (2048 KiB at
    least): KSM stops when resident + threshold < memory and free > threshold; else pages to scan
    rise by 300 while free < threshold, or fall by 50, within 64 to 1250 per batch, and between
    batches are 10 ms * 16 GiB / memory in whole ms, 10 ms at least. "fixed": the kernel's own
    pages_to_scan = 100 and sleep_millisecs = 20, 5000 pages/s. "advisor": the scan-time advisor of
    Linux 6.8 chooses the pages (ksm_advisor.py), sleep_millisecs apart. "off": no scan.

    The scanner goes through one VM after the other, so each gets a part by its size.
    """

    MODES = ("tuned", "fixed", "advisor", "off")

    def __init__(self, mode: str, pages_to_scan: int, sleep_millisecs: float):
        self.ksm = given.choice(mode, "ksm", self.MODES)
        self.pages_to_scan = given.whole(pages_to_scan, "pages_to_scan", 1, PAGES_MOST)
        self.sleep_millisecs = given.real(sleep_millisecs, "sleep_millisecs", 1e-3, 1e12)

    def rates(self, snapshot: Snapshot) -> tuple[NDArray[np.float64], dict[str, float]]:
        """Pages per second of every VM in order, and the memo for next time."""
        memo: dict[str, float] = {}
        if self.ksm == "off":
            total = 0.0
        elif self.ksm == "fixed":
            total = self.pages_to_scan * 1000 / self.sleep_millisecs
        elif self.ksm == "advisor":
            total, memo = follow(snapshot, self.sleep_millisecs / 1000)
        else:
            memo = tune(snapshot)
            total = memo["npages"] * 1000 / sleep_ms(snapshot.memory) if memo["ksm_run"] else 0.0
        sizes = np.array([vm.size for vm in snapshot.vms], np.float64)
        return total * sizes / max(1.0, sizes.sum()), memo


def sleep_ms(memory: int) -> int:
    """Between two batches, on a host of so many bytes."""
    return max(SLEEP_MS, SLEEP_MS * SLEEP_AT_KIB // max(1, memory // KIB))


def tune(snapshot: Snapshot) -> dict[str, float]:
    """ksmtuned's variables after this moment: they change once in 60 s, and not before the first
    60 s are over.
    """
    old: Mapping[str, Any] = snapshot.memo
    memo = {
        "npages": old.get("npages", 0.0),
        "ksm_run": old.get("ksm_run", 0.0),
        "ksm_time": old.get("ksm_time", snapshot.time),
    }
    # not by rounds.py, whose first round is due at once
    if snapshot.time - memo["ksm_time"] < TUNE_SECONDS:
        return memo
    memo["ksm_time"] = snapshot.time
    total, free = snapshot.memory // KIB, snapshot.free // KIB
    threshold = max(total * THRESHOLD_PERCENT // 100, THRESHOLD_MIN_KIB)
    resident = sum(vm.granted // KIB for vm in snapshot.vms)
    if resident + threshold < total and free > threshold:
        memo["ksm_run"] = 0.0
        return memo
    change = BOOST if free < threshold else -DECAY
    memo["npages"] = float(min(max(memo["npages"] + change, FEWEST), MOST))
    memo["ksm_run"] = 1.0
    return memo
