"""pageengine sweep: a grid of scenario values, in parallel, into one table."""

import argparse
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import Any

import numpy as np

from pageengine.cli import places, values
from pageengine.cli.console import Console, Usage
from pageengine.cli.stopping import Stop, add_max_time, seconds_of
from pageengine.lab import fields
from pageengine.lab.cluster import client
from pageengine.lab.estimate import estimate
from pageengine.lab.results import can_save
from pageengine.lab.sweep import grid, sweep
from pageengine.lab.workers import workers

HELP = "a grid of scenario values and seeds, in parallel, into one table"
DESCRIPTION = """\
Runs a scenario with every combination of the values given, each with several seeds, on all
processors or on a Dask cluster, and writes one row per run to a Parquet file: VMs carried and
refused, stall, what each technique gave back, time in each state.

A sweep that was stopped (Ctrl-C, SIGTERM, --max-time) keeps its finished runs beside the table and
goes on where it ended: call it again with the same arguments."""
EPILOG = """\
examples:
  pageengine sweep lab.toml --vary host.memory=4GiB,6GiB,8GiB --seeds 5 -o lab.parquet
  pageengine sweep lab.toml --vary policy=esx6,kvm --vary vm.count=8,12,16 -o lab.parquet
  pageengine sweep lab.toml --vary vm.web.workload.rate=1000,2000,4000 -o lab.parquet
  pageengine sweep lab.toml --vary policy.idle_tax=0,0.5,0.75 --dask tcp://head:8786 -o lab.parquet

exit status 130 after Ctrl-C, 143 after SIGTERM, 124 after --max-time.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("scenario", metavar="SCENARIO", help="scenario file (TOML)")
    parser.add_argument(
        "--vary",
        action="append",
        default=[],
        metavar="KEY=A,B,...",
        help="values of a key (see --set), or policy; repeat for more",
    )
    values.add_seeds(parser, 3)
    parser.add_argument("-o", "--output", required=True, metavar="FILE", help="the table (Parquet)")
    values.add_jobs(parser)
    values.add_dask(parser, "run")
    values.add_set(parser)
    add_max_time(parser)


def run(arguments: argparse.Namespace, console: Console) -> int:
    vary = _varied(arguments.vary)
    scenario, seeds, limit = values.load(arguments), values.seeds(arguments), seconds_of(arguments)
    if not can_save():
        raise Usage('tables are written by the package pyarrow: pip install "pageengine[report]"')
    places.file(arguments.output, makes_folder=True)
    cells = len(grid(vary, seeds))
    jobs = values.jobs(arguments, cells, estimate(scenario).memory)
    rows: list[dict[str, Any]] = []
    with Stop(limit) as stop, console.progress() as show:
        try:
            with _executor(arguments, jobs) as executor:
                rows = sweep(
                    scenario,
                    vary,
                    seeds=seeds,
                    executor=executor,
                    output=arguments.output,
                    progress=lambda done, total: show("sweep", scenario.name, done, total),
                    stop=stop,
                )
                if len(rows) < cells:
                    raise _Incomplete  # ends what still runs
        except _Incomplete:
            pass
    partial = stop.why if len(rows) < cells else ""
    means = _means(list(vary), rows)
    console.result(
        {
            "rows": rows,
            "means": means,
            "runs": cells,
            "partial": partial,
            "output": arguments.output,
        }
    )
    _tell(console, list(vary), means)
    if partial:
        console.say(
            f"Incomplete: {partial} after {len(rows)} of {cells} runs; there is no "
            f"{arguments.output} yet. Called again, it goes on from here.",
            style="bold red",
        )
        return stop.status
    console.say(f"{len(rows)} runs in {arguments.output}")
    return 0


class _Incomplete(Exception):
    """The sweep was stopped."""


def _varied(texts: list[str]) -> dict[str, list[Any]]:
    vary: dict[str, list[Any]] = {}
    for text in texts:
        key, sign, given = text.partition("=")
        each = [fields.value(part) for part in fields.split(given)]
        if not sign or not key.strip() or "" in each:
            raise Usage(f"--vary {text}: write KEY=VALUE,VALUE, such as host.memory=4GiB,6GiB")
        if key.strip() in vary:
            raise Usage(f"--vary {key.strip()} is given twice: write its values into one list")
        vary[key.strip()] = each
    return vary


@contextmanager
def _executor(arguments: argparse.Namespace, jobs: int) -> Iterator[Executor]:
    if arguments.dask is None:
        with workers(jobs) as pool:
            yield pool
        return
    with client(arguments.dask, jobs) as (opened, _):
        yield opened.get_executor()


def _means(keys: list[str], rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Means over the seeds, of the figures that the table shows."""
    groups: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault(tuple(str(row[key]) for key in keys), []).append(row)
    figures = ("carried", "refused", "stall", "worst_stall")
    return [
        {
            "values": {key: found[0][key] for key in keys},
            "runs": len(found),
            **{name: float(np.mean([row[name] for row in found])) for name in figures},
        }
        for found in groups.values()
    ]


def _tell(console: Console, keys: list[str], means: list[dict[str, Any]]) -> None:
    console.table(
        "Means over the seeds",
        (*keys, "carried", "refused", "stalled", "worst VM"),
        [
            (
                *(str(row["values"][key]) for key in keys),
                f"{row['carried']:.1f}",
                f"{row['refused']:.1f}",
                f"{100 * row['stall']:.2f} %",
                f"{100 * row['worst_stall']:.1f} %",
            )
            for row in means
        ],
        texts=len(keys),
        caption="carried: VMs that stalled for less than 5 % of their time",
    )
