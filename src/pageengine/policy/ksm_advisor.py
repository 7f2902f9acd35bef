"""The KSM scan-time advisor of Linux 6.8: how many pages ksmd scans in a batch, so that it has seen
all of them about every 200 s and uses 10 to 70 % of a CPU for it.

The kernel runs it at the end of each full scan, in whole seconds and whole percent. A policy sees
no end of a scan and no CPU time: both follow here from what was asked for, the pages there are, and
what a page costs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pageengine.policy.base import Snapshot
from pageengine.units import PAGE_BYTES

TARGET_SECONDS = 200
MIN_CPU, MAX_CPU = 10, 70  # percent of one CPU
START, MOST = 500, 30_000  # pages in a batch
NEW_PERCENT = 30  # weight of the newest in the moving average
PAGE_SECONDS = 1.6e-6  # of a CPU for a page of a later scan: measured, Linux 6.18 on an AMD EPYC
PASSES = 64  # full scans between two looks that are followed one by one; it is settled before that


def advise(
    pages: int, change: int, last_seconds: int, seconds: int, cpu_percent: int
) -> tuple[int, int]:
    """(pages in a batch, moving average of the change in percent) after a full scan.

    pages: in a batch until now. change: that average until now, 0 before the first scan. seconds,
    last_seconds: that this scan and the one before it took, 0 where there was none before.
    cpu_percent: of a CPU that this one used. In whole numbers, as the kernel does it:
    factor = 200 x 100 / seconds; change = 70 % of the old and 30 % of 100 seconds / last_seconds;
    pages x 100 / factor x change / 100, between 10 and 70 times pages / cpu_percent, at most 30,000
    (Linux mm/ksm.c, scan_time_advisor).
    """
    seconds, cpu_percent = max(seconds, 1), max(cpu_percent, 1)
    factor = max(TARGET_SECONDS * 100 // seconds, 1)
    newest = max(seconds * 100 // (last_seconds or seconds), 1)
    change = ((100 - NEW_PERCENT) * change + NEW_PERCENT * newest) // 100
    wanted = pages * 100 // factor * change // 100
    a_percent = max(pages // cpu_percent, 1)  # pages that cost one percent of a CPU
    return min(max(min(wanted, a_percent * MAX_CPU), a_percent * MIN_CPU), MOST), change


def follow(snapshot: Snapshot, sleep_seconds: float) -> tuple[float, dict[str, float]]:
    """Pages per second on the whole host, and the memo for next time: the advisor after all full
    scans that have ended since the last look. sleep_seconds: between two batches.
    """
    old: Mapping[str, Any] = snapshot.memo
    pages, change = int(old.get("ksm_pages", START)), int(old.get("ksm_change", 0))
    last = int(old.get("ksm_seconds", 0))
    scanned, since = old.get("ksm_scanned", 0.0), old.get("ksm_since", 0.0)
    left = max(0.0, snapshot.time - old.get("ksm_time", snapshot.time))
    total = sum(vm.size for vm in snapshot.vms) // PAGE_BYTES
    rate = rate_of(pages, sleep_seconds)
    for _ in range(PASSES):
        rest = max(0.0, total - scanned) / rate
        if total == 0 or left < rest:
            break
        left -= rest
        seconds = max(int(since + rest), 1)
        cpu_percent = int(total * PAGE_SECONDS * 1000) * 100 // (seconds * 1000)
        pages, change = advise(pages, change, last, seconds, cpu_percent)
        last, scanned, since = seconds, 0.0, 0.0
        rate = rate_of(pages, sleep_seconds)
    left %= max(total, 1) / rate  # of the scan that goes on; those between changed nothing
    return rate, {
        "ksm_pages": float(pages),
        "ksm_change": float(change),
        "ksm_seconds": float(last),
        "ksm_scanned": scanned + left * rate,
        "ksm_since": since + left,
        "ksm_time": snapshot.time,
    }


def rate_of(pages: int, sleep_seconds: float) -> float:
    """Pages per second: a batch, which takes its time, and the pause after it."""
    return pages / (sleep_seconds + pages * PAGE_SECONDS)
