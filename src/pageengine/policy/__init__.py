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
from pageengine.policy.plain import Plain

__all__ = [
    "GuestView",
    "Migration",
    "Plain",
    "Plan",
    "Policy",
    "Snapshot",
    "VMPlan",
    "VMView",
]
