"""Tables that say a kind and its options, {"kind": name, option: value, ...}: which class it is."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, TypeVar

from pageengine.plumbing import given

_Made = TypeVar("_Made")


def chosen(
    table: Mapping[str, Any], kinds: Mapping[str, Callable[..., _Made]], what: str
) -> tuple[Callable[..., _Made], dict[str, Any]]:
    """What makes it, and its options. ValueError: there is no such kind, or option of it."""
    options = dict(table)
    kind = options.pop("kind")
    if not isinstance(kind, str) or kind not in kinds:
        raise ValueError(given.unknown(what, kind, kinds))
    made = kinds[kind]
    known = _options(made)
    for key in options:
        if key not in known:
            raise ValueError(given.unknown(f"option of {kind}", key, known))
    return made, options


@cache  # a fleet makes the same few kinds thousands of times
def _options(made: Callable[..., Any]) -> tuple[str, ...]:
    return tuple(name for name in inspect.signature(made).parameters if name != "self")
