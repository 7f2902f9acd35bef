"""The host whose working sets leave least room beside those of the VM: few hosts get full, and the
others stay empty.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pageengine.lab.fleet.views import HostView, Newcomer


def choose(vm: Newcomer, hosts: Sequence[HostView]) -> str:
    """The name of the one with least room; of several, the first."""
    return min(hosts, key=lambda host: host.room).name
