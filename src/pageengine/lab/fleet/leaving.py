"""Who leaves a host for another. A rule yields a VM, the host that it should leave, and the one
that it should go to (None: the placement is asked), one after the other: what came of the last is
in the books when it is asked for the next. Whether there is time for a move is not its business.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from pageengine.plumbing import given

if TYPE_CHECKING:
    from pageengine.lab.fleet.books import Books
    from pageengine.lab.fleet.rounds import Look
    from pageengine.lab.fleet.views import HostView, Newcomer

Leaving: TypeAlias = "Callable[[Mapping[str, Look], Books], Iterator[tuple[str, str, str | None]]]"
EVEN = 0.1  # parts of memory by which a host may be fuller than one that could take a VM from it
GAIN = 0.01  # and by which a move at least relieves the fuller of two hosts


def advised(looks: Mapping[str, Look], books: Books) -> Iterator[tuple[str, str, str | None]]:
    """Whom each host's policy advises to leave."""
    for source, look in looks.items():
        for vm in look.advice:
            yield vm, source, None


def balanced(looks: Mapping[str, Look], books: Books) -> Iterator[tuple[str, str, str | None]]:
    """From the fullest host that it relieves, the VM and the host to take it that makes these two
    most alike, over and over until none does, as VMware DRS does by greedy moves. A host is as full
    as the working sets of its VMs fill its memory.
    """
    tried: set[str] = set()
    spent: set[str] = set()  # hosts of which no VM should leave while no other gets emptier
    names = tuple(looks)
    while True:
        hosts = _Hosts([books.view(name) for name in names])
        for at in np.argsort(-hosts.full, kind="stable"):
            source = names[at]
            if source not in spent:
                there = [vm for vm in looks[source].vms if books.host_of(vm) == source]
                untried = [books.known(vm) for vm in there if vm not in tried]
                found = hosts.relief(at, untried, books.admits)
                if found is not None:
                    break
                spent.add(source)
        else:
            return
        vm, target = found
        tried.add(vm)
        yield vm, source, target
        if books.host_of(vm) != source:
            spent.clear()


class _Hosts:
    """How full hosts are at one moment."""

    def __init__(self, views: list[HostView]):
        self._views = views
        self._active = np.array([view.active for view in views])
        self._memory = np.array([view.memory for view in views])
        self.full = self._active / self._memory

    def relief(
        self, source: int, vms: list[Newcomer], admits: Callable[[HostView, Newcomer], bool]
    ) -> tuple[str, str] | None:
        """Which of these VMs of the source goes to whom that admits it, so that the fuller of the
        two is relieved most; None: none by enough. Only those are asked that would help.
        """
        emptier = np.flatnonzero(self.full[source] - self.full > EVEN)
        if not vms or not len(emptier):
            return None
        moved = np.array([[vm.active] for vm in vms])
        fuller = np.maximum(  # [VMs, hosts]: how full the fuller of the two is when it has moved
            (self._active[source] - moved) / self._memory[source],
            (self._active[emptier] + moved) / self._memory[emptier],
        )
        helps = fuller <= self.full[source] - GAIN
        for i in np.argsort(fuller.min(axis=1), kind="stable"):
            for j in np.lexsort((self.full[emptier], fuller[i])):
                if not helps[i, j]:
                    break
                target = self._views[emptier[j]]
                if admits(target, vms[i]):
                    return vms[i].name, target.name
        return None


LEAVING: dict[str, Leaving] = {"advice": advised, "balance": balanced}


def find(leaving: str) -> Leaving:
    """The rule of this name."""
    if not isinstance(leaving, str) or leaving not in LEAVING:
        raise ValueError(given.unknown("rule of who leaves", leaving, LEAVING))
    return LEAVING[leaving]
