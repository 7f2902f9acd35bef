"""Policies: pure Python, Snapshot in, Plan out. No input or output, no clock, no page."""

from pageengine.policy.base import Plan, Policy, Snapshot, VMPlan, VMView
from pageengine.policy.plain import Plain

__all__ = ["Plain", "Plan", "Policy", "Snapshot", "VMPlan", "VMView"]
