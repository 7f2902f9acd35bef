"""Snapshots, plans and what belongs to them as JSON, and back, without loss: what comes back equals
what went, so that a decision can be made again from the file.
"""

from __future__ import annotations

import functools
import json
import math
import sys
import types
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast, get_args, get_origin, get_type_hints

from pageengine.errors import LiveError
from pageengine.plumbing import given
from pageengine.plumbing.frozen import Frozen
from pageengine.policy.base import GuestView, Migration, Plan, Snapshot, VMPlan, VMView
from pageengine.policy.guard import Clip, Limits

F = TypeVar("F", bound=Frozen)

_PLAIN = (bool, int, float, str, Mapping)
_SAID = {
    bool: "true or false",
    int: "a whole number",
    float: "a number that is finite",
    str: "a text",
    Mapping: "a table by name",
    types.NoneType: "null",
}
_MOST = 2**63  # of a whole number: more than bytes and counts can be
_NOT_FINITE = {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}


def line(data: Any) -> str:
    """One line of JSON. Frozen records are objects by name; numbers of memos that are not finite
    are texts, as JSON has none for them.
    """
    try:
        return _json(data)
    except ValueError:
        return _json(_finite(data))


# records hold no circles, and to look for them takes a quarter of the time
_json = json.JSONEncoder(
    default=vars, allow_nan=False, separators=(",", ":"), check_circular=False
).encode


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Frozen):
        value = vars(value)
    if isinstance(value, Mapping):
        return {key: _finite(each) for key, each in value.items()}
    return [_finite(each) for each in value] if isinstance(value, (list, tuple)) else value


def snapshot(data: Any) -> Snapshot:
    """Of its JSON. LiveError: it is no snapshot of this version."""
    return made(Snapshot, data, vms=lambda vms: tuple(map(_view, vms)), memo=memo)


def plan(data: Any) -> Plan:
    """Of its JSON."""
    return made(
        Plan,
        data,
        vms=lambda vms: {name: made(VMPlan, each) for name, each in vms.items()},
        migrate=lambda each: tuple(made(Migration, one) for one in each),
        memo=memo,
    )


def clips(data: Any) -> tuple[Clip, ...]:
    """Of their JSON."""
    return tuple(made(Clip, each) for each in data)


def limits(data: Any) -> Limits | None:
    """Of their JSON; None for null: there was no guard."""
    return None if data is None else made(Limits, data)


def memo(data: Mapping[str, Any]) -> dict[str, float | tuple[float, ...]]:
    """Of its JSON: lists are tuples."""
    return {
        key: tuple(map(_number, value)) if isinstance(value, list) else _number(value)
        for key, value in data.items()
    }


def made(cls: type[F], data: Any, **read: Callable[[Any], Any]) -> F:
    """A record of its JSON. read: how fields that are no plain values are read."""
    try:
        kinds = _kinds(cast(Any, cls))
        values = {
            key: read[key](value) if key in read else _fits(key, value, kinds.get(key, object))
            for key, value in data.items()
        }
        return cls(**values)
    except _Unfit as error:
        raise LiveError(str(error)) from None
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise LiveError(
            f"this is no {cls.__name__} as this version has it: {given.shown(str(error))}"
        ) from None


class _Unfit(TypeError):
    """A value that a field cannot have; the message says which, and what would be right."""


@functools.cache
def _kinds(cls: type) -> dict[str, Any]:
    """Of each field of a record, what it is declared to be."""
    return get_type_hints(cls)


def _fits(key: str, value: Any, kind: Any) -> Any:
    """The value, if it is of the kind that a field is declared to be, as far as JSON has it: who
    reads a file that somebody else could write believes nothing of it. Raises _Unfit.
    """
    kinds = get_args(kind) if isinstance(kind, types.UnionType) else (kind,)
    plain = [get_origin(each) or each for each in kinds]
    numbers = float in plain or int in plain
    if numbers and isinstance(value, str) and value in _NOT_FINITE:
        return _NOT_FINITE[value]
    if isinstance(value, bool):
        good = bool in plain
    elif isinstance(value, int | float):
        most = sys.float_info.max if float in plain else _MOST
        good = numbers and -most <= value <= most
    elif isinstance(value, str):
        good = str in plain and "\0" not in value
    elif isinstance(value, dict):
        good = Mapping in plain
    else:
        good = value is None and types.NoneType in plain
    if not good and any(each in _PLAIN for each in plain):
        right = " or ".join(_SAID[each] for each in plain if each in _SAID)
        raise _Unfit(f"{given.shown(key)[1:-1]} cannot be {given.shown(value)}: it must be {right}")
    return value


def _view(data: Any) -> VMView:
    return made(VMView, data, guest=lambda each: None if each is None else made(GuestView, each))


def _number(value: Any) -> float:
    if isinstance(value, str):
        return _NOT_FINITE[value]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{given.shown(value)} is no number of a memo")
    return value
