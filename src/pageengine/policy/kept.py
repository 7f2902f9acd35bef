"""Policies in a checkpoint: which one, and with which options; what it remembers stands in the
plan's memo.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from pageengine.errors import CheckpointError
from pageengine.plumbing import given, reading
from pageengine.policy.base import Policy
from pageengine.policy.table import POLICIES, UNLISTED

_PLAIN = (bool, int, float, str, type(None))


def _classes() -> dict[str, Any]:
    """Policies of this package by the names of their classes."""
    found = (entry.make for entry in (UNLISTED | POLICIES).values())
    return {made.__name__: made for made in found if isinstance(made, type)}


def described(policy: Policy) -> dict[str, Any]:
    """The policy as plain values. One of somebody's own is described by the name of its class, and
    by ``state()`` if it has that and ``restore(state)``: whoever loads it brings it along.
    """
    name = type(policy).__name__
    if _classes().get(name) is type(policy):
        options = options_of(policy)
        if all(type(value) in _PLAIN for value in options.values()):
            return {"class": name, "options": options}
    own: Any = policy
    says = callable(getattr(own, "state", None)) and callable(getattr(own, "restore", None))
    return {"own": name, "state": own.state() if says else None}


def options_of(policy: Policy) -> dict[str, Any]:
    """What it would be made with to be as it is: each option is an attribute of its name, of the
    policy or of a part of it (its marks, its scanner).
    """
    found = {}
    for option in inspect.signature(type(policy)).parameters:
        for part in (policy, *vars(policy).values()):
            if hasattr(part, option):
                found[option] = getattr(part, option)
                break
        else:
            raise TypeError(f"{type(policy).__name__} keeps no attribute {option!r}")
    return found


def made(told: Any, policy: Policy | None = None) -> Policy:
    """The policy that ``described`` told of; ``policy``: that object in its place, which is needed
    where it was of somebody's own.
    """
    if not isinstance(told, Mapping) or not ("own" in told or {"class", "options"} <= told.keys()):
        raise CheckpointError(f"its policy is {given.shown(told)}, and none")
    if policy is not None:
        own: Any = policy
        if told.get("own") == type(policy).__name__ and told.get("state") is not None:
            own.restore(told["state"])
        return policy
    if "own" in told:
        raise CheckpointError(
            f"its policy is {given.shown(told['own'])}, which is none of this package with options "
            "that are plain values: give the object, policy="
        )
    if told["class"] not in _classes():
        raise CheckpointError(f"its policy is {given.shown(told['class'])}, which there is none of")
    try:
        found: Policy = _classes()[told["class"]](**told["options"])
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"its policy cannot be made: {reading.brief(error)}") from None
    return found
