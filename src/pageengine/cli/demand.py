"""pageengine demand: what monitoring data say of the memory of VMs."""

import argparse
import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

from pageengine import demand, report
from pageengine.cli import places
from pageengine.cli.console import Console, percent, size
from pageengine.demand import Demand, DemandSummary, Sums
from pageengine.demand.grid import date
from pageengine.plumbing import writing

HELP = "what monitoring data say of the memory of VMs"
DESCRIPTION = f"""\
Reads what was measured of VMs over time and says what is in it: which VMs, how long, how complete,
and, of all of them together, what was provisioned against what was used and what was active. The
peak of the sum is what they needed at one moment; the maxima of each, added, are what a host for
all of them would need if every one had to have its own.

Files, or folders: {"; ".join(f"{each.kind} ({each.what})" for each in demand.READERS)}."""
EPILOG = """\
examples:
  pageengine demand rnd/2013-7 -o demand.png
  pageengine demand esxtop.csv
  pageengine demand vms.csv --unit MiB --step 300
  pageengine demand size.json used.json --label vm
  pageengine demand sum.json --column active --label pod
  pageengine demand recorded/ --json

What was wrong in a file is counted, with the place of the first, and what was done with it.
"""
_SPANS = ((2 * 86400.0, 86400.0, "days"), (2 * 3600.0, 3600.0, "hours"), (120.0, 60.0, "minutes"))


def _bytes(value: float) -> str:
    return size(round(value))


_ROWS: dict[str, Callable[[Sums], str]] = {
    "mean": lambda sums: _bytes(sums.mean),
    "P95": lambda sums: _bytes(sums.p95),
    "P99": lambda sums: _bytes(sums.p99),
    "peak": lambda sums: _bytes(sums.peak),
    "peak at (UTC)": lambda sums: date(sums.peak_time),
    "own maxima, added": lambda sums: _bytes(sums.maxima),
    "missing": lambda sums: percent(sums.missing, 1),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", nargs="+", metavar="FILE", help="file or folder of readings")
    add_reading(parser)
    parser.add_argument("-o", "--output", metavar="PNG", help="a picture of the sums over time")


def add_reading(parser: "argparse.ArgumentParser | argparse._ArgumentGroup") -> None:
    """How files of demand are read: the options of ``read``."""
    parser.add_argument(
        "--kind",
        choices=[each.kind for each in demand.READERS],
        help="what the files are (default: what they look like)",
    )
    parser.add_argument(
        "--unit", metavar="UNIT", help="of memory, where a table does not name it (default: B)"
    )
    parser.add_argument("--label", metavar="NAME", help="Prometheus: the label that names the VM")
    parser.add_argument(
        "--column",
        choices=demand.COLUMNS,
        help="Prometheus: what every series is, where its name does not say it",
    )
    parser.add_argument(
        "--step", type=float, metavar="SECONDS", help="of a slot (default: as it was measured)"
    )


def read(files: list[str], arguments: argparse.Namespace, console: Console) -> Demand:
    """What files or folders hold, while a bar shows how far it is."""
    with console.progress() as show:

        def progress(path: str, done: int, total: int) -> None:
            show(path, Path(path).name, done, total)

        return demand.load(
            *files,
            kind=arguments.kind,
            unit=arguments.unit,
            label=arguments.label,
            column=arguments.column,
            step=arguments.step,
            progress=progress,
        )


def run(arguments: argparse.Namespace, console: Console) -> int:
    if arguments.output:
        places.picture(arguments.output)
    found = read(arguments.file, arguments, console)
    summary = demand.summarise(found)
    console.result({"names": found.names, **dataclasses.asdict(summary)})
    _tell(summary, console)
    tell_found(summary.found, console)
    if arguments.output:
        _draw(found, arguments.output, console)
    return 0


def _tell(summary: DemandSummary, console: Console) -> None:
    begin, end = (date(each) for each in (summary.start, summary.start + summary.span))
    missing = f"{percent(summary.missing, 1)} of the readings are missing"
    console.say(
        f"{summary.vms} VMs, {span(summary.span)} from {begin} to {end} UTC: {summary.slots} "
        f"slots of {span(summary.step)}; "
        f"{missing if summary.missing else 'no reading is missing'}."
    )
    kinds = {"provisioned": summary.size, "used": summary.used, "active": summary.active}
    there = {name: each for name, each in kinds.items() if each is not None}
    left_out = max((each.left_out for each in there.values()), default=0)
    console.table(
        "Memory of all VMs together",
        ("", *there),
        [(what, *map(tell, there.values())) for what, tell in _ROWS.items()],
        caption="P95, P99: the sum is at most that in 95, 99 of 100 slots. Left out of the sums: "
        f"{left_out} slots in which under 80 % of the VMs were read.",
    )
    absent = [name for name, each in kinds.items() if each is None]
    if absent:
        console.say(f"Not in the data: {', '.join(absent)}.")


def tell_found(found: Sequence[str], console: Console) -> None:
    """What was wrong in the files."""
    if found:
        console.heading("Passed over, or mended")
        for line in found:
            console.say(f"- {line}")


def _draw(found: Demand, path: str, console: Console) -> None:
    with writing.whole(path) as file:
        file.write(report.picture("demand", found))
    console.say(f"Saved {path}")


def span(seconds: float) -> str:
    """A time as text."""
    for least, factor, name in _SPANS:
        if seconds >= least:
            return f"{seconds / factor:.3g} {name}"
    return f"{seconds:.3g} s"
