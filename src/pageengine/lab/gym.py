"""The lab as an environment of Gymnasium: a learner moves balloons, or turns the knobs of a policy,
and is rewarded by what that costs.

Needs gymnasium: pip install "pageengine[gym]".
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from pageengine.errors import Closed, PageEngineError
from pageengine.lab import bounds, build, choice, observation
from pageengine.lab.scenario import Scenario
from pageengine.plumbing import given
from pageengine.policy.ballooning import Ballooning, Sizes
from pageengine.policy.base import Plan, Snapshot
from pageengine.policy.ladder import VMNumbers

if TYPE_CHECKING:
    from gymnasium import Env, register, spaces
    from numpy.typing import ArrayLike, NDArray

    from pageengine.lab.results import Result
    from pageengine.lab.simulation import Simulation

    Numbers = NDArray[np.float64]
    Observation = NDArray[np.float32]
else:
    try:
        from gymnasium import Env, register, spaces
    except ImportError:  # said when one is made
        Env, register, spaces = object, None, None

ID = "pageengine/Lab-v0"  # for gymnasium.make
DIGITS = 6  # of a knob's value: an action in float32 says what it means


class BalloonsTold(Ballooning):
    """Balloons as somebody says, above the kernel's swap: each VM's is to hold this part of what
    its driver can give up. parts: by name, 0 to 1; 0 for who is not named. period: seconds between
    two rounds.
    """

    name = "balloons-told"

    def __init__(self, parts: Mapping[str, float], period: float):
        super().__init__()
        self.parts, self.period = dict(parts), period

    def __repr__(self) -> str:
        return f"BalloonsTold({self.parts})"

    def decide(self, snapshot: Snapshot) -> Plan:
        m = VMNumbers(snapshot.vms)
        s = Sizes(m)
        parts = np.array([self.parts.get(name, 0.0) for name in m.names], float)
        sizes = m.size - (parts * m.balloon_max).astype(np.int64)
        return self.marks.plan(snapshot, m, s.balloons(sizes, s.can), self.period, {})


class LabEnv(Env):  # type: ignore[misc]  # gymnasium's types are not looked at
    """A scenario as an environment: an episode is one run of it, a step ``period`` seconds.

    scenario: a Scenario, a file, or the name of one that comes with the package. knobs: None, or
    options of the policy by name, each with the lowest and the highest value: (0.0, 0.95); where
    both are whole numbers, so are those between. policy: whose options these are, by name, the
    scenario's by default; only with knobs. period: seconds between two actions, whole epochs.

    Actions are float32 [n], 0 to 1. Without knobs: for each VM in the order of ``vms``, how much of
    what its driver can give up its balloon is to hold; below the kernel's low watermark of free
    memory pages are swapped, as under ``proportional``. With knobs: for each knob in the order of
    ``knobs``, where between its two values it is to be. A policy that gets another value than it
    had starts anew, as after an event.

    Observations are float32 [n], named by ``columns`` (``lab.observation``): numbers from 0 to 1,
    -1 where nobody can tell. A VM that is not on the host is all -1, as all are before the first
    step.

    The reward of a step is minus the share of its time that a VM waited for memory, by the cost
    model: mean over the epochs of the mean over all VMs, a VM that was refused waiting all the
    time. So it is from -1 to 0, and the mean of all steps is minus the result's ``stall``, where
    all steps are of one length and no VM was refused. An episode is truncated at the end of the
    scenario, and never terminated; ``result`` is then what was recorded.

    ``reset(seed=7)`` runs the scenario with the seed 7, and the same actions give the same episode,
    bit for bit; without a seed the next one is drawn. The infos have "seed", "time" (seconds),
    "state", "stall" (by VM, share of the step) and "knobs" (their values).
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": []}  # report draws results

    def __init__(
        self,
        scenario: Scenario | str | os.PathLike[str],
        *,
        policy: str | None = None,
        knobs: Mapping[str, tuple[float, float]] | None = None,
        period: float = 15.0,
        render_mode: None = None,
    ):
        if spaces is None:
            raise PageEngineError(
                'the environment is one of gymnasium: pip install "pageengine[gym]"'
            )
        if render_mode is not None:
            raise ValueError(f"render_mode must be None, got {given.shown(render_mode)}")
        self.scenario = scenario if isinstance(scenario, Scenario) else Scenario.load(scenario)
        self.vms = tuple(name for name, _ in self.scenario.vms)
        self.period, self._epochs = _period(period, self.scenario)
        self.policy = policy if policy is None else given.text(policy, "policy")
        self.knobs = _ranges(knobs)
        self._check()
        self.columns = observation.names(self.vms)
        self.observation_space = spaces.Box(
            observation.UNKNOWN, 1.0, (len(self.columns),), np.float32
        )
        moved = self.vms if knobs is None else tuple(self.knobs)
        self._moved = moved
        self.action_space = spaces.Box(0.0, 1.0, (len(moved),), np.float32)
        self.render_mode = None
        self.result: Result | None = None
        self._simulation: Simulation | None = None
        self._left = self._seed = 0
        self._values: dict[str, float] = {}

    def _check(self) -> None:
        """What is wrong with the policy or its knobs is said before the first episode."""
        if any(event.kind == "policy" for event in self.scenario.events):
            raise ValueError(
                f"{self.scenario.source}: an event sets an option of the policy, and so do actions"
            )
        if not self.knobs:
            if self.policy is not None:
                raise ValueError(
                    f"policy {self.policy!r} would have nothing to decide: without knobs, actions "
                    "are balloon targets"
                )
            build.check(self.scenario, BalloonsTold({}, self.period))
            return
        named = self.scenario.host["policy"] if self.policy is None else self.policy
        for key in choice.parse(named)[1]:
            if key in self.knobs:
                raise ValueError(f"{named!r} sets {key!r}, and so do actions")
        for end in (0, 1):
            build.check(self._with({key: span[end] for key, span in self.knobs.items()}), named)

    def _with(self, values: Mapping[str, float]) -> Scenario:
        """The scenario with these options of its policy."""
        changed = self.scenario
        for key, value in values.items():
            changed = changed.changed(f"policy.{key}", value)
        return changed

    # as Gymnasium has it

    def reset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """A new episode. seed: of the run, 0 to 2**64 - 1. options: there are none."""
        if options:
            raise ValueError(f"reset has no options, got {given.listed(map(str, options))}")
        seed = None if seed is None else given.whole(seed, "seed", most=2**64 - 1)
        super().reset(seed=seed)
        self.close()
        self._seed = int(self.np_random.integers(2**32)) if seed is None else seed
        self.result, self._values = None, {}
        policy = self.policy if self.knobs else BalloonsTold({}, self.period)
        self._simulation = build.simulation(self.scenario, policy=policy, seed=self._seed)
        self._left = bounds.epochs(self.scenario.seconds, self._simulation.epoch, len(self.vms))
        return self._seen(self._simulation), self._info(self._simulation, {})

    def step(self, action: ArrayLike) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """So many epochs under this action: (observation, reward, False, whether the episode is
        over, info). Closed: there is no episode, call ``reset``.
        """
        simulation = self._simulation
        if simulation is None:
            raise Closed("there is no episode, or it is over: call reset()")
        self._act(simulation, self._parts(action))
        waits: list[Mapping[str, float]] = []
        for _ in range(min(self._epochs, self._left)):
            simulation.step()
            waits.append(_waits(simulation))
        self._left -= len(waits)
        reward = -float(np.mean([np.mean(list(each.values()) or [0.0]) for each in waits]))
        seen, info = self._seen(simulation), self._info(simulation, _means(waits))
        if not self._left:
            self.result = simulation.finish()
            self._simulation = None
        return seen, reward, False, not self._left, info

    def close(self) -> None:
        """Gives the host back; ``result`` stays. May be called twice."""
        if self._simulation is not None:
            self._simulation.host.close()
            self._simulation = None

    # actions

    def action(self, **values: float) -> Observation:
        """The action that gives knobs, or balloons by VM, these values: float32 [n]. Of a balloon
        the value is the action itself. ValueError: one is missing, unknown or out of its range.
        """
        wrong = values.keys() ^ set(self._moved)
        if wrong:
            raise ValueError(
                f"an action needs a value for each of {given.listed(self._moved)}: wrong or "
                f"missing are {given.listed(sorted(wrong))}"
            )
        found = []
        for name in self._moved:
            low, high = self.knobs.get(name, (0.0, 1.0))
            found.append((given.real(values[name], name, low, high) - low) / (high - low))
        return np.array(found, np.float32)

    def _parts(self, action: ArrayLike) -> Numbers:
        try:
            parts = np.asarray(action, float)
        except (TypeError, ValueError):
            raise TypeError(f"an action is of numbers, got {given.shown(action)}") from None
        if parts.shape != (len(self._moved),):
            raise ValueError(
                f"an action has {len(self._moved)} numbers, of {given.listed(self._moved)}; got "
                f"the shape {parts.shape}"
            )
        for name, part in zip(self._moved, parts.tolist(), strict=True):
            given.real(part, f"the action for {name!r}", 0, 1)
        return parts

    def _act(self, simulation: Simulation, parts: Numbers) -> None:
        told = dict(zip(self._moved, parts.tolist(), strict=True))
        if not self.knobs:
            simulation.host.policy = BalloonsTold(told, self.period)
            return
        values = {name: _value(told[name], *span) for name, span in self.knobs.items()}
        if values != self._values:
            self._values = values
            simulation.host.policy = choice.choose(self._with(values), self.policy).make()

    # what is told

    def _seen(self, simulation: Simulation) -> Observation:
        return observation.observe(simulation, self.vms, self.scenario.seconds)

    def _info(self, simulation: Simulation, stall: dict[str, float]) -> dict[str, Any]:
        host = simulation.host
        return {
            "seed": self._seed,
            "time": host.time,
            "state": host.state,
            "stall": stall,
            "knobs": dict(self._values),
        }


