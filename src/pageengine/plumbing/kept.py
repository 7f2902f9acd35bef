"""Kept: objects that say which of their attributes are their state, and get it back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from pageengine.errors import CheckpointError
from pageengine.plumbing import given

_NUMBERS = (bool, int, float)


class Kept:
    """The base of what a checkpoint keeps by attributes. KEPT: their names; a subclass adds its
    own, ``KEPT = (*Base.KEPT, "_next")``. They are numbers, text, arrays, None, and tuples,
    lists and dicts of these.
    """

    KEPT: ClassVar[tuple[str, ...]] = ()

    def state(self) -> dict[str, Any]:
        """What it has become, by names."""
        return {name: getattr(self, name) for name in self.KEPT}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Becomes what ``state`` said. CheckpointError: that is not of its kind."""
        now = {name: getattr(self, name) for name in self.KEPT}
        taken = checked(state, now, type(self).__name__)
        for name, value in taken.items():
            setattr(self, name, value)


def checked(state: Any, now: Mapping[str, Any], what: str) -> dict[str, Any]:
    """The state, if it has the names of what is there now and values of the same kinds."""
    if not isinstance(state, Mapping) or state.keys() != now.keys():
        raise CheckpointError(f"the state of {what} has other names than {given.listed(now)}")
    for name, value in now.items():
        if not _alike(state[name], value):
            raise CheckpointError(
                f"{name} of {what} cannot be {given.shown(state[name])}: it is of another kind "
                f"than {given.shown(value)}"
            )
    return dict(state)


def _alike(value: Any, now: Any) -> bool:
    """Whether it may stand in the place of what is there now."""
    if now is None or value is None:
        return True
    if isinstance(now, np.ndarray):
        return isinstance(value, np.ndarray) and value.dtype == now.dtype and value.ndim == now.ndim
    if type(now) in _NUMBERS:
        return type(value) in _NUMBERS
    return type(value) is type(now)
