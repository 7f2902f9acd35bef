"""Fleets: many hosts, the VMs that are placed on them, and those that move between them."""

from typing import TYPE_CHECKING

from pageengine.plumbing.firstuse import at_first_use

if TYPE_CHECKING:
    from pageengine.lab.fleet.fleet import Fleet, PlacementError
    from pageengine.lab.fleet.precopy import Cost, Precopy
    from pageengine.lab.fleet.results import FleetResult
    from pageengine.lab.fleet.views import Admission, HostView, Newcomer

__all__ = [
    "Admission",
    "Cost",
    "Fleet",
    "FleetResult",
    "HostView",
    "Newcomer",
    "PlacementError",
    "Precopy",
]

__getattr__, __dir__ = at_first_use(
    globals(),
    {
        "Admission": "views",
        "Cost": "precopy",
        "Fleet": "fleet",
        "FleetResult": "results",
        "HostView": "views",
        "Newcomer": "views",
        "PlacementError": "fleet",
        "Precopy": "precopy",
    },
)
