"""The lab: simulated hosts and machines over time, and what was recorded of them."""

from pageengine.lab.contents import ContentProfile
from pageengine.lab.costs import CostModel
from pageengine.lab.machine import GuestSpec
from pageengine.lab.results import Result, ResultError
from pageengine.lab.simulation import Simulation
from pageengine.lab.specs import VMSpec

__all__ = [
    "ContentProfile",
    "CostModel",
    "GuestSpec",
    "Result",
    "ResultError",
    "Simulation",
    "VMSpec",
]
