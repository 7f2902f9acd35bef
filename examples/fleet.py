"""A fleet for a day: hosts with many VMs each, and VMs that move by the policy's advice.

    python examples/fleet.py                            200 hosts, 8,000 VMs, 24 hours
    python examples/fleet.py --hosts 8 --vms 320 --hours 2 --jobs 2
    python examples/fleet.py --dask tcp://head:8786     on a cluster; "local": on one here
    python examples/fleet.py --checkpoint day.pe        kept every hour; goes on from it, if there

A model to scale: a page stands for 64, so hosts of 16 GiB are 256 MiB here, and a link of 10 Gbit/s
moves 20 MB a second. Prints a line per hour; what moving gains is seen with --stay beside it.
"""

import argparse
import os
from collections.abc import Iterator
from typing import Any

import numpy as np

from pageengine.lab import Admission, Fleet, FleetResult, Precopy, VMSpec
from pageengine.units import MIB

KINDS = ("zipf", "moving", "idle", "heap", "sequential")


def all_vms(count: int, seed: int) -> Iterator[VMSpec]:
    """VMs of any size and habit."""
    draw = np.random.Generator(np.random.Philox(key=[seed, 0]))
    for number in range(count):
        kind = str(draw.choice(KINDS, p=[0.35, 0.2, 0.3, 0.1, 0.05]))
        work: dict[str, Any] = {"kind": kind, "rate": 2.0 if kind == "idle" else 40.0}
        if kind == "idle":
            work["fill"] = 50.0
        size = int(draw.choice([4, 8, 8, 16])) * MIB
        yield VMSpec(f"m{number}", size, work, driver=False, contents="mixed")


def day(
    hosts: int,
    vms: int,
    hours: float,
    stay: bool,
    checkpoint: str | None = None,
    seed: int = 1,
    **where: Any,
) -> FleetResult:
    """Runs a fleet. where: as for ``Fleet.run``."""
    fleet = Fleet(
        hosts,
        all_vms(vms, seed),
        memory="256 MiB",
        epoch=10.0,
        seed=seed,
        placement="spread",
        admission=Admission(full=1.2, unseen=0.5),
        migration=None if stay else Precopy(bandwidth="20 MB"),
    )
    if checkpoint and os.path.exists(checkpoint):
        fleet.resume(checkpoint)

    def tell(now: float, what: str) -> None:
        if what and now % 3600 == 0:
            print(f"hour {now / 3600:3.0f}: {what}", flush=True)
            if checkpoint:
                fleet.save(checkpoint)

    return fleet.run(3600 * hours, progress=tell, **where)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--hosts", type=int, default=200)
    parser.add_argument("--vms", type=int, default=8000)
    parser.add_argument("--hours", type=float, default=24)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--dask", metavar="ADDRESS", help="a Dask cluster, or 'local'")
    parser.add_argument("--checkpoint", metavar="FILE", help="where the fleet is kept every hour")
    parser.add_argument("--stay", action="store_true", help="nobody moves")
    for figure, value in day(**vars(parser.parse_args())).summary.items():
        print(f"{figure:14} {value:,.6g}")


if __name__ == "__main__":
    main()
