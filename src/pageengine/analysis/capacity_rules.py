"""Rules by which VMs are placed elsewhere, to hold advice against: one line each in RULES.

A rule says how much of a host each VM is counted with, from what was seen of it so far: float64
[VMs, n], of which no column's sum may be above the rule's part of the host. One column is a number
per VM; several are times that are looked at one by one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pageengine.analysis.placing import Loads

    Counted = NDArray[np.float64]
_DAY = 86400.0
VPA_HALF_LIFE, VPA_PERCENTILE, VPA_MARGIN = _DAY, 0.9, 1.15
COACH_WINDOWS, COACH_PERCENTILE = 6, 95.0
ACTIVE_PART = 0.5


class Rule(NamedTuple):
    """counts: as the module says. part: of the host's memory that the sums may be, or None for what
    of it is there for VMs.
    """

    name: str
    says: str
    counts: Callable[[Loads], Counted]
    part: float | None = None


def provisioned(loads: Loads) -> Counted:
    """A fixed ratio of provisioned to the host's memory. OpenStack's ram_allocation_ratio was 1.5
    and is 1.0 since Dalmatian; 1.0 is Virtuozzo's default, 1.5 its most, and wasp-agent's of
    OpenShift.
    """
    return loads.size[:, None]


def own_maximum(loads: Loads) -> Counted:
    """Each VM by the most that it ever needed: no two VMs are taken to need it at other times."""
    most: Counted = loads.need.max(axis=1, keepdims=True)
    return most


def at_every_reading(loads: Loads) -> Counted:
    """The sum at every reading. With half of the host: VMware's rule of thumb for memory tiering,
    active memory at most half of DRAM (VCF 9, 2025).
    """
    return loads.need


def vpa(loads: Loads) -> Counted:
    """Kubernetes' Vertical Pod Autoscaler: of each VM's daily peaks the 90th percentile, in which a
    day counts half as much as the next, and 15 % more. (autoscaler/vertical-pod-autoscaler,
    recommender: memory-aggregation-interval 24h, memory-histogram-decay-half-life 24h, target
    percentile 0.9, recommendation-margin-fraction 0.15; its buckets, 5 % wide, are left out.)
    """
    slots = max(1, round(_DAY / loads.step))
    starts = np.arange(0, loads.slots, slots)
    peaks = np.maximum.reduceat(loads.need, starts, axis=1)
    weights = 2.0 ** (starts * loads.step / VPA_HALF_LIFE - starts[-1] * loads.step / VPA_HALF_LIFE)
    order = np.argsort(peaks, axis=1, kind="stable")
    passed = np.cumsum(weights[order], axis=1)
    first = (passed >= VPA_PERCENTILE * weights.sum() * (1 - 1e-12)).argmax(axis=1)
    chosen = np.take_along_axis(peaks, order, axis=1)[np.arange(len(peaks)), first]
    found: Counted = VPA_MARGIN * chosen[:, None]
    return found


def coach(loads: Loads) -> Counted:
    """Coach (ASPLOS 2025, arXiv 2501.11179): each VM by a percentile of what it needed at that time
    of the day, so that VMs whose busy hours differ go together. Six windows of four hours and the
    95th percentile are taken here; what it guarantees beside that is left out.
    """
    time = loads.start + loads.step * np.arange(loads.slots)
    window = (time % _DAY // (_DAY / COACH_WINDOWS)).astype(np.int64)
    return np.column_stack(
        [
            np.percentile(loads.need[:, window == each], COACH_PERCENTILE, axis=1)
            for each in np.unique(window)
        ]
    )


RULES = (
    Rule("ratio 1.0", "provisioned at most the host", provisioned, 1.0),
    Rule("ratio 1.5", "provisioned at most 1.5 times the host", provisioned, 1.5),
    Rule("VMware", "active at most half of the host", at_every_reading, ACTIVE_PART),
    Rule("own maxima", "each VM by the most it ever needed", own_maximum),
    Rule("VPA", "each by P90 of daily peaks, half-life a day, + 15 %", vpa),
    Rule("Coach", "each by P95 of its time of day", coach),
)
