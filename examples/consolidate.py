"""How few hosts hold what was measured of real VMs, by policy, with and without VMs that move.

    python examples/consolidate.py rnd/2013-7 -o consolidated.png
    python examples/consolidate.py rnd/2013-7 --days 1 --every 5 --memory "64 GiB" --jobs 2

FILE is anything that `pageengine demand` reads, such as the folder of the Bitbrains trace (Grid
Workloads Archive T-12, "rnd"). Every VM follows its readings, touches what is active once from one
to the next, and holds all of its memory when it begins. What guests would give a balloon no such
data tell: there are none, hosts page. VMs are spread over n hosts; the least n is looked for
with which VMs wait for memory more than 1 % of an hour in less than 1 % of all hours, up and down
from where all working sets together fit 99 % of the time, or from --first. Where VMs move,
they even hosts out. A page stands for --scale; costs, links and what ESX keeps free go with it.
"""

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from pageengine import demand as measured, report
from pageengine.lab import Admission, CostModel, Fleet, FleetResult, Precopy, VMSpec
from pageengine.lab.choice import parse
from pageengine.policy import Policy, table
from pageengine.units import PAGE_BYTES, parse_size

POLICIES = ("esx6", "esx6:idle_tax=0", "kvm:balloon=false", "plain")
WAITS, OFTEN = 0.01, 0.01  # the objective
EPOCH, ROUND = 300.0, 3600.0
DAY, SETTLES = 86400.0, 3600.0  # the first hour, in which hosts come to rest, is not judged


def specs(demand: measured.Demand, scale: float) -> Iterator[VMSpec]:
    """A VM for each of which size and use were read."""
    times = demand.step * np.arange(demand.slots)
    for name, size, active in zip(demand.names, demand.size, demand.active, strict=True):
        if not (np.isfinite(active).any() and np.isfinite(size).any()):
            continue
        pages = max(1, round(float(np.nanmax(size)) / scale / PAGE_BYTES))
        series = np.column_stack((times, active))
        work = {"kind": "demand", "series": series, "scale": scale, "interval": demand.step}
        yield VMSpec(name, pages * PAGE_BYTES, work, contents="mixed", driver=False)


def in_scale(told: str, scale: float) -> Policy:
    """A policy with its options, as "esx6:idle_tax=0.5"."""
    name, options = parse(told)
    if "miniature" in table.entry_of(name).options:
        options.setdefault("miniature", 1 / scale)
    return table.find(name, **options)


def run(
    vms: list[VMSpec], hosts: int, *, step: float, policy: str, moves: bool, told: Any
) -> FleetResult:
    """So many hosts for the time that was asked for. step: seconds between readings."""
    fleet = Fleet(
        hosts,
        vms,
        memory=parse_size(told.memory) // int(told.scale * PAGE_BYTES) * PAGE_BYTES,
        policy=in_scale(policy, told.scale),
        placement="spread",
        admission=Admission(full=100.0, unseen=0.2),
        migration=Precopy(bandwidth=int(1.25e9 / told.scale)) if moves else None,
        leaving="balance",
        costs=CostModel().of_pages(told.scale),
        host={"estimator": {"kind": "accessed-bits", "period": step}},
        epoch=EPOCH,
        round=ROUND,
        seed=told.seed,
    )

    def hopeful(now: float, what: str) -> bool:
        """Whether the objective can still be held; asked after each round."""
        part = max(0.0, now - SETTLES) / (told.days * DAY - SETTLES)
        if what and sys.stderr.isatty():
            done = f"{policy}, {hosts} hosts: {now / DAY:.2f} of {told.days:g} days, {what}"
            print(f"{done:<70}\r", end="", file=sys.stderr, flush=True)
        return not what or waits(fleet.so_far()) * part < OFTEN

    result = fleet.run(told.days * DAY, jobs=told.jobs, dask=told.dask, progress=hopeful)
    print(f"{policy}, {hosts} hosts: {said(result, told.scale)}", file=sys.stderr, flush=True)
    return result


def waits(result: FleetResult) -> float:
    """Part of the VMs' rounds in which they waited longer than the objective allows."""
    judged = np.asarray(result.vms["stall"])[np.asarray(result.vms["time"]) > SETTLES]
    return float(np.mean(judged > WAITS)) if len(judged) else 0.0