if register is not None:
    register(ID, entry_point="pageengine.lab.gym:LabEnv")


def _period(period: float, scenario: Scenario) -> tuple[float, int]:
    """A step in seconds, and in epochs."""
    epoch = float(scenario.run["epoch"])
    seconds = given.seconds(period, "period", epoch)
    epochs = round(seconds / epoch)
    if abs(epochs * epoch - seconds) > 1e-9 * seconds:
        raise ValueError(f"period must be whole epochs of {epoch:g} s, got {period!r}")
    return seconds, epochs


def _ranges(knobs: Mapping[str, tuple[float, float]] | None) -> dict[str, tuple[float, float]]:
    if knobs is None:
        return {}
    if not isinstance(knobs, Mapping) or not knobs:
        raise TypeError(f"knobs must be (lowest, highest) by option, got {given.shown(knobs)}")
    found = {}
    for name, span in knobs.items():
        ends = given.several(span, f"the range of {name!r}")
        if len(ends) != 2:
            raise ValueError(f"the range of {name!r} is (lowest, highest), got {given.shown(span)}")
        low, high = (given.real(end, f"an end of {name!r}", -1e300, 1e300) for end in ends)
        if not low < high:
            raise ValueError(f"the range of {name!r} must go up, got {given.shown(span)}")
        found[name] = (low, high)
    return found


def _value(part: float, low: float, high: float) -> float:
    """Where between two values a knob is."""
    value = low + part * (high - low)
    if isinstance(low, int) and isinstance(high, int):
        return round(value)
    return min(high, max(low, float(f"{value:.{DIGITS}g}")))


def _waits(simulation: Simulation) -> dict[str, float]:
    """What each VM waited in the last epoch, a share of it; one that was refused, all of it."""
    found = {simulated.name: simulated.stall for simulated in simulation.running.values()}
    return found | dict.fromkeys(set(simulation.refused) - found.keys(), 1.0)


def _means(waits: list[Mapping[str, float]]) -> dict[str, float]:
    """By VM, over the epochs in which it was there."""
    named = dict.fromkeys(name for each in waits for name in each)
    return {name: float(np.mean([each[name] for each in waits if name in each])) for name in named}
