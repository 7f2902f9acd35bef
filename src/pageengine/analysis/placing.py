"""Hosts as they might be filled with the VMs of monitoring data: in which order VMs come to each
host that is drawn, how many of them fit, and what such a host sees.

A host is an order of all VMs, drawn with a seed; the first n of it are on it. So a host with more
VMs has those of the one with fewer, and what holds for n holds for less. Orders are drawn by names:
in which order the VMs are listed is of no consequence. Sums over VMs are products of a matrix (is
the VM on the host) with the readings, of all hosts at once, and exact: amounts are rounded up to a
unit of which all VMs together never need 2 ** 24 (64 KiB for a TiB), as far as float32 counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pageengine.demand.base import COLUMNS
from pageengine.demand.grid import held_over
from pageengine.plumbing import given
from pageengine.plumbing.frozen import Frozen

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pageengine.demand import Demand

LEAST_THERE = 0.5  # part of the slots in which a VM must have been read
_AT_ONCE = 1 << 22  # sums that are looked at together: 32 MiB
_DRAWS_MOST = 1_000_000
_CELLS_MOST = 1 << 27  # hosts times VMs, and hosts times slots: 1 GiB each


class Loads(Frozen):
    """What VMs were given and needed, without gaps.

    Attributes:
        names: [text each] of the VMs
        size: [bytes] provisioned to each, as it was last read, float64 [VMs]
        need: [bytes] that each needed, whole, float64 [VMs, slots]
        held: [bytes] that each held (used), of the same kind; None where nobody recorded it
        column: [text] which column need is: "active" or "used"
        start: [seconds] since 1970, of the first slot
        step: [seconds] of a slot
        left_out: [number] of VMs that were read in too few slots
        filled: [share, 0 to 1] of the readings that are missing: the one before was held
        resized: [number] of VMs that were given more or less on the way
        idle: [number] of VMs that needed nothing at all, at any reading
    """

    names: tuple[str, ...]
    size: NDArray[np.float64]
    need: NDArray[np.float64]
    held: NDArray[np.float64] | None
    column: str
    start: float
    step: float
    left_out: int = 0
    filled: float = 0.0
    resized: int = 0
    idle: int = 0

    @property
    def slots(self) -> int:
        """How many there are."""
        return int(self.need.shape[1])

    def cut(self, first: int, after: int) -> Loads:
        """The slots from ``first`` to before ``after``."""
        held = None if self.held is None else self.held[:, first:after]
        start = self.start + self.step * first
        return self.__replace__(need=self.need[:, first:after], held=held, start=start)


def loads(demand: Demand, column: str | None = None) -> Loads:
    """The VMs of which enough is known: a size, and ``column`` ("active", or "used" where nobody
    recorded that) in half of the slots. A reading that is missing is as the one before it.
    ValueError: there is no such VM, or none that ever needed anything; it says what there is.
    """
    if column is None:
        column = "active" if np.isfinite(demand.active).any() else "used"
    column = given.choice(column, "column", ("active", "used"))
    values = getattr(demand, column)
    known = np.isfinite(values)
    there = (known.mean(axis=1) >= LEAST_THERE) & np.isfinite(demand.size).any(axis=1)
    if not there.any():
        raise ValueError(_nobody(demand, column))
    if not np.nanmax(values[there]):
        raise ValueError(
            f"{column} is 0 at every reading of every VM: it was not recorded, it seems"
        )
    rows = np.flatnonzero(there)
    sizes = held_over(demand.size[rows])
    held = None
    if np.isfinite(demand.used[rows]).any(axis=1).all():
        held = np.round(held_over(demand.used[rows]))
    return Loads(
        names=tuple(demand.names[row] for row in rows),
        size=np.round(sizes[:, -1]),
        need=np.round(held_over(values[rows])),
        held=held,
        column=column,
        start=demand.start,
        step=demand.step,
        left_out=int((~there).sum()),
        filled=1 - float(known[rows].mean()),
        resized=int((sizes != sizes[:, :1]).any(axis=1).sum()),
        idle=int((np.nanmax(values[rows], axis=1) == 0).sum()),
    )


def _nobody(demand: Demand, column: str) -> str:
    """Why no VM can be placed."""
    read = np.isfinite(getattr(demand, column)).sum(axis=1)
    sized = np.isfinite(demand.size).any(axis=1)
    most = int(np.argmax(np.where(sized, read, -1) if sized.any() else read))
    kept = [name for name in COLUMNS if np.isfinite(getattr(demand, name)).any()]
    if not read.any():
        why = f"{column} was never read"
    elif not sized.any():
        why = "no size was ever read, and how much each was given must be known"
    else:
        name = given.shown(demand.names[most])
        why = f"the one that was read most, {name}, was {int(read[most])} times"
    found = f"; {'; '.join(demand.found[:2])}" if demand.found else ""
    return (
        f"none of {len(demand.names)} VMs has a size and was read ({column}) in half of the "
        f"{demand.slots} slots of {demand.step:g} s: {why}; in the data: "
        f"{', '.join(kept) or 'nothing'}{found}"
    )


def held_of(loads: Loads) -> NDArray[np.float64]:
    """Bytes that each VM holds, float64 [VMs, slots]: what was used; where nobody recorded that,
    the most that it had needed by then. That is the least: it gave nothing back, and touched no
    more.
    """
    return np.maximum.accumulate(loads.need, axis=1) if loads.held is None else loads.held


def draws_of(draws: int, loads: Loads) -> int:
    """``draws``, if that many hosts of these VMs can be looked at. ValueError says how many can."""
    most = min(_DRAWS_MOST, _CELLS_MOST // max(len(loads.names), loads.slots, 1))
    return given.whole(draws, "draws", 1, max(1, most))


def orders(names: tuple[str, ...], draws: int, seed: int = 0) -> NDArray[np.int64]:
    """In which order VMs come to each of so many hosts: rows of names, int64 [draws, VMs]."""
    draws = given.whole(draws, "draws", 1, _DRAWS_MOST)
    rng = np.random.default_rng(given.whole(seed, "seed", 0, 2**64 - 1))
    by_name = np.array(sorted(range(len(names)), key=lambda row: names[row]))
    shuffled: NDArray[np.int64] = rng.permuted(np.tile(by_name, (draws, 1)), axis=1)
    return shuffled


def on_host(order: NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """1 where a VM is on a host, else 0, float64 [hosts, VMs]: the first ``counts`` of each order,
    int [hosts].
    """
    return _there(order, counts).astype(np.float64)


def _there(order: NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[np.bool_]:
    place = np.empty_like(order)
    np.put_along_axis(place, order, np.arange(order.shape[1])[None, :], axis=1)
    there: NDArray[np.bool_] = place < np.asarray(counts)[:, None]
    return there


def _in_units(need: NDArray[np.float64]) -> tuple[NDArray[np.float32], float]:
    """(need in units, rounded up; bytes of a unit, a power of two)."""
    total = float(need.sum(axis=0).max(initial=0.0)) + len(need)
    unit = 2.0 ** max(0, int(np.ceil(np.log2(max(total, 1) / 2**24))) + 1)
    return np.ceil(need / unit).astype(np.float32), unit


def sums(
    need: NDArray[np.float64], order: NDArray[np.int64], counts: NDArray[np.int64]
) -> NDArray[np.float64]:
    """What the VMs of each host need together, float64 [hosts, slots]."""
    units, unit = _in_units(need)
    return _summed(units, order, counts) * unit


def _summed(
    units: NDArray[np.float32], order: NDArray[np.int64], counts: NDArray[np.int64]
) -> NDArray[np.float64]:
    found: NDArray[np.float32] = _there(order, counts).astype(np.float32) @ units
    return found.astype(np.float64)


def others(count: int, share: float) -> int:
    """Of so many, how many need not be in that share of them."""
    return int(np.floor((1 - share) * count + 1e-9))


def most(
    need: NDArray[np.float64], order: NDArray[np.int64], room: float, share: float = 1.0
) -> NDArray[np.int64]:
    """The most VMs of each host, int64 [hosts], whose sum is within ``room`` bytes in ``share`` of
    the slots. need: float64 [VMs, slots], from 0 on.
    """
    units, unit = _in_units(need)
    room = np.floor(room / unit)
    tight = units[:, units.sum(axis=0) > room]  # in the others all of them fit
    allowed = others(need.shape[1], share)
    hosts = max(1, _AT_ONCE // max(1, tight.shape[1]))
    parts = [
        _most(tight, order[first : first + hosts], room, allowed)
        for first in range(0, len(order), hosts)
    ]
    return np.concatenate(parts)


def _most(
    units: NDArray[np.float32], order: NDArray[np.int64], room: float, allowed: int
) -> NDArray[np.int64]:
    """By halving, all hosts at once. allowed: slots in which the sum may be above."""
    low = np.zeros(len(order), np.int64)
    high = np.full(len(order), order.shape[1], np.int64)
    while (low < high).any():
        middle = (low + high + 1) // 2
        fits = (_summed(units, order, middle) > room).sum(axis=1) <= allowed
        low, high = np.where(fits, middle, low), np.where(fits, high, middle - 1)
    return low


def provisioned(size: NDArray[np.float64], order: NDArray[np.int64]) -> NDArray[np.float64]:
    """What the first n VMs of each host were given, float64 [hosts, VMs + 1], n from 0 on."""
    found = np.zeros((len(order), order.shape[1] + 1))
    np.cumsum(size[order], axis=1, out=found[:, 1:])
    return found


def up_to(given_: NDArray[np.float64], amount: float) -> NDArray[np.int64]:
    """How many VMs each host has, int64 [hosts], that is filled in its order until the next would
    be too much. given_: what ``provisioned`` gives.
    """
    found: NDArray[np.int64] = (given_ <= amount).sum(axis=1) - 1
    return found
