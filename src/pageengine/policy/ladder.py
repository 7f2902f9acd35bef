"""How much is taken from whom, and by which technique: what policies have in common. Everything
here is a column, int64 [n] of bytes with one entry per VM, because a host may have thousands.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import repeat
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from pageengine.policy.base import VMPlan, VMView
from pageengine.units import PAGE_BYTES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Bytes = NDArray[np.int64]
    Column = NDArray[Any]  # of numbers, flags, or objects where some are None

_NAMES = (
    "size",
    "consumed",
    "granted",
    "swapped",
    "compressed",
    "ballooned",
    "shares",
    "reservation",
    "limit",
    "balloon_max",
)
_of = attrgetter(*_NAMES)


class VMNumbers:
    """The numbers of all VMs, a column each. active: of a VM whose working set nobody can
    tell, its size, as nothing of it is known to be idle; ``unknown`` says of which VMs.
    """

    size: Bytes
    consumed: Bytes
    granted: Bytes
    swapped: Bytes
    compressed: Bytes
    ballooned: Bytes
    shares: NDArray[np.int64]
    reservation: Bytes
    limit: Bytes
    balloon_max: Bytes

    def __init__(self, vms: Sequence[VMView]):
        self.vms = vms
        self.names = [vm.name for vm in vms]
        rows = np.array([_of(vm) for vm in vms], np.int64).reshape(-1, len(_NAMES)).T
        (
            self.size,
            self.consumed,
            self.granted,
            self.swapped,
            self.compressed,
            self.ballooned,
            self.shares,
            self.reservation,
            self.limit,
            self.balloon_max,
        ) = rows
        active = [vm.active for vm in vms]
        self.unknown = np.array([value is None for value in active], bool)
        if self.unknown.any():
            active = [vm.size if vm.active is None else vm.active for vm in vms]
        self.active = np.array(active, np.int64)

    def __len__(self) -> int:
        return len(self.names)

    @property
    def most(self) -> Bytes:
        """What a VM can come to hold."""
        found: Bytes = np.maximum(np.minimum(self.limit, self.size), self.reservation)
        return found

    @property
    def above_reservation(self) -> Bytes:
        found: Bytes = np.maximum(0, self.consumed - self.reservation)
        return found

    @property
    def above_limit(self) -> Bytes:
        """What is to be taken in any case."""
        found: Bytes = np.maximum(0, self.consumed - np.maximum(self.limit, self.reservation))
        return found


def split(need: int, weights: NDArray[np.int64]) -> Bytes:
    """``need`` bytes in parts in proportion to the weights, none above its weight. In whole pages
    where that is possible: the fractions go from one VM to the next, so that they add up to
    the need, and not to a page too much from each.
    """
    total = float(weights.sum())
    if need <= 0 or total <= 0:
        return np.zeros(len(weights), np.int64)
    up_to = np.cumsum(weights.astype(np.float64)) * (min(1.0, need / total) / PAGE_BYTES)
    pages = np.diff(np.ceil(up_to - 1e-6), prepend=0.0)
    parts: Bytes = np.minimum(pages.astype(np.int64) * PAGE_BYTES, weights)
    short = min(need, total) - int(parts.sum())
    if short <= 0:
        return parts
    room = weights - parts  # parts were cut at weights that are no whole pages
    more: Bytes = np.clip(short - (np.cumsum(room) - room), 0, room)
    return parts + more


def inflate(m: VMNumbers, parts: Bytes) -> tuple[Bytes, Bytes]:
    """(balloon targets, what must be paged): each part goes into the balloon as far as the driver
    can give up that much. What a guest never used is in its balloon first, and frees nothing.
    """
    unused = np.maximum(0, m.size - m.granted - m.ballooned - m.swapped - m.compressed)
    start = m.ballooned + unused
    wanted = np.minimum(start + parts, np.maximum(m.balloon_max, m.ballooned))
    balloon = np.where(parts > 0, wanted, m.ballooned)
    paged = np.maximum(0, parts - np.maximum(0, balloon - start))
    return np.minimum(balloon, m.balloon_max), paged


def deflate(m: VMNumbers, targets: Bytes) -> Bytes:
    """Balloon targets that let VMs under their target come up to it."""
    balloon = np.maximum(0, m.ballooned - np.maximum(0, targets - m.consumed))
    found: Bytes = np.minimum(balloon, m.balloon_max)
    return found


def plans(
    m: VMNumbers,
    *,
    target: Column | None = None,
    balloon: Column | None = None,
    reclaim: Column | None = None,
    technique: str = "ladder",
    blocked: Column | None = None,
    scan: Column | None = None,
) -> dict[str, VMPlan]:
    """A plan for each VM from columns; what is not given leaves things as they are."""

    def values(column: Column | None, default: Any) -> Iterable[Any]:
        return repeat(default) if column is None else column.tolist()

    columns = (
        values(target, None),
        values(balloon, None),
        values(reclaim, 0),
        repeat(technique),
        values(blocked, False),
        values(scan, None),
    )
    return dict(zip(m.names, map(VMPlan, *columns), strict=False)) if m.names else {}
