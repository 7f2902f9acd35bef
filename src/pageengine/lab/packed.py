"""Points of an advice from demand, simulated: what the data alone cannot say. How long VMs wait,
what goes to swap, and who waits.

Each point is a host that was drawn, filled to a ratio, in the hours around the moment at which its
VMs need most. VMs follow their series (``lab/workloads/demand.py``) and start with what they held
(``placing.held_of``): what was never needed costs nobody a wait, in whatever way the host is rid of
it. The first quarter of an hour is not counted:
a host that has run for long has put out what nobody uses, one that was filled at once must find it
first.

So that it is quick, it is a miniature: a page stands for ``scale`` pages, and a second for PACE
seconds. A transfer of a page takes scale / PACE times as long, and the device serves as many fewer
in a second, so that parts of time and bytes per second are those of the host that is meant; a write
is of as many bytes as there, and holds up a read for as long. What a policy does every second it
does every PACE seconds; its own amounts are scaled where it has the option ``miniature``, as ESX's
minfree is, which falls with the size of a host. So how long VMs wait does not depend on the scale
(tests/lab/test_packed_scale.py). A balloon moves at once: its driver's 64 MiB/s are not scaled.
Contents are random, since monitoring data tell nothing of them: nothing is
shared and nothing compresses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pageengine.analysis import packing, placing
from pageengine.lab import choice, costs as cost_models, figures
from pageengine.lab.costs import CostModel
from pageengine.lab.results import Result
from pageengine.lab.simulation import Simulation
from pageengine.lab.specs import VMSpec
from pageengine.lab.workloads.demand import FollowedDemand
from pageengine.plumbing.frozen import Frozen
from pageengine.policy import table
from pageengine.units import PAGE_BYTES, format_size

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pageengine.analysis.backtest import Backtest
    from pageengine.analysis.packing import Packing
    from pageengine.analysis.placing import Loads

PAGES = 1 << 16  # of a host that is simulated, about
PACE = 10.0
LEAD, HOURS = 900.0, 0.5  # seconds that are not counted, hours before and after the worst moment
_LEAST_PAGES = 16  # of a VM
FARTHER = 1.5  # times the advice


class Point(Frozen):
    """One host, simulated.

    Attributes:
        what: [text] which host it is
        ratio: [ratio] of provisioned to the host's memory
        vms: [number] of VMs on it
        needed: [part] of the room for VMs that they need at the worst moment
        stall: [share, 0 to 1] of its time that the VM waited that waited longest
        mean_stall: [share, 0 to 1] the same, mean of all VMs
        reading: [share, 0 to 1] of that, what the pages read back take on an idle device; the rest
            is queueing, and VMs that the policy holds up
        waits: [text each] the VMs that waited longest, how long, and what they read back
        swapped: [bytes] in swap, mean
        ballooned: [bytes] in balloons, mean
        swap_in: [bytes per second] read back from swap
        notes: [text each] what was not as the data have it
    """

    what: str
    ratio: float
    vms: int
    needed: float
    stall: float
    mean_stall: float
    reading: float
    waits: tuple[str, ...]
    swapped: float
    ballooned: float
    swap_in: float
    notes: tuple[str, ...] = ()


class DemandAdvice(Frozen):
    """Everything that is said of one kind of host: from the data, of points that were simulated,
    and how the same advice would have fared.

    Attributes:
        loads: [Loads] the VMs that were placed
        packing: [Packing] what the data say
        points: [Point each] what simulations say beyond that
        backtest: [Backtest] advice on the first part, checked on the rest
    """

    loads: Loads
    packing: Packing
    points: tuple[Point, ...]
    backtest: Backtest


class Chosen(Frozen):
    """A host that is to be simulated.

    Attributes:
        what: [text] which it is
        row: [number] of the order that was drawn
        vms: [number] of VMs, the first of that order
        ratio: [ratio] it is filled to
    """

    what: str
    row: int
    vms: int
    ratio: float


def choose(loads: Loads, packing_: Packing) -> list[Chosen]:
    """At the advised ratio the host whose VMs need as much as those of half of the hosts, and the
    one whose VMs need most; at half as much again, the one in the middle.
    """
    order = placing.orders(loads.names, packing_.draws, packing_.seed)
    filled = placing.provisioned(loads.size, order)
    found: list[Chosen] = []
    for ratio, wanted in (
        (packing_.ratio, {"middle": 0.5, "worst": 1.0}),
        (FARTHER * packing_.ratio, {"fuller": 0.5}),
    ):
        counts = placing.up_to(filled, ratio * packing_.memory)
        needed = packing.at_share(placing.sums(loads.need, order, counts), packing_.share)
        by_need = np.argsort(needed, kind="stable")
        for what, rank in wanted.items():
            row = int(by_need[round(rank * (len(by_need) - 1))])
            if counts[row] and (row, counts[row]) not in [(one.row, one.vms) for one in found]:
                found.append(Chosen(what, row, int(counts[row]), ratio))
    return found


def simulate(
    loads: Loads,
    packing_: Packing,
    chosen: Chosen,
    *,
    policy: str = "esx6",
    costs: CostModel | Mapping[str, Any] | str = "nvme",
    scale: float | None = None,
    hours: float = HOURS,
    seed: int | None = None,
    progress: Callable[[float, str], Any] | None = None,
) -> Point:
    """One host under a policy. scale: pages that a page stands for; None: as many as make the host
    one of some 256 MiB. hours: before and after the worst moment. seed: of what is drawn in the
    simulation; None: that of ``packing_``. progress: as for ``Simulation.run``; False of it ends
    the run, and what was until then is told.
    """
    scale = max(1.0, packing_.memory / PAGE_BYTES / PAGES) if scale is None else scale
    order = placing.orders(loads.names, packing_.draws, packing_.seed)[chosen.row]
    rows = order[: chosen.vms]
    needed = loads.need[rows].sum(axis=0)
    around = max(1, round(hours * 3600 / loads.step))
    lead = max(1, round(LEAD / loads.step))
    worst = int(needed.argmax())
    first, after = max(0, worst - around - lead), min(loads.slots, worst + around + 1)
    interval = loads.step / PACE  # a VM touches all that it needs from one reading to the next
    room = int(packing_.room / scale) // PAGE_BYTES * PAGE_BYTES
    made = cost_models.make(costs)
    simulation = Simulation(
        room,
        _specs(loads, rows, first, after, scale, interval),
        policy=_policy(policy, scale),
        costs=made.of_pages(scale).slowed(1 / PACE),
        seed=packing_.seed if seed is None else seed,
        epoch=loads.step / PACE,
        host={"estimator": {"kind": "accessed-bits", "period": interval}, "sharing": False},
    )
    result = simulation.run((after - first) * loads.step / PACE, progress=progress)
    counted = _without_lead(result, min(lead, worst - first) * loads.step / PACE)
    return _point(counted, chosen, packing_, float(needed[worst]), scale, made)


def check_policy(text: str) -> None:
    """ValueError: there is no such policy, or it has no such option."""
    _policy(text, 1.0)


def _policy(text: str, scale: float) -> Any:
    """The policy, its amounts in miniature where it has that option."""
    name, options = choice.parse(text)
    if scale > 1 and "miniature" in table.entry_of(name).options:
        options.setdefault("miniature", 1 / scale)
    return table.find(name, **options)


def _specs(
    loads: Loads,
    rows: NDArray[np.int64],
    first: int,
    after: int,
    scale: float,
    interval: float,
) -> list[VMSpec]:
    time = loads.step / PACE * np.arange(after - first)
    holds = placing.held_of(loads)[:, first]
    found = []
    for row in rows.tolist():
        need = loads.need[row, first:after]
        size = max(loads.size[row], need.max())
        pages = max(_LEAST_PAGES, int(np.ceil(size / scale / PAGE_BYTES)))
        workload = FollowedDemand(
            series=np.column_stack((time, np.floor(need))),
            held=int(holds[row]),
            interval=interval,
            scale=scale,
        )
        found.append(VMSpec(loads.names[row], pages * PAGE_BYTES, workload, contents="random"))
    return found


def _without_lead(result: Result, lead: float) -> Result:
    """The rows after so many seconds; all where there are none."""

    def cut(table_: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        later = np.asarray(table_["time"]) > lead
        return {key: column[later] for key, column in table_.items()}

    if not len(result.host["time"]) or result.host["time"][-1] <= lead:
        return result
    return replace(result, host=cut(result.host), vms=cut(result.vms))


def _point(
    result: Result,
    chosen: Chosen,
    packing_: Packing,
    needed: float,
    scale: float,
    costs: CostModel,
) -> Point:
    stalls = figures.stalls(result)
    worst = sorted(stalls, key=lambda name: (-stalls[name], name))[:3]
    host = result.host
    time = host["time"]  # where each row ends
    seconds = float(time[-1] - time[0]) * len(time) / max(1, len(time) - 1) or 1.0
    pages = {name: float(np.sum(result.of(name)["swap_in"])) * scale for name in worst}
    reads = float(np.sum(host["swap_in"])) * scale / seconds / PACE  # pages a second, of the host
    notes = [
        f"{name}: {note}" for name, said in result.meta.get("notes", {}).items() for note in said
    ]
    return Point(
        what=chosen.what,
        ratio=chosen.ratio,
        vms=chosen.vms,
        needed=needed / packing_.room,
        stall=max(stalls.values(), default=0.0),
        mean_stall=float(np.mean(list(stalls.values()) or [0.0])),
        reading=reads * costs.swap_in / max(1, len(stalls)),
        waits=tuple(
            f"{name} {100 * stalls[name]:.2g} %"
            + (f", {format_size(round(read) * PAGE_BYTES)} read back" if read else "")
            for name, read in pages.items()
            if stalls[name] > 0
        ),
        swapped=float(np.mean(host["swapped"])) * scale,
        ballooned=float(np.mean(host["ballooned"])) * scale,
        swap_in=reads * PAGE_BYTES,
        notes=tuple(notes),
    )
