"""The lab: simulated hosts and machines over time, and what was recorded of them."""

from pageengine.lab.results import Result, ResultError

__all__ = ["Result", "ResultError"]
