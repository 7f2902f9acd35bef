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
from pageengine.policy.plain import Plain
from pageengine.policy.states import Thresholds, minfree

__all__ = [
    "ESX",
    "GuestView",
    "Migration",
    "Plain",
    "Plan",
    "Policy",
    "Snapshot",
    "Thresholds",
    "VMPlan",
    "VMView",
    "minfree",
]
