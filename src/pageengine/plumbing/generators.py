"""States of numpy's generators that come from elsewhere, looked at before they are set."""

from __future__ import annotations

from typing import Any

import numpy as np

from pageengine.errors import CheckpointError
from pageengine.plumbing import given

_WORDS = 4  # that a Philox generator makes at once


def set_generator(generator: np.random.Generator, state: Any) -> None:
    """The generator goes on from this state of its kind. CheckpointError: it is none: numpy itself
    would read beyond its buffer where the state says so.
    """
    now = generator.bit_generator.state
    try:
        if state.keys() != now.keys() or state["bit_generator"] != now["bit_generator"]:
            raise ValueError("it is of another kind")
        given.whole(state["buffer_pos"], "buffer_pos", 0, _WORDS)
        given.whole(state["has_uint32"], "has_uint32", 0, 1)
        given.whole(state["uinteger"], "uinteger", 0, 2**32 - 1)
        for array, known in (
            (state["buffer"], now["buffer"]),
            *((state["state"][key], known) for key, known in now["state"].items()),
        ):
            if array.dtype != known.dtype or array.shape != known.shape:
                raise ValueError("its words are others")
        generator.bit_generator.state = state
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"the state of a random generator cannot be: {error}") from None
