"""Who leaves a host for another. A rule yields a VM, the host that it should leave, and the one
that it should go to (None: the placement is asked), one after the other: what came of the last is
in the books when it is asked for the next. Whether there is time for a move is not its business.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, TypeAlias

from pageengine.plumbing import given

if TYPE_CHECKING:
    from pageengine.lab.fleet.books import Books
    from pageengine.lab.fleet.rounds import Look
    from pageengine.lab.fleet.views import HostView

Leaving: TypeAlias = "Callable[[Mapping[str, Look], Books], Iterator[tuple[str, str, str | None]]]"
EVEN = 0.1  # parts of memory by which a host may be fuller than the emptiest
GAIN = 0.01  # and by which a move at least relieves the fuller of two hosts


def advised(looks: Mapping[str, Look], books: Books) -> Iterator[tuple[str, str, str | None]]:
    """Whom each host's policy advises to leave."""
    for source, look in looks.items():
        for vm in look.advice:
            yield vm, source, None


def balanced(looks: Mapping[str, Look], books: Books) -> Iterator[tuple[str, str, str | None]]:
    """The VM that makes the fullest host and the emptiest most alike, over and over until hosts are
    about as full, as VMware DRS does by greedy moves. A host is as full as the working sets of its
    VMs fill its memory.
    """
    tried: set[str] = set()
    while True:
        views = [books.view(host) for host in looks]
        emptiest = min(views, key=_full)
        fuller = [view for view in views if _full(view) - _full(emptiest) > EVEN]
        for source in sorted(fuller, key=_full, reverse=True):
            found = _evens(source, emptiest, looks[source.name], books, tried)
            if found is not None:
                break
        else:
            return
        tried.add(found)
        vm = books.known(found)
        target = min(books.may_take(vm, (source.name,)), key=_full, default=None)
        if target and _fuller(source, target, vm.active) <= _full(source) - GAIN:
            yield found, source.name, target.name


def _evens(
    source: HostView, target: HostView, look: Look, books: Books, tried: set[str]
) -> str | None:
    """The VM with which the fuller of the two is relieved most; None: of none by enough."""
    best, least = None, _full(source) - GAIN
    for name in look.vms:
        if name in tried or books.host_of(name) != source.name:
            continue
        fuller = _fuller(source, target, books.known(name).active)
        if fuller <= least and (best is None or fuller < least):
            best, least = name, fuller
    return best


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
