"""The first host, by name, that may take the VM: what fills hosts one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pageengine.lab.fleet.views import HostView, Newcomer


def choose(vm: Newcomer, hosts: Sequence[HostView]) -> str:
    """The name of the first."""
    return hosts[0].name
