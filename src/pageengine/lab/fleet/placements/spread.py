"""The host with the most room beside the working sets of its VMs: all hosts are filled alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pageengine.lab.fleet.views import HostView, Newcomer


def choose(vm: Newcomer, hosts: Sequence[HostView]) -> str:
    """The name of the one with most room; of several, the first."""
    return max(hosts, key=lambda host: host.room).name
