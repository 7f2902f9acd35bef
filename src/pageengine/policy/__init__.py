"""Policies: pure Python, Snapshot in, Plan out. No input or output, no clock, no page."""

from typing import TYPE_CHECKING

from pageengine.plumbing.firstuse import at_first_use
from pageengine.policy.base import (
    GuestView,
    Migration,
    Plan,
    Policy,
    Snapshot,
    VMPlan,
    VMView,
)
from pageengine.policy.plain import Plain

if TYPE_CHECKING:
    from pageengine.policy.esx import ESX
    from pageengine.policy.kvm import KVM
    from pageengine.policy.pressure import Pressure
    from pageengine.policy.proxmox import Proxmox
    from pageengine.policy.simple import FreeFirst, NoOvercommit, Proportional, Shares
    from pageengine.policy.states import Thresholds, minfree
    from pageengine.policy.table import POLICIES, find
    from pageengine.policy.zram import Zram

__getattr__, __dir__ = at_first_use(
    globals(),
    {
        "ESX": "esx",
        "KVM": "kvm",
        "Pressure": "pressure",
        "Proxmox": "proxmox",
        "Zram": "zram",
        **dict.fromkeys(("FreeFirst", "NoOvercommit", "Proportional", "Shares"), "simple"),
        **dict.fromkeys(("Thresholds", "minfree"), "states"),
        **dict.fromkeys(("POLICIES", "find"), "table"),
    },
)

__all__ = [
    "ESX",
    "KVM",
    "POLICIES",
    "FreeFirst",
    "GuestView",
    "Migration",
    "NoOvercommit",
    "Plain",
    "Plan",
    "Policy",
    "Pressure",
    "Proportional",
    "Proxmox",
    "Shares",
    "Snapshot",
    "Thresholds",
    "VMPlan",
    "VMView",
    "Zram",
    "find",
    "minfree",
]
