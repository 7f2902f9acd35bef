"""The lab: simulated hosts and VMs over time, and what was recorded of them."""

from typing import TYPE_CHECKING

from pageengine.control.driver_faults import DriverFaults
from pageengine.lab.contents import ContentProfile
from pageengine.lab.costs import CostModel
from pageengine.lab.results import Result, ResultError
from pageengine.lab.simulated_vm import GuestSpec
from pageengine.lab.simulation import Simulation
from pageengine.lab.specs import VMSpec
from pageengine.plumbing.firstuse import at_first_use

if TYPE_CHECKING:
    from pageengine.lab.fleet import Admission, Fleet, FleetResult, Precopy

__getattr__, __dir__ = at_first_use(
    globals(), dict.fromkeys(("Admission", "Fleet", "FleetResult", "Precopy"), "fleet")
)
__all__ = [
    "Admission",
    "ContentProfile",
    "CostModel",
    "DriverFaults",
    "Fleet",
    "FleetResult",
    "GuestSpec",
    "Precopy",
    "Result",
    "ResultError",
    "Simulation",
    "VMSpec",
]