def held(result: FleetResult) -> bool:
    """Whether the objective was held until the end."""
    return not result.partial and waits(result) < OFTEN


def fewest(
    run_on: Callable[[int], FleetResult], first: int, most: int
) -> tuple[int, FleetResult | None]:
    """The least number of hosts that hold the objective, and their result; None: not even most."""
    best, n, failed = None, first, 0
    while n > failed:  # down as long as it holds, or up until it does
        result = run_on(n)
        if held(result):
            best, n = result, n - 1
        elif best is not None or n == most:
            break
        else:
            n, failed = n + 1, n
    return (n + 1, best) if best is not None else (n, None)


def said(best: FleetResult, scale: float) -> str:
    """What the objective cost."""
    sent = best.summary["bytes_moved"] * scale / 2**30
    until = f", given up after {best.vms['time'].max() / DAY:.2f} days" if best.partial else ""
    return (
        f"waited too long in {100 * waits(best):.2f} % of hours, mean "
        f"{100 * best.summary['stall']:.3f} %, {best.summary['moved']} moved, {sent:,.0f} GiB sent"
        f"{until}"
    )


def draw(rows: list[tuple[str, bool, int, FleetResult | None]], provisioned: float) -> Any:
    """Hosts by policy, those of VMs that move beside those of VMs that stay."""

    def bars(figure: Any) -> None:
        axes = figure.subplots()
        for moves, shift, color in ((False, 0.2, "#999999"), (True, -0.2, "#0072B2")):
            counts = [n for _, each, n, _ in rows if each is moves]
            places = np.arange(len(counts))[::-1] + shift
            label = "VMs move" if moves else "VMs stay"
            axes.barh(places, counts, height=0.38, color=color, label=label)
            for place, count in zip(places, counts, strict=True):
                axes.text(count + 0.05, place, str(count), va="center")
        names = list(dict.fromkeys(policy for policy, *_ in rows))
        axes.set_yticks(np.arange(len(names))[::-1], names)
        axes.axvline(provisioned, color="#D55E00", ls="--", label="all that is provisioned")
        axes.set_xlabel("hosts")
        axes.set_title("Hosts that hold the objective")
        axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1))

    return report.made(bars, (9.5, 3.6))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("file", nargs="+", help="monitoring data")
    parser.add_argument("--days", type=float, default=7)
    parser.add_argument("--every", type=int, default=1, help="only every n-th VM")
    parser.add_argument("--memory", default="128 GiB", help="of a host")
    parser.add_argument("--scale", type=float, default=1024, help="pages that one stands for")
    parser.add_argument("--policy", action="append", help="repeat for more")
    parser.add_argument("--first", type=int, help="hosts to begin with")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--dask", metavar="ADDRESS", help="a Dask cluster, or 'local'")
    parser.add_argument("-o", "--output", default="consolidated.png")
    told = parser.parse_args()
    loaded = measured.load(*told.file)
    demand = loaded.only(loaded.names[:: told.every])
    demand = demand.between(demand.start, demand.start + told.days * DAY)
    vms = list(specs(demand, told.scale))
    memory = parse_size(told.memory)
    together = np.nansum(demand.only([vm.name for vm in vms]).active, axis=0)
    first = max(1, int(np.ceil(np.quantile(together, 1 - OFTEN) / memory)))
    provisioned = sum(parse_size(vm.size) for vm in vms) * told.scale / memory
    print(
        f"{len(vms)} VMs, {told.days:g} days, hosts of {told.memory}: provisioned for "
        f"{provisioned:.1f} hosts, working sets fill {together.mean() / memory:.1f} on average, "
        f"{together.max() / memory:.1f} at most",
        flush=True,
    )
    rows = []
    for policy in told.policy or POLICIES:
        n = told.first or first
        for moves in (False, True):  # moving: one host less
            tried = partial(run, vms, step=demand.step, policy=policy, moves=moves, told=told)
            n, best = fewest(tried, max(1, n - moves), int(provisioned) + 1)
            rows.append((policy, moves, n, best))
            print(f"{policy:10} {'moving' if moves else 'staying':8} {n:4} hosts:", end=" ")
            print(f"{'not held' if best is None else said(best, told.scale):<50}", flush=True)
    with open(told.output, "wb") as file:
        file.write(report.saved(draw(rows, provisioned)))


if __name__ == "__main__":
    main()
