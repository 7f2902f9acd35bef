"""How the advice would have fared: given on the first part of the data, checked on the rest, beside
the rules of others.

Hosts are drawn once; each rule fills them in their order by what the first part shows, and the rest
shows whether the VMs fit, in the stated share of time. A rule that places few VMs holds easily:
both figures belong together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pageengine.analysis import packing, placing
from pageengine.analysis.capacity_rules import RULES
from pageengine.plumbing import given
from pageengine.plumbing.frozen import Frozen

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pageengine.analysis.packing import Packing, Unlucky
    from pageengine.analysis.placing import Loads

#: Names of what this package advises: one ratio for all hosts, and each host by its own VMs.
ADVICE, BY_HOST = "advice", "each host by its own"


class Fared(Frozen):
    """How one rule fared.

    Attributes:
        name: [text] of the rule
        says: [text] what it is
        vms: [number] on a host, mean
        ratio: [ratio] of provisioned to the host's memory, mean
        capped: [yes or no] whether it placed all VMs of the data on each host: the data ran out
            before it did
        held: [share, 0 to 1] of hosts on which the VMs fitted in the rest
        unlucky: [Unlucky] what the others saw
    """

    name: str
    says: str
    vms: float
    ratio: float
    capped: bool
    held: float
    unlucky: Unlucky


class Backtest(Frozen):
    """How all of them fared.

    Attributes:
        split: [seconds] since 1970, where the first part ends
        first: [seconds] of the part on which advice was given
        rest: [seconds] of the part on which it was checked
        peak: [bytes] that all VMs together needed in the first part, in the stated share of time
        rest_peak: [bytes] the same in the rest
        advised: [Packing] what the first part advised
        fared: [Fared each] the advice first, then the rules of others
    """

    split: float
    first: float
    rest: float
    peak: float
    rest_peak: float
    advised: Packing
    fared: tuple[Fared, ...]

    @property
    def capped(self) -> tuple[str, ...]:
        """The rules that nothing but the end of the data kept from placing more."""
        return tuple(each.name for each in self.fared if each.capped)


def backtest(
    loads: Loads,
    memory: int,
    *,
    room: float | None = None,
    share: float = 0.999,
    confidence: float = 0.99,
    draws: int = packing.DRAWS,
    seed: int = 0,
    part: float = 0.5,
) -> Backtest:
    """part: of the slots that are the first part. The rest as for ``packing.pack``. ValueError: a
    part is empty.
    """
    part = given.real(part, "the first part (split)", 0, 1, "()")
    cut = int(round(part * loads.slots))
    if not 0 < cut < loads.slots:
        only = "one slot" if loads.slots == 1 else f"{loads.slots} slots"
        raise ValueError(
            f"all readings are in {only} of {loads.step:g} s, and {part:g} of that (split) leaves "
            "nothing to advise on, or nothing to check: it takes readings of two moments at least, "
            "and a slot (step) that is shorter than the time between them"
        )
    room = float(memory) if room is None else given.real(room, "room", 0, memory)
    before, after = loads.cut(0, cut), loads.cut(cut, loads.slots)
    advised, drawn = packing.packed(before, memory, room, share, confidence, draws, seed)
    order, filled, fitted = drawn
    placed = {
        (ADVICE, f"provisioned at most {advised.ratio:.2f} times the host"): placing.up_to(
            filled, advised.ratio * memory
        ),
        (BY_HOST, "as many as fitted on it so far"): fitted,
    }
    for rule in RULES:
        limit = room if rule.part is None else rule.part * memory
        placed[rule.name, rule.says] = placing.most(rule.counts(before), order, limit)
    return Backtest(
        split=after.start,
        first=before.slots * loads.step,
        rest=after.slots * loads.step,
        peak=advised.peak,
        rest_peak=packing.peak(after, share),
        advised=advised,
        fared=tuple(
            _fared(after, order, filled, counts, name, says, memory, room, share)
            for (name, says), counts in placed.items()
        ),
    )


def _fared(
    rest: Loads,
    order: NDArray[np.int64],
    filled: NDArray[np.float64],
    counts: NDArray[np.int64],
    name: str,
    says: str,
    memory: int,
    room: float,
    share: float,
) -> Fared:
    bad = packing.unlucky(rest, order, counts, room, share)
    given_ = np.take_along_axis(filled, counts[:, None], axis=1)
    return Fared(
        name=name,
        says=says,
        vms=float(counts.mean()),
        ratio=float(given_.mean()) / memory,
        capped=bool((counts == order.shape[1]).all()),
        held=1 - bad.hosts,
        unlucky=bad,
    )
