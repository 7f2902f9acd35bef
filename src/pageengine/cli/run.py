"""pageengine run: a scenario, simulated."""

import argparse
import time
from collections.abc import Callable

from pageengine import report
from pageengine.cli import checkpoints, fleets, outcome, places, values
from pageengine.cli.console import Console, Show, Usage, size
from pageengine.cli.outcome import Correction
from pageengine.cli.stopping import Stop, add_max_time, seconds_of
from pageengine.lab import build, resume
from pageengine.lab.estimate import Pace, estimate
from pageengine.lab.results import can_save
from pageengine.lab.scenario import Scenario

HELP = "simulate a scenario: VMs, workloads, a policy, time"
DESCRIPTION = """\
Runs a scenario file: VMs with workloads on one host whose memory a policy divides, or, with a
section [fleet], on many, between which VMs move (--jobs at a time, or on a Dask cluster). With -o
the timelines are kept as Parquet, with a summary as JSON and a page with pictures. Before it starts
it says what memory and time it will take. Ctrl-C, SIGTERM and --max-time end it early; what was
recorded until then is told and saved all the same, and marked partial.

With --checkpoint 10min the whole state is written to checkpoint.pe beside the result every ten
minutes of simulated time, and --resume goes on from there, with the same result as if nothing had
been between. docs/checkpoints.md.

--set reaches every key of the file, options of workloads too; docs/scenarios.md has them all."""
EPILOG = """\
examples:
  pageengine run states -o out        a scenario that comes with it (pageengine examples)
  pageengine run lab.toml --policy kvm --seed 3
  pageengine run lab.toml --policy esx6:idle_tax=0.5
  pageengine run lab.toml --policy ./my_policy.py:MyPolicy
  pageengine run lab.toml --set host.memory='2 GiB' --set vm.web.workload.rate=5000
  pageengine run lab.toml --max-time 60s --json
  pageengine run few_hosts -o out --jobs 4
  pageengine run few_hosts --set fleet.placement=spread --dask tcp://head:8786
  pageengine run lab.toml -o out --checkpoint 10min
  pageengine run lab.toml -o out --checkpoint 10min --resume

exit status 130 after Ctrl-C, 143 after SIGTERM, 124 after --max-time.
"""

_TRIAL = 0.5  # seconds that may be spent on the estimate


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "scenario", metavar="SCENARIO", help="scenario file (TOML), or the name of an example"
    )
    parser.add_argument("-o", "--output", metavar="DIR", help="where the result goes")
    parser.add_argument(
        "--policy",
        metavar="P",
        help="another policy than the file's; with options of its own: esx6:idle_tax=0.5",
    )
    values.add_set(parser)
    values.add_seed(parser, "another seed than the file's")
    values.add_jobs(parser, "hosts of a fleet")
    values.add_dask(parser, "run the hosts of a fleet")
    checkpoints.add_arguments(parser)
    add_max_time(parser)


def run(arguments: argparse.Namespace, console: Console) -> int:
    scenario = values.load(arguments, arguments.policy, fleets=True)
    max_time = seconds_of(arguments)
    if arguments.output:
        if not can_save():
            raise Usage('-o needs the package pyarrow: pip install "pageengine[report]"')
        places.folder(arguments.output)
    kept = checkpoints.asked(arguments)
    if scenario.fleet is not None:
        hosts = scenario.fleet["hosts"]
        jobs = values.jobs(arguments, hosts, estimate(scenario).memory // hosts)
        return fleets.run(arguments, console, scenario, jobs, max_time, kept)
    values.jobs(arguments, 1)
    if arguments.dask is not None:
        raise Usage("--dask runs the hosts of a [fleet], and the scenario has one host")
    with Stop(max_time) as stop, console.progress() as show:
        said = None
        chosen = {"policy": arguments.policy, "seed": arguments.seed}
        if file := kept.found(console):
            made = resume.resumed(scenario, file, **chosen)
            kept.goes_on(console, made.host.time)
        else:
            if not arguments.json:
                said = _foretell(console, scenario, arguments.policy, max_time, stop)
            made = build.simulation(scenario, **chosen)
        told = follow(show, scenario.name, scenario, stop, Correction(console, said))
        told = kept.saving(made.save, made.host.time, told)
        result = build.run(scenario, **chosen, made=made, progress=told)
        if result.partial and stop.why:
            result.meta["partial"] = stop.why
        folder = report.save(result, arguments.output) if arguments.output else None
    console.result(
        {
            "summary": result.summary,
            **outcome.found(result),
            "meta": result.meta,
            "events": result.events,
            "digest": result.digest(),
            "output": folder,
        }
    )
    outcome.tell(console, result)
    console.say()
    outcome.end(console, result, folder)
    return stop.status if result.partial else 0


def _foretell(
    console: Console, scenario: Scenario, policy: str | None, max_time: float | None, stop: Stop
) -> float | None:
    guess = estimate(scenario, policy=policy, trial=_TRIAL, stop=stop)
    console.say(
        f"{scenario.name}: {len(scenario.vms)} VMs on {size(scenario.host['memory'])}, "
        f"{outcome.span(scenario.seconds)} in {guess.epochs:,} epochs; "
        f"{outcome.takes(guess, max_time)}"
    )
    return guess.seconds


def follow(
    show: Show,
    title: str,
    scenario: Scenario,
    stop: Stop | None = None,
    correction: Correction | None = None,
) -> Callable[[float, str], bool]:
    """The simulation's progress as a bar, with the time that is left by its own pace; what it
    returns tells the simulation whether to go on."""
    seconds, drawn, pace = scenario.seconds, 0.0, Pace(scenario)

    def progress(now: float, state: str = "") -> bool:
        nonlocal drawn
        left = pace.left(now)
        if correction:
            correction.hear(pace.taken, left)
        if time.monotonic() - drawn > 0.1 or now >= seconds:
            drawn = time.monotonic()
            rest = "" if left is None else f", {outcome.span(left)} left"
            show(title, f"{title}: {outcome.span(now)} {state:<5}{rest}", int(now), int(seconds))
        return not (stop and stop())

    return progress
