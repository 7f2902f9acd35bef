"""pageengine sweep: a grid of scenario values, in parallel, into one table."""

import os
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager

from pageengine.cli.console import Usage
from pageengine.cli.run import add_common_arguments, load, value
from pageengine.lab.results import can_save
from pageengine.lab.sweep import sweep

HELP = "a grid of scenario values and seeds, in parallel, into one table"
DESCRIPTION = """\
Runs a scenario with every combination of the values given, each with several seeds, on all
processors or on a Dask cluster, and writes one row per run to a Parquet file: machines carried and
refused, stall, what each technique gave back, time in each state.

A sweep that was stopped goes on where it ended: call it again with the same arguments."""
EPILOG = """\
examples:
  pageengine sweep lab.toml --vary host.memory=4GiB,6GiB,8GiB --seeds 5 -o lab.parquet
  pageengine sweep lab.toml --vary policy=esx6,kvm --vary vm.count=8,12,16 -o lab.parquet
  pageengine sweep lab.toml --vary policy.idle_tax=0,0.5,0.75 --dask tcp://head:8786 -o lab.parquet
"""


def add_arguments(parser) -> None:
    parser.add_argument("scenario", metavar="SCENARIO", help="scenario file (TOML)")
    parser.add_argument("--vary", action="append", default=[], metavar="KEY=A,B,...",
                        help="values of a key (see --set), or policy; repeat for more")  # fmt: skip
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="runs of each (3)")
    parser.add_argument("-o", "--output", required=True, metavar="FILE", help="the table (Parquet)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N",
                        help="runs at a time (default: the number of CPUs)")  # fmt: skip
    parser.add_argument("--dask", metavar="ADDRESS", help="run on this Dask cluster instead")
    add_common_arguments(parser)


def run(arguments, console) -> int:
    scenario, vary = load(arguments), dict(_varied(text) for text in arguments.vary)
    if arguments.seeds < 1 or arguments.jobs < 1:
        raise Usage("--seeds and --jobs must be 1 or more")
    if not can_save():
        raise Usage('tables are written by the package pyarrow: pip install "pageengine[report]"')
    with _executor(arguments) as executor, console.progress() as show:
        rows = sweep(
            scenario, vary, seeds=range(1, arguments.seeds + 1), executor=executor,
            output=arguments.output,
            progress=lambda done, total: show("sweep", scenario.name, done, total),
        )  # fmt: skip
    console.result({"rows": rows, "output": arguments.output})
    _tell(console, list(vary), rows)
    console.say(f"{len(rows)} runs in {arguments.output}")
    return 0


def _varied(text: str):
    key, sign, values = text.partition("=")
    if not sign or not key or not values:
        raise Usage(f"--vary {text}: write KEY=VALUE,VALUE, such as host.memory=4GiB,6GiB")
    return key.strip(), [value(each.strip()) for each in values.split(",")]


@contextmanager
def _executor(arguments):
    if arguments.dask is None:
        with ProcessPoolExecutor(arguments.jobs) as pool:
            yield pool
        return
    try:
        from distributed import Client
    except ImportError:
        raise Usage('--dask needs distributed: pip install "pageengine[dask]"') from None
    with Client(arguments.dask) as client:
        yield client.get_executor()


def _tell(console, keys, rows) -> None:
    """Means over the seeds."""
    groups: dict[tuple, list] = {}
    for row in rows:
        groups.setdefault(tuple(row[key] for key in keys), []).append(row)

    def mean(found, name):
        return sum(row[name] for row in found) / len(found)

    console.table(
        "Means over the seeds", (*keys, "carried", "refused", "stalled", "worst machine"),
        [
            (*(str(each) for each in values), f"{mean(found, 'carried'):.1f}",
             f"{mean(found, 'refused'):.1f}", f"{100 * mean(found, 'stall'):.2f} %",
             f"{100 * mean(found, 'worst_stall'):.1f} %")
            for values, found in groups.items()
        ],
        texts=len(keys),
        caption="carried: machines that stalled for less than 5 % of their time",
    )  # fmt: skip
