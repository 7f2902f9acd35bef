"""From a scenario to a simulation, and from a simulation to a result. The only place that knows
both."""

from collections.abc import Callable
from typing import Any

from pageengine import policy as policies
from pageengine.lab import fields
from pageengine.lab.results import Result
from pageengine.lab.scenario import Scenario, ScenarioError


def run(
    scenario: Scenario,
    *,
    policy=None,
    seed: int | None = None,
    progress: Callable[..., Any] | None = None,
    max_time: float | None = None,
) -> Result:
    """Runs a scenario to its end, or for ``max_time`` seconds of real time."""
    raise NotImplementedError


def check_policy(name: str, scenario: Scenario) -> None:
    raise NotImplementedError
