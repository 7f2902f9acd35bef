"""Policies: pure Python, Snapshot in, Plan out. No input or output, no clock, no page."""

from pageengine.policy.base import (
    GuestView,
    Migration,
    Plan,
    Policy,
    Snapshot,
    VMPlan,
    VMView,
)
from pageengine.policy.esx import ESX
from pageengine.policy.kvm import KVM
from pageengine.policy.plain import Plain
from pageengine.policy.pressure import Pressure
from pageengine.policy.proxmox import Proxmox
from pageengine.policy.simple import FreeFirst, NoOvercommit, Proportional, Shares
from pageengine.policy.states import Thresholds, minfree
from pageengine.policy.table import POLICIES, find
from pageengine.policy.zram import Zram

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
