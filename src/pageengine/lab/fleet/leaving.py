"""Who leaves a host for another. A rule yields a VM, the host that it should leave, and the one
that it should go to (None: the placement is asked), one after the other: what came of the last is
in the books when it is asked for the next. Whether there is time for a move is not its business.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from operator import itemgetter
from typing import TYPE_CHECKING, TypeAlias

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
    while True:
        views = [books.view(host) for host in looks]
        for source in sorted(views, key=_full, reverse=True):
            if source.name not in spent:
                found = _relief(source, looks[source.name], views, books, tried)
                if found is not None:
                    break
                spent.add(source.name)
        else:
            return
        vm, target = found
        tried.add(vm)
        yield vm, source.name, target
        if books.host_of(vm) != source.name:
            spent.clear()


def _relief(
    source: HostView, look: Look, views: Iterable[HostView], books: Books, tried: Collection[str]
) -> tuple[str, str] | None:
    """A VM of the host and who takes it, with which the fuller of the two is relieved most; None:
    none by enough. Who may take a VM is asked only of those that would help.
    """
    emptier = {view.name for view in views if _full(source) - _full(view) > EVEN}
    most = _full(source) - GAIN

    def after(view: HostView, vm: Newcomer) -> tuple[float, float]:
        return _fuller(source, view, vm.active), _full(view)

    helping = []
    for name in look.vms if emptier else ():
        if name not in tried and books.host_of(name) == source.name:
            vm = books.known(name)
            best = min(after(view, vm) for view in views if view.name in emptier)
            if best[0] <= most:
                helping.append((best[0], vm))
    for _, vm in sorted(helping, key=itemgetter(0)):
        there = [view for view in books.may_take(vm, (source.name,)) if view.name in emptier]
        if there:
            target = min(there, key=lambda view: after(view, vm))
            if _fuller(source, target, vm.active) <= most:
                return vm.name, target.name
    return None


def _fuller(source: HostView, target: HostView, active: int) -> float:
    """How full the fuller of the two is when so many bytes have moved."""
    return max((source.active - active) / source.memory, (target.active + active) / target.memory)


def _full(host: HostView) -> float:
    return host.active / host.memory


LEAVING: dict[str, Leaving] = {"advice": advised, "balance": balanced}


def find(leaving: str) -> Leaving:
    """The rule of this name."""
    if not isinstance(leaving, str) or leaving not in LEAVING:
        raise ValueError(given.unknown("rule of who leaves", leaving, LEAVING))
    return LEAVING[leaving]
