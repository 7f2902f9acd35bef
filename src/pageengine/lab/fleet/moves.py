"""Moves: which VMs leave which host for which, after a round.

A host's policy says who should leave (``policy.advice``), a placement says where to, of the hosts
that may take it. Every host sends and receives over one link, one VM after the other, so no more
move in a round than it has time for; fewer, where ``Precopy.per_round`` says so.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pageengine.lab.fleet.books import Books
    from pageengine.lab.fleet.precopy import Cost, Precopy
    from pageengine.lab.fleet.rounds import Look
    from pageengine.lab.fleet.views import Newcomer


@dataclass(frozen=True)
class Move:
    """One VM."""

    vm: str
    source: str
    target: str
    cost: Cost


def decide(
    looks: Mapping[str, Look],
    books: Books,
    model: Precopy,
    choose: Callable[[Newcomer, Collection[str]], str | None],
    seconds: float,
) -> list[Move]:
    """The moves after these looks, by host; entered in the books. choose(vm, but): where a VM
    goes, not to these; None: nowhere. seconds: until the next round is over.
    """
    free = dict.fromkeys(looks, seconds)  # of each link
    moves = []
    for source, look in looks.items():
        at, sent = {vm: i for i, vm in enumerate(look.vms)}, 0
        for name in look.advice:
            if sent == model.per_round:
                break
            i = at[name]
            active, held = int(look.active[i]), int(look.held[i])
            cost = model.cost(held, float(look.written[i]), active)
            if cost.seconds > free[source]:
                continue
            vm = books.known(name)
            target = choose(vm, (source,))
            if target is None or cost.seconds > free[target]:
                continue
            books.place(vm, target)
            for host in (source, target):
                free[host] -= cost.seconds
            moves.append(Move(name, source, target, cost))
            sent += 1
    return moves
