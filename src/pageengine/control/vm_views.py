"""What a policy is shown of each virtual machine beside what the core counts, a column each: what
its guest tells, how its balloon driver fares, and what happened since the last decision.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pageengine.core import vm_columns
from pageengine.core.records import GuestStats
from pageengine.policy.base import GuestView
from pageengine.units import PAGE_BYTES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pageengine.control.vm_control import VMControl
    from pageengine.control.vm_table import Floats, VMTable

    Numbers = NDArray[np.int64]
_ROW = {name: row for row, name in enumerate(vm_columns.ROWS)}
_SWAP_IN, _READS = (GuestStats.__match_args__.index(n) for n in ("swap_in", "disk_reads"))


def columns(table: VMTable, numbers: Numbers) -> dict[str, list[Any]]:
    """Fields of VMView by name, of every VM of a table. numbers: ``table.numbers()``."""
    runs, has_guest = table.runs(), table.has_guest > 0
    stall, told = table.stall(), _guest_numbers(table)
    _count(table, numbers, told, stall)
    reports = np.flatnonzero(runs & has_guest)
    guests: list[GuestView | None] = [None] * len(table)
    views = map(GuestView, *_tell(told[:, reports], table.guest_stall[reports]))
    for row, view in zip(reports.tolist(), views, strict=True):
        guests[row] = view
    there = numbers[_ROW["ballooned"]] // PAGE_BYTES == table.target_pages()
    age = np.where(there, 0.0, table.unmoved).astype(object)
    age[~runs] = None
    drivers = np.where(runs, np.where(has_guest, "reporting", "silent"), "none").tolist()
    ages = [None if view is None else 0.0 for view in guests]
    for control, statistics in table.lying:
        row = control.row
        tells = guests[row]
        if tells is not None:
            shown = statistics.shown(tells, table.driver_seconds(control))
            guests[row], ages[row], drivers[row] = shown
    busy = np.where(table.boot_left > 0, "boot", np.where(numbers[_ROW["blocked"]], "pause", ""))
    return {
        "active": table.active(numbers).tolist(),
        "balloon_target": table.balloon_target.astype(np.int64).tolist(),
        "balloon_max": table.balloon_max().astype(np.int64).tolist(),
        "stall": stall.tolist(),
        "guest": guests,
        "stats_age": ages,
        "progress_age": age.tolist(),
        "floor": (table.pages * PAGE_BYTES - table.balloon_most()).astype(np.int64).tolist(),
        "busy": busy.tolist(),
        "driver": drivers,
        "swap_in_rate": table.swap_in_rate.tolist(),
    }


def guest_view(table: VMTable, control: VMControl) -> GuestView:
    """What the guest of this VM tells now; it has one."""
    guest, row = control.vm.guest, control.row
    assert guest is not None
    told = np.array(guest.numbers())[:, None]
    return GuestView(*(field[0] for field in _tell(told, table.guest_stall[row : row + 1])))


def _guest_numbers(table: VMTable) -> Numbers:
    """``Guest.numbers`` of each, int64 [numbers, n]; nothing where there is no guest model."""
    if not table.has_guest.any():
        return np.zeros((len(GuestStats.__match_args__), len(table)), np.int64)
    from pageengine.core.guests import numbers_of  # which hosts without guests need not

    return numbers_of([control.vm.guest for control in table.controls])


def _count(table: VMTable, numbers: Numbers, told: Numbers, stall: Floats) -> None:
    """Rates since the last decision; those without time since keep what it was shown. A guest's own
    stall is the part of the VM's that falls to reads of the guest's swap, as if every read that the
    VM waited for had taken as long: those of the host's swap, and of the guest's disk.
    """
    swap_in = _since(table, "swap_in", numbers[_ROW["swap_in"]])
    own = _since(table, "guest_swap_in", told[_SWAP_IN])
    reads = swap_in + _since(table, "guest_reads", told[_READS])
    some = table.elapsed > 0
    np.divide(swap_in * PAGE_BYTES, table.elapsed, out=table.swap_in_rate, where=some)
    part = np.divide(own, reads, out=np.zeros(len(table)), where=reads > 0)
    np.multiply(stall, part, out=table.guest_stall, where=some)


def _since(table: VMTable, counter: str, now: Numbers) -> Floats:
    """How much a counter has grown since the last decision with time before it. One that began
    anew, as those of a guest that starts again do, has grown by all that it counts.
    """
    before: Floats = getattr(table, f"{counter}_before")
    getattr(table, f"{counter}_seen")[:] = now
    return np.where(now >= before, now - before, now)


def _tell(told: Numbers, stall: Floats) -> list[list[Any]]:
    """Fields of GuestView, in their order."""
    total, free, _, clean, dirty, _, ballooned, swapped, swap_in = told[:9]
    fields = (
        total - ballooned,
        free,
        clean + dirty,
        swapped,
        swap_in,
        free + clean,
        stall,
        swap_in * PAGE_BYTES,
    )
    return [field.tolist() for field in fields]
