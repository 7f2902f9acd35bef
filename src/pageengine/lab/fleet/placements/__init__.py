"""Placements: which of the hosts that may take a VM gets it. One file and one line for each.

A placement is a function ``(vm, hosts) -> name``: a ``Newcomer``, the hosts (``HostView``) that
admission lets it go to, one at least, in the order of their names; it returns the name of one of
them, or None where the VM had better wait. It keeps nothing between calls. Which hosts may take a
VM is not its business, and whatever it says, no other gets it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

from pageengine.lab.fleet.placements import best_fit, first_fit, shared, spread
from pageengine.plumbing import given

if TYPE_CHECKING:
    from pageengine.lab.fleet.views import HostView, Newcomer

__all__ = ["PLACEMENTS", "Placement", "find"]

Placement: TypeAlias = "Callable[[Newcomer, Sequence[HostView]], str | None]"

PLACEMENTS: dict[str, Placement] = {
    "first-fit": first_fit.choose,
    "best-fit": best_fit.choose,
    "shared": shared.choose,
    "spread": spread.choose,
}


def find(placement: Placement | str) -> Placement:
    """The placement of this name; a function of one's own is returned as it is."""
    if callable(placement):
        return placement
    if not isinstance(placement, str) or placement not in PLACEMENTS:
        raise ValueError(given.unknown("placement", placement, PLACEMENTS))
    return PLACEMENTS[placement]
