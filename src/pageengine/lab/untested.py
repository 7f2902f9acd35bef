"""What a run did not try: memory that VMs are configured with and never used, working sets
that were not filled when it ended. An answer drawn from it does not hold for those.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pageengine.lab.results import Result
from pageengine.units import format_size

if TYPE_CHECKING:
    from numpy.typing import NDArray
#: Workloads use nine tenths of a VM unless they are told otherwise.
MOST_USED, MOST_FILLED = 0.85, 0.9


@dataclass(frozen=True)
class Used:
    """Bytes of one VM: what it is configured with, what its workload says that it uses, at
    most, and what it held in memory, swap and its guest's swap together, at most."""

    size: int
    wanted: int
    held: int


def used(result: Result, groups: Mapping[str, Sequence[str]]) -> dict[str, Used]:
    """By group, its VM that came least far."""
    found: dict[str, Used] = {}
    ran = set(result.names)
    for group, names in groups.items():
        each = [_of(result.of(name)) for name in names if name in ran]
        if each:
            found[group] = min(each, key=lambda one: one.held / one.size)
    return found


def _of(own: Mapping[str, NDArray[Any]]) -> Used:
    parts = [own[key] for key in ("granted", "compressed", "swapped", "guest_swapped")]
    size = int(own["size"][-1])
    held = min(size, int(np.max(sum(np.asarray(part) for part in parts))))
    return Used(size, min(size, int(np.max(own["touched"]))), held)


def warnings(runs: Iterable[Mapping[str, Used]], seconds: float, seeds: int) -> list[str]:
    """Sentences on what these runs did not try. seconds: simulated time; seeds: how many."""
    least: dict[str, Used] = {}
    for run in runs:
        for group, one in run.items():
            if group not in least or one.held < least[group].held:
                least[group] = one
    said = []
    spare = {g: one for g, one in least.items() if one.held < MOST_USED * one.size}
    if spare:
        each = ", ".join(
            f"{group} {format_size(one.held)} of {format_size(one.size)}"
            for group, one in spare.items()
        )
        said.append(f"Not tested: VMs that use what they are configured with; used: {each}.")
    short = {g: one for g, one in least.items() if one.held < MOST_FILLED * one.wanted}
    if short:
        each = ", ".join(
            f"{group} {format_size(one.held)} of {format_size(one.wanted)}"
            for group, one in short.items()
        )
        said.append(
            f"Not tested: whole working sets, which {seconds:g} s did not fill: {each}; "
            "give run.duration or the workload's rate more."
        )
    if seeds == 1:
        said.append("Not tested: chance; one seed gives no band. Ask for three or more.")
    return said
