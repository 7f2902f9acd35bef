"""Advice to move VMs to another host, where no division of memory can help: what all VMs
together use at a time is more than there is.

Ballooning and paging move memory from idle VMs to busy ones (OSDI 2002 section 5). Once the
working sets themselves do not fit, every page taken is wanted back at once.
"""

from __future__ import annotations

import bisect
from typing import TYPE_CHECKING

import numpy as np

from pageengine.policy.base import Migration, Snapshot
from pageengine.policy.ladder import VMNumbers
from pageengine.units import format_size

if TYPE_CHECKING:
    from numpy.typing import NDArray

WAITS = 0.01  # share of its time that a VM waits for memory before all that it holds counts


def advise(m: VMNumbers, memory: int) -> tuple[Migration, ...]:
    """Which VMs should leave so that what the others need fits in ``memory`` bytes: while one
    alone would do, the smallest of these; until then the largest. A VM needs its estimated
    working set, and its reservation where that is more; one whose working set nobody can tell, what
    it holds.
    """
    active = np.where(m.unknown, held(m), m.active)
    needs = np.maximum(np.minimum(active, m.most), m.reservation)
    return _leaving(m, needs, memory, "use", "at a time ")


def migration(snapshot: Snapshot, m: VMNumbers | None = None) -> tuple[Migration, ...]:
    """Advice for policies without a working set of their own: by what VMs use at a time, and,
    where that fits and one of them waits for memory all the same, by all that they hold, swapped
    and compressed pages too: what lies in swap and is never asked for is no reason to leave. One
    VM always stays. m: the snapshot's VMs in columns, where they are made already.
    """
    m = VMNumbers(snapshot.vms) if m is None else m
    found = advise(m, snapshot.memory)
    if not found and max((vm.stall for vm in snapshot.vms), default=0.0) > WAITS:
        found = _leaving(m, held(m), snapshot.memory, "hold", "")
    return found[: max(0, len(m) - 1)]


def held(m: VMNumbers) -> NDArray[np.int64]:
    """All that VMs hold, wherever it is."""
    return m.consumed + m.swapped + m.compressed


def _leaving(
    m: VMNumbers, needs: NDArray[np.int64], memory: int, verb: str, when: str
) -> tuple[Migration, ...]:
    missing = int(needs.sum()) - memory
    if missing <= 0:
        return ()
    order = np.argsort(needs, kind="stable").tolist()
    amounts = needs[order].tolist()
    leaving = []
    while missing > 0 and order:
        at = min(bisect.bisect_left(amounts, missing), len(order) - 1)
        i, amount = order.pop(at), amounts.pop(at)
        leaving.append((i, missing, amount))
        missing -= amount
    there = f"more {when}than the {format_size(memory)} there are for them; this one {verb}s"
    return tuple(
        Migration(
            m.names[i],
            f"the VMs {verb} {format_size(short)} {there} {format_size(amount)}",
        )
        for i, short, amount in leaving
    )
