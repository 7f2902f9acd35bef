"""What Prometheus answered to a ``query_range``: JSON with a matrix, a series per VM.

What a series is (size, used, active) is in the name of its metric, by the table METRICS, or is said
for all of them: a sum or rate has no name. Its VM is named by the first of its labels vm, vm_name,
name, domain, pod, instance, or by the one that is said.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pageengine.demand.base import COLUMNS, Found, Readings
from pageengine.errors import DemandError
from pageengine.plumbing import given, reading
from pageengine.units import KIB, MIB

#: Metric -> what it is, and bytes of its unit.
METRICS = {
    "pageengine_vm_size_bytes": ("size", 1),
    "pageengine_vm_used_bytes": ("used", 1),
    "libvirt_domain_info_maximum_memory_bytes": ("size", 1),
    "libvirt_domain_info_memory_usage_bytes": ("used", 1),
    "kubevirt_vmi_memory_domain_bytes": ("size", 1),
    "kubevirt_vmi_memory_resident_bytes": ("used", 1),
    "container_spec_memory_limit_bytes": ("size", 1),
    "container_memory_usage_bytes": ("used", 1),
    "container_memory_working_set_bytes": ("active", 1),
    "vmware_vm_memory_max": ("size", MIB),
    "vmware_vm_mem_consumed_average": ("used", KIB),
    "vmware_vm_mem_active_average": ("active", KIB),
    "pve_memory_size_bytes": ("size", 1),
    "pve_memory_usage_bytes": ("used", 1),
    "node_memory_MemTotal_bytes": ("size", 1),
}
LABELS = ("vm", "vm_name", "name", "domain", "pod", "instance")
_MOST = 1 << 29  # bytes of a file
_HEAD = re.compile(rb'^(\xef\xbb\xbf)?\s*\{.*"(resultType|status)"\s*:', re.DOTALL)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    _Points = tuple[NDArray[np.float64], NDArray[np.float64]]
    _Series = dict[str, _Points]


def recognise(path: str, head: bytes) -> bool:
    """head: the first bytes."""
    return _HEAD.match(head) is not None


def read(
    path: str, found: Found, label: str | None = None, column: str | None = None
) -> Iterator[Readings]:
    """label: that names the VM. column: what every series is, in bytes: size, used or active."""
    if column is not None:
        column = given.choice(column, "column", COLUMNS)
    vms: dict[str, _Series] = {}
    places: dict[str, int] = {}
    for number, series in enumerate(_matrix(path), 1):
        where = f"{path}, series {number}"
        labels = series.get("metric") if isinstance(series, Mapping) else None
        values = series.get("values") if isinstance(series, Mapping) else None
        if not isinstance(labels, Mapping) or not isinstance(values, list):
            raise DemandError(f"{where}: no metric and values; query_range gives both")
        what, factor = (column, 1) if column else _what(labels, where)
        asked = LABELS if label is None else (label,)
        vm = next((str(labels[key]) for key in asked if labels.get(key)), "")
        if not vm:
            found.add("series without a label that names the VM: passed over", where)
        elif what in vms.get(vm, {}):
            found.add(
                "series of a VM that has one of the same kind: passed over (say another label)",
                f"{where} ({vm})",
            )
        else:
            vms.setdefault(vm, {})[what] = _points(values, factor, where, found)
            places.setdefault(vm, number)
    for vm, told in vms.items():
        yield _readings(vm, told, places[vm], path)


def _matrix(path: str) -> list[Any]:
    text = reading.text(path, DemandError, _MOST).removeprefix("\ufeff")
    answer = reading.parsed(text, json.loads, path, DemandError)
    if isinstance(answer, Mapping) and answer.get("status", "success") != "success":
        said = reading.clipped(str(answer.get("error", "")).split("\n")[0])
        raise DemandError(f"{path}: Prometheus answered with an error: {given.shown(said)}")
    data = answer.get("data", answer) if isinstance(answer, Mapping) else None
    kind = data.get("resultType") if isinstance(data, Mapping) else None
    result = data.get("result") if isinstance(data, Mapping) else None
    if kind != "matrix" or not isinstance(result, list):
        raise DemandError(
            f"{path}: no answer to query_range: resultType is {given.shown(kind)}, not 'matrix'"
        )
    return result


def _what(labels: Mapping[str, Any], where: str) -> tuple[str, int]:
    name = labels.get("__name__")
    if not isinstance(name, str) or name not in METRICS:
        said = f"metric {given.shown(name)} is none that is known" if name else "it has no name"
        raise DemandError(f"{where}: {said}: say what it is (column: {', '.join(COLUMNS)})")
    return METRICS[name]


def _points(values: list[Any], factor: int, where: str, found: Found) -> _Points:
    """(times, bytes); what is no number is NaN."""
    pairs = []
    for each in values:
        try:
            time, value = each
            pairs.append((float(time), float(value) * factor))
        except (TypeError, ValueError, OverflowError):
            found.add("entries that are not a time and a number: passed over", where)
    time, told = np.array(pairs, np.float64).reshape(-1, 2).T
    return time, told


def _readings(vm: str, told: _Series, place: int, path: str) -> Readings:
    """Its series side by side."""
    time = np.unique(np.concatenate([times for times, _ in told.values()]))
    columns = {name: np.full(len(time), np.nan) for name in COLUMNS}
    for name, (times, values) in told.items():
        columns[name][np.searchsorted(time, times)] = values
    places = np.full(len(time), place, np.int64)
    return Readings.of(vm, time, columns, places, path, "series")
