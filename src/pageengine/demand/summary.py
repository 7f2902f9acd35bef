"""What is in demand: how long, how complete, and how far apart are what VMs were given, what they
held and what they used.

Sums are over the VMs that were read in a slot. A slot in which under 80 % of those were that are
there (between the first and the last reading of each) is left out: that is a hole in the data, and
no fall of demand. The peak of the sum is what all of them needed at one moment; their own maxima,
added, are what each would need if it were alone. The distance between the two is what is won by
overcommitting.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pageengine.demand.base import COLUMNS, Demand
from pageengine.plumbing.frozen import Frozen

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LEAST_READ = 0.8  # share of the VMs that are there


class Sums(Frozen):
    """One of size, used, active, summed over all VMs.

    Attributes:
        mean: [bytes] of the sum, over the slots
        p95: [bytes] that the sum is at most in 95 of 100 slots
        p99: [bytes] the same in 99 of 100
        peak: [bytes] of the sum
        peak_time: [seconds] since 1970, when that was
        maxima: [bytes] the largest reading of each VM, added
        missing: [share, 0 to 1] of VMs times slots without a reading
        left_out: [number] of slots in which under 80 % of the VMs were read
    """

    mean: float
    p95: float
    p99: float
    peak: float
    peak_time: float
    maxima: float
    missing: float
    left_out: int


class DemandSummary(Frozen):
    """What is in demand.

    Attributes:
        vms: [number] of VMs
        slots: [number] of slots of time
        start: [seconds] since 1970, of the first slot
        step: [seconds] of a slot
        span: [seconds] of all slots
        missing: [share, 0 to 1] of VMs times slots in which nothing was read
        size: [Sums] provisioned; None where it was never read
        used: [Sums] held; None where it was never read
        active: [Sums] in active use; None where it was never read
        found: [text each] what was wrong in the files, and what was done with it
    """

    vms: int
    slots: int
    start: float
    step: float
    span: float
    missing: float
    size: Sums | None
    used: Sums | None
    active: Sums | None
    found: tuple[str, ...] = ()


def summarise(demand: Demand) -> DemandSummary:
    """What is in it."""
    known = np.zeros(demand.size.shape, bool)
    for name in COLUMNS:
        known |= np.isfinite(getattr(demand, name))
    return DemandSummary(
        vms=len(demand.names),
        slots=demand.slots,
        start=demand.start,
        step=demand.step,
        span=demand.step * demand.slots,
        missing=1 - float(known.mean()),
        size=_sums(demand, demand.size),
        used=_sums(demand, demand.used),
        active=_sums(demand, demand.active),
        found=demand.found,
    )


def total(column: NDArray[np.float64]) -> NDArray[np.float64]:
    """The sum over the VMs that were read, bytes, float64 [slots]; NaN in a slot that is left out:
    under 80 % of the VMs that are there were read in it.
    """
    known = np.isfinite(column)
    begun = np.maximum.accumulate(known, axis=1)
    ahead = np.maximum.accumulate(known[:, ::-1], axis=1)[:, ::-1]
    read, there = known.sum(axis=0), (begun & ahead).sum(axis=0)
    sums: NDArray[np.float64] = np.nansum(column, axis=0)
    sums[(read == 0) | (read < _LEAST_READ * there)] = np.nan
    return sums


def _sums(demand: Demand, column: NDArray[np.float64]) -> Sums | None:
    sums = total(column)
    there = np.isfinite(sums)
    if not there.any():
        return None
    p95, p99 = np.percentile(sums[there], [95, 99])
    most = int(np.nanargmax(sums))
    return Sums(
        mean=float(sums[there].mean()),
        p95=float(p95),
        p99=float(p99),
        peak=float(sums[most]),
        peak_time=float(demand.time[most]),
        maxima=float(np.nanmax(column, axis=1, initial=0.0).sum()),
        missing=float(np.isnan(column).mean()),
        left_out=int((~there).sum()),
    )
