"""Moves: which VMs leave which host for which, after a round.

A rule says who should leave (``lab.fleet.leaving``), it or a placement where to, of the hosts that
may take the VM. Every host sends and receives over one link, one VM after the other, so no more
move in a round than it has time for; fewer, where ``Precopy.per_round`` says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pageengine.lab.fleet.books import Books
    from pageengine.lab.fleet.leaving import Leaving
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
    leaving: Leaving,
    choose: Callable[[Newcomer, Collection[str]], str | None],
    seconds: float,
) -> list[Move]:
    """The moves after these looks, in the order of the rule; entered in the books. choose(vm, but):
    where a VM goes, not to these; None: nowhere. seconds: until the next round is over.
    """
    free = dict.fromkeys(looks, seconds)  # of each link
    sent: Counter[str] = Counter()
    at = {host: {vm: i for i, vm in enumerate(look.vms)} for host, look in looks.items()}
    moves = []
    for name, source, target in leaving(looks, books):
        if sent[source] == model.per_round:
            continue
        look, i = looks[source], at[source][name]
        cost = model.cost(int(look.held[i]), float(look.written[i]), int(look.active[i]))
        if cost.seconds > free[source]:
            continue
        vm = books.known(name)
        if target is None:
            target = choose(vm, (source,))
        if target is None or cost.seconds > free[target]:
            continue
        books.place(vm, target)
        for host in (source, target):
            free[host] -= cost.seconds
        moves.append(Move(name, source, target, cost))
        sent[source] += 1
    return moves
