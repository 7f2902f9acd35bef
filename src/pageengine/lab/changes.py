"""One value of a scenario changed, by the path that names it: "host.memory", "vm.web.size",
"vm.workload.rate" (of all VMs), "host.costs.swap_in", or "vm.count" (so many VMs in all).
"""

import copy
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pageengine.lab import fields
from pageengine.lab.bounds import VMS_MOST
from pageengine.lab.fields import ScenarioError
from pageengine.plumbing import given

#: Keys whose value may be a name in the place of a table, and the key of the table that says so.
_NAMED = {"costs": "storage", "workload": "kind", "then": "kind"}


def change(data: Mapping[str, Any], names: Sequence[str], key: str, value: Any) -> dict[str, Any]:
    """The tables of a scenario with one value changed. names: of the [[vm]] tables. Raises
    ScenarioError for a path that leads nowhere; what the value is worth is checked with the rest.
    """
    try:
        key = given.text(key, "a key to change")
    except (TypeError, ValueError) as error:
        raise ScenarioError(str(error)) from None
    changed = copy.deepcopy(dict(data))
    section, *path = key.split(".")
    if section in ("host", "run", "policy", "guard", "fleet") and path and all(path):
        _put(changed.setdefault(section, {}), path, value, key)
    elif key == "vm.count":
        changed["vm"] = _so_many(changed["vm"], value)
    elif section == "vm" and path and all(path):
        chosen = changed["vm"]
        if path[0] in names and len(path) > 1:
            name = path.pop(0)
            chosen = [entry for entry in chosen if entry["name"] == name]
        elif len(path) > 1 and path[0] not in _tables(chosen):
            raise ScenarioError(
                f"{key}: no [[vm]] is named {path[0]!r}. {fields.unknown(path[0], names)}"
            )
        for entry in chosen:
            _put(entry, path, value, key)
    else:
        raise ScenarioError(
            f"{key!r} is no key to change: write 'host.memory', 'vm.count', 'vm.NAME.KEY', "
            "'vm.NAME.workload.KEY', 'policy.KEY', ..."
        )
    return changed


def _tables(entries: Iterable[Mapping[str, Any]]) -> set[str]:
    """Keys under which further keys stand."""
    return {"workload", "guest", "contents"} | {
        key for entry in entries for key, value in entry.items() if isinstance(value, dict)
    }


def _put(table: dict[str, Any], path: Sequence[str], value: Any, key: str) -> None:
    first, *rest = path
    if not rest:
        table[first] = value
        return
    inner = table.get(first)
    if first in _NAMED and isinstance(inner, str):
        inner = {_NAMED[first]: inner}
    elif (first == "costs" and inner is None) or (first == "guest" and inner is True):
        inner = {}
    if not isinstance(inner, dict):
        there = f"{first} is {inner!r} here" if inner is not None else f"there is no {first} here"
        named = f" of {table['name']!r}" if "name" in table else ""
        raise ScenarioError(
            f"{key}: {there}{named}, not a table with keys of its own: give the whole of it, "
            f"{first} = {{ {rest[0]} = ... }}"
        )
    _put(inner, rest, value, key)
    table[first] = inner


def _so_many(entries: list[dict[str, Any]], total: Any) -> list[dict[str, Any]]:
    """The entries with counts that make ``total`` VMs of the same mix."""
    try:
        total = given.whole(total, "vm.count", 1, VMS_MOST)
    except (TypeError, ValueError) as error:
        raise ScenarioError(str(error)) from None
    counts = dealt([fields.count(entry.get("count", 1)) for entry in entries], total)
    return [
        {**entry, "count": count} for entry, count in zip(entries, counts, strict=True) if count
    ]


def dealt(counts: Sequence[int], total: int) -> list[int]:
    """How many of each there are when ``total`` are to be as nearly of the same mix as whole
    numbers are, by the method of Webster and Sainte-Lague: each further one goes to where
    count / (dealt + 1/2) is largest. A larger total never has fewer of any, and a multiple of the
    counts is just that.
    """
    found = [0] * len(counts)
    for _ in range(total):
        next_ = max(range(len(counts)), key=lambda i: (counts[i] / (found[i] + 0.5), -i))
        found[next_] += 1
    return found
