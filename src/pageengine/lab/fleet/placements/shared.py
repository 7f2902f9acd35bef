"""The host with the most memory of VMs whose contents the VM shares (Wood et al., Memory Buddies,
VEE 2009): those of its content profile, in its salt group. Of several the one with least room.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pageengine.lab.fleet.views import HostView, Newcomer


def choose(vm: Newcomer, hosts: Sequence[HostView]) -> str:
    """The name of the one with most in common; of several, the first."""
    return min(hosts, key=lambda host: (-host.contents.get(vm.contents, 0), host.room)).name
