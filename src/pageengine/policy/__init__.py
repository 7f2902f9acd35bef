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
    from pageengine.policy.damon_reclaim import DamonReclaim
    from pageengine.policy.esx import ESX
    from pageengine.policy.guard import RULES, Clip, Limits
    from pageengine.policy.headroom import Headroom
    from pageengine.policy.hypeman import Hypeman
    from pageengine.policy.hysteresis import Hysteresis
    from pageengine.policy.kvm import KVM
    from pageengine.policy.pi import PI
    from pageengine.policy.pressure import Pressure
    from pageengine.policy.proxmox import Proxmox
    from pageengine.policy.qmemman import Qmemman
    from pageengine.policy.simple import FreeFirst, NoOvercommit, Proportional, Shares
    from pageengine.policy.squeezed import Squeezed
    from pageengine.policy.states import Thresholds, minfree
    from pageengine.policy.table import POLICIES, find
    from pageengine.policy.zram import Zram

__getattr__, __dir__ = at_first_use(
    globals(),
    {
        "DamonReclaim": "damon_reclaim",
        "ESX": "esx",
        "Hysteresis": "hysteresis",
        "KVM": "kvm",
        "PI": "pi",
        "Pressure": "pressure",
        "Proxmox": "proxmox",
        "Qmemman": "qmemman",
        "Squeezed": "squeezed",
        "Headroom": "headroom",
        "Hypeman": "hypeman",
        "Zram": "zram",
        **dict.fromkeys(("FreeFirst", "NoOvercommit", "Proportional", "Shares"), "simple"),
        **dict.fromkeys(("RULES", "Clip", "Limits"), "guard"),
        **dict.fromkeys(("Thresholds", "minfree"), "states"),
        **dict.fromkeys(("POLICIES", "find"), "table"),
    },
)

__all__ = [
    "ESX",
    "KVM",
    "PI",
    "POLICIES",
    "DamonReclaim",
    "FreeFirst",
    "GuestView",
    "Headroom",
    "Hypeman",
    "Hysteresis",
    "RULES",
    "Clip",
    "Limits",
    "Migration",
    "NoOvercommit",
    "Plain",
    "Plan",
    "Policy",
    "Pressure",
    "Proportional",
    "Proxmox",
    "Qmemman",
    "Shares",
    "Snapshot",
    "Squeezed",
    "Thresholds",
    "VMPlan",
    "VMView",
    "Zram",
    "find",
    "minfree",
]
