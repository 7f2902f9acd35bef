"""How far a host may be overcommitted, from what was measured of VMs alone: no simulation.

Hosts are drawn (``analysis/placing.py``), and each is filled in its order as far as its VMs need
no more than there is room for in the stated share of time. That gives as many answers as hosts: the
advice is the largest ratio of provisioned memory to the host's that holds on the stated share of
them. A ratio of r means that VMs are placed as long as what was provisioned is at most r times the
host's memory. What the others see, who are not so lucky, is part of the answer.

Equal VMs of size s that need a always: the ratio is s / a times the room's part of the host,
exactly, where the room is a multiple of a.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pageengine.analysis import placing
from pageengine.plumbing import given
from pageengine.plumbing.frozen import Frozen

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pageengine.analysis.placing import Loads

SHARES = (0.01, 0.1, 0.5, 0.9, 0.99)  # of hosts, of which the band tells
COUNTS = (5, 20, 80, 320)  # VMs of a host, of which the spread tells
BALLOON_MOST = 0.65  # of a VM: Mem.CtlMaxPercent
DRAWS = 400


class Spread(Frozen):
    """How much of what was provisioned hosts need: part of it, at the stated share of time.

    Attributes:
        vms: [number] on each host
        needed: [part] of provisioned that 1, 10, 50, 90 and 99 of 100 hosts need at most
    """

    vms: int
    needed: tuple[float, ...]


class Unlucky(Frozen):
    """What hosts filled to the ratio see on which it does not hold.

    Attributes:
        hosts: [share, 0 to 1] of all that were drawn
        time: [share, 0 to 1] of time in which their VMs need more than there is room, mean
        worst_time: [share, 0 to 1] the same of the worst of them
        over: [bytes] that are missing at the worst moment, mean of them
        worst_over: [bytes] the same of the worst of them
        longest: [seconds] that it lasted without a break, the longest of any
    """

    hosts: float
    time: float = 0.0
    worst_time: float = 0.0
    over: float = 0.0
    worst_over: float = 0.0
    longest: float = 0.0


class CarriedParts(Frozen):
    """Who carries what a host filled to the ratio cannot hold, when its VMs need most within the
    stated share of time; means over hosts.

    Attributes:
        provisioned: [bytes] to the VMs of a host
        untouched: [bytes] of that, not held (``placing.held_of``): nothing need carry it
        needed: [bytes] that must be in memory
        beyond: [bytes] that are held, and for which there is no room
        balloons: [bytes] of that, what balloons can take from what VMs hold and do not need, at
            65 % of each VM at the most
        swap: [bytes] of that, the rest: compressed, swapped, or shared with others
        at_most: [bytes] beyond, if VMs held all that was provisioned
    """

    provisioned: float
    untouched: float
    needed: float
    beyond: float
    balloons: float
    swap: float
    at_most: float


class Packing(Frozen):
    """What monitoring data advise for one kind of host.

    Attributes:
        memory: [bytes] of the host
        room: [bytes] of that for VMs
        share: [share, 0 to 1] of time in which what VMs need must fit
        confidence: [share, 0 to 1] of hosts on which it must
        draws: [number] of hosts drawn
        seed: [number] they were drawn with
        vms: [number] of VMs in the data that were placed
        ratio: [ratio] of provisioned to the host's memory: the advice; 0: not even one VM
        count: [number] of VMs that the stated share of hosts can have
        band: [ratio each] up to which 1, 10, 50, 90 and 99 of 100 hosts hold; infinite: all VMs
        counts: [number each] of VMs on 1, 10, 50, 90 and 99 of 100 hosts filled to the ratio
        peak: [bytes] that all VMs of the data need together, in the stated share of time
        edge: [yes or no] whether that is there on one host: the data ran out before the host did,
            and more VMs than they have may fit
        spread: [Spread each] by the number of VMs of a host
        unlucky: [Unlucky] what the others see
        carried: [CarriedParts] by which technique
        limits: [ratio] from which on each host does not hold, rising, float64 [draws]
    """

    memory: int
    room: float
    share: float
    confidence: float
    draws: int
    seed: int
    vms: int
    ratio: float
    count: int
    band: tuple[float, ...]
    counts: tuple[int, ...]
    peak: float
    edge: bool
    spread: tuple[Spread, ...]
    unlucky: Unlucky
    carried: CarriedParts
    limits: NDArray[np.float64]

    @property
    def enough_for(self) -> float:
        """Bytes of the largest host that the data can fill, the same part of it for VMs."""
        return self.peak * self.memory / self.room if self.room else 0.0


class Drawn(NamedTuple):
    """Hosts as they are filled: in which order VMs come to each (``placing.orders``), what the
    first n of them were given (``placing.provisioned``), and how many fit, int64 [hosts].
    """

    order: NDArray[np.int64]
    filled: NDArray[np.float64]
    counts: NDArray[np.int64]


def pack(
    loads: Loads,
    memory: int,
    *,
    room: float | None = None,
    share: float = 0.999,
    confidence: float = 0.99,
    draws: int = DRAWS,
    seed: int = 0,
) -> Packing:
    """The advice of ``loads`` for hosts of ``memory`` bytes, of which ``room`` (all of it) is for
    VMs. share: of time in which they must fit. confidence: of hosts on which that must be so.
    """
    return packed(loads, memory, room, share, confidence, draws, seed)[0]


def packed(
    loads: Loads,
    memory: int,
    room: float | None,
    share: float,
    confidence: float,
    draws: int,
    seed: int,
) -> tuple[Packing, Drawn]:
    """As ``pack``, and the hosts that it looked at."""
    room = float(memory) if room is None else given.real(room, "room", 0, memory)
    share = float(given.real(share, "share", 0, 1, "(]"))
    confidence = float(given.real(confidence, "confidence", 0, 1, "(]"))
    order = placing.orders(loads.names, placing.draws_of(draws, loads), seed)
    filled = placing.provisioned(loads.size, order)
    counts = placing.most(loads.need, order, room, share)
    ratio = ratio_of(filled, counts, memory, confidence)
    placed = placing.up_to(filled, ratio * memory)
    beyond = _next(filled, counts) / memory
    advice = Packing(
        memory=memory,
        room=room,
        share=share,
        confidence=confidence,
        draws=len(order),
        seed=seed,
        vms=len(loads.names),
        ratio=ratio,
        count=int(np.sort(counts)[_last(len(counts), confidence)]),
        band=tuple(_quantiles(beyond, SHARES)),
        counts=tuple(int(each) for each in _quantiles(placed, SHARES)),
        peak=peak(loads, share),
        edge=bool((counts == len(loads.names)).all()),  # of all or none: they are the same VMs
        spread=_spread(loads, order, filled, share),
        unlucky=unlucky(loads, order, placed, room, share),
        carried=_carried(loads, order, placed, room, share),
        limits=np.sort(beyond),
    )
    return advice, Drawn(order, filled, counts)


def ratio_of(
    filled: NDArray[np.float64], counts: NDArray[np.int64], memory: float, confidence: float
) -> float:
    """The largest ratio, of those at which some host has all the VMs that it holds, that holds on
    ``confidence`` of the hosts. filled: what ``placing.provisioned`` gives; counts: how many VMs
    each holds. A host holds up to what would bring one VM more.
    """
    after = np.sort(_next(filled, counts))
    limit = after[_last(len(after), confidence)]  # so many hosts hold below this
    own = np.take_along_axis(filled, counts[:, None], axis=1)[:, 0]
    return float(own[own < limit].max(initial=0.0)) / memory


def _next(filled: NDArray[np.float64], counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """What would be provisioned with one VM more than each holds; infinite where there is none."""
    padded = np.pad(filled, ((0, 0), (0, 1)), constant_values=np.inf)
    return np.take_along_axis(padded, counts[:, None] + 1, axis=1)[:, 0]


def _last(hosts: int, confidence: float) -> int:
    """Of hosts in rising order, the number of the first that may not fail."""
    return min(hosts - 1, placing.others(hosts, confidence))


def _quantiles(
    values: NDArray[np.float64] | NDArray[np.int64], shares: tuple[float, ...]
) -> list[float]:
    """Of values that occur: no mean of two, of which one may be infinite."""
    rising = np.sort(values)
    at = [max(0, int(np.ceil(share * len(rising) - 1e-9)) - 1) for share in shares]
    found: list[float] = rising[at].tolist()
    return found


def at_share(needed: NDArray[np.float64], share: float) -> NDArray[np.float64]:
    """Of each host the most it needs in that share of time, float64 [hosts]; of [hosts, slots]."""
    last = _rank(needed.shape[1], share)
    return np.partition(needed, last, axis=1)[:, last]


def _rank(slots: int, share: float) -> int:
    """Of slots in rising order, the number of the last in that share of them."""
    return slots - 1 - placing.others(slots, share)


def peak(loads: Loads, share: float) -> float:
    """Bytes that all VMs together need in that share of time."""
    everyone = np.arange(len(loads.names))[None, :]
    needed = placing.sums(loads.need, everyone, np.array([everyone.size]))
    return float(at_share(needed, share)[0])


def _spread(
    loads: Loads, order: NDArray[np.int64], filled: NDArray[np.float64], share: float
) -> tuple[Spread, ...]:
    found = []
    for vms in (each for each in COUNTS if each <= len(loads.names)):
        needed = placing.sums(loads.need, order, np.full(len(order), vms))
        part = at_share(needed, share) / np.maximum(filled[:, vms], 1)
        found.append(Spread(vms, tuple(_quantiles(part, SHARES))))
    return tuple(found)


def unlucky(
    loads: Loads, order: NDArray[np.int64], counts: NDArray[np.int64], room: float, share: float
) -> Unlucky:
    """What the hosts see with so many VMs each, int [hosts], that have too many."""
    needed = placing.sums(loads.need, order, counts)
    over = needed > room
    bad = over.sum(axis=1) > placing.others(loads.slots, share)
    if not bad.any():
        return Unlucky(0.0)
    time, most = over[bad].mean(axis=1), needed[bad].max(axis=1) - room
    return Unlucky(
        float(bad.mean()),
        float(time.mean()),
        float(time.max()),
        float(most.mean()),
        float(most.max()),
        loads.step * max(_longest(each) for each in over[bad]),
    )


def _longest(over: NDArray[np.bool_]) -> int:
    """The longest stretch that is true, in slots."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], over, [False]]).astype(np.int8)))
    return int((edges[1::2] - edges[::2]).max(initial=0))


def _carried(
    loads: Loads, order: NDArray[np.int64], counts: NDArray[np.int64], room: float, share: float
) -> CarriedParts:
    there = placing.on_host(order, counts)
    needed = there @ loads.need
    rank = _rank(loads.slots, share)
    slot = np.argpartition(needed, rank, axis=1)[:, rank]
    each = there * loads.need[:, slot].T
    held = there * placing.held_of(loads)[:, slot].T
    held = np.maximum(held, each)  # a VM may have been larger
    beyond = np.maximum(held.sum(axis=1) - room, 0)
    spare = np.minimum(held - each, BALLOON_MOST * there * loads.size).sum(axis=1)
    balloons = np.minimum(beyond, spare)
    given_ = there @ loads.size
    return CarriedParts(
        provisioned=float(given_.mean()),
        untouched=float(np.maximum(given_ - held.sum(axis=1), 0).mean()),
        needed=float(each.sum(axis=1).mean()),
        beyond=float(beyond.mean()),
        balloons=float(balloons.mean()),
        swap=float((beyond - balloons).mean()),
        at_most=float(np.maximum(given_ - room, 0).mean()),
    )
