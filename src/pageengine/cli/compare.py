"""pageengine compare: policies side by side on one scenario."""

import argparse
from collections.abc import Callable
from pathlib import Path

from pageengine import report
from pageengine.cli import outcome, places, values
from pageengine.cli.console import Console, Usage, size
from pageengine.cli.run import follow
from pageengine.cli.stopping import Stop, add_max_time, seconds_of
from pageengine.lab import choice, figures
from pageengine.lab.compare import compare
from pageengine.lab.estimate import estimate
from pageengine.lab.intervals import Interval
from pageengine.lab.results import can_save
from pageengine.lab.scenario import Scenario
from pageengine.lab.standings import OBJECTIVE, Comparison
from pageengine.plumbing import writing

HELP = "policies side by side on one scenario, with a verdict"
DESCRIPTION = f"""\
Runs a scenario under two or more policies with the same seeds, so with the same accesses, and
compares: how many VMs each carries (stalled less than 5 % of their time), what memory it wins
by which technique, how long VMs wait for memory, and which VM is worst off.

The verdict goes by {OBJECTIVE}.
With --seeds N every figure has its 95 % interval (Student's t), and a difference counts only when
its own, taken seed by seed, does not include 0. One seed has no interval.

A policy is a name (pageengine policies), module:Class, or file.py:Class; options of its own follow
after colons. With --from CHECKPOINT all policies begin at the same moment of the same host, as
``pageengine run --checkpoint`` left it; what comes before it is in no figure. Options of the file
go to each policy that has them; those left out are named."""
EPILOG = """\
examples:
  pageengine compare compare --policy esx6 --policy kvm
  pageengine compare lab.toml --policy esx6 --policy kvm --policy free-first --seeds 5 -o out
  pageengine compare lab.toml --policy esx6:idle_tax=0 --policy esx6:idle_tax=0.75
  pageengine compare lab.toml --policy esx6 --policy ./my_policy.py:MyPolicy --json
  pageengine compare lab.toml --from out/checkpoint.pe --policy esx6 --policy kvm

exit status 130 after Ctrl-C and 124 after --max-time: what is complete is shown and saved, and
there is no verdict.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("scenario", metavar="SCENARIO", help="scenario file (TOML)")
    parser.add_argument(
        "--policy",
        action="append",
        default=[],
        metavar="P",
        help="a policy; repeat for each; see pageengine policies",
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="DIR",
        help="results go to DIR/POLICY (with --seeds to DIR/POLICY/SEED), a page "
        "to DIR/compare.html, a picture to DIR/compare.png",
    )
    parser.add_argument(
        "--from",
        dest="start",
        metavar="CHECKPOINT",
        help="every policy goes on from this moment of this host (pageengine run --checkpoint)",
    )
    values.add_set(parser)
    values.add_seed(parser, "another seed than the file's")
    values.add_seeds(parser, 1)
    values.add_jobs(parser)
    add_max_time(parser)


def run(arguments: argparse.Namespace, console: Console) -> int:
    policies = list(dict.fromkeys(arguments.policy))
    if len(policies) < 2:
        raise Usage("compare needs two policies: --policy esx6 --policy kvm")
    scenario = values.load(arguments, *policies)
    limit, seeds = seconds_of(arguments), values.seeds(arguments)
    if len(seeds) > 1 and arguments.seed is not None:
        raise Usage("--seed is one seed and --seeds several: give one of them")
    if arguments.start and (len(seeds) > 1 or arguments.seed is not None):
        raise Usage("--from goes on with the seed of its checkpoint: leave --seed and --seeds out")
    if arguments.output:
        if not can_save():
            raise Usage('-o needs the package pyarrow: pip install "pageengine[report]"')
        places.folder(arguments.output)
    jobs = values.jobs(arguments, len(policies) * len(seeds), estimate(scenario).memory)
    with Stop(limit) as stop, console.progress() as show:

        def one(policy: str, seed: int | None) -> Callable[[float, str], bool]:
            title = f"{policy}, seed {seed}" if len(seeds) > 1 else policy
            return follow(show, title, scenario, stop)

        comparison = compare(
            scenario,
            policies,
            seed=arguments.seed,
            seeds=seeds if len(seeds) > 1 else (),
            start=arguments.start,
            jobs=jobs,
            follow=one,
        )
        folder = Path(arguments.output) if arguments.output else None
        if folder and comparison.standings:
            _save(comparison, scenario, folder)
    left = {name: list(found) for name in policies if (found := choice.choose(scenario, name).left)}
    console.result(
        {
            "scenario": scenario.name,
            "memory": scenario.host["memory"],
            "vms": len(scenario.vms),
            **comparison.to_dict(),
            "left_out": left,
            **({"partial": stop.why} if stop.why and comparison.partial else {}),
            "output": folder,
        }
    )
    if comparison.standings:
        _standings(console, scenario, comparison)
        _techniques(console, comparison)
    every = [each for found in left.values() for each in found]
    _end(console, comparison, stop, every, folder, branch=bool(arguments.start))
    return stop.status if comparison.partial else 0


def _end(
    console: Console,
    comparison: Comparison,
    stop: Stop,
    left: list[str],
    folder: Path | None,
    *,
    branch: bool,
) -> None:
    for each in left:
        console.say(f"Left out: {each}.", style="yellow")
    console.say()
    if comparison.partial:
        console.say(
            f"No verdict: {stop.why or comparison.partial}. Shown are the runs that came "
            "to their end.",
            style="bold red",
        )
    else:
        console.say(comparison.sentence(), style="bold")
        if len(comparison.seeds) == 1 and not branch:
            console.say(
                "One seed has no interval: --seeds 5 says how much of it is chance.", style="dim"
            )
    if folder and comparison.standings:
        console.say(f"Saved in {folder}")


def _standings(console: Console, scenario: Scenario, comparison: Comparison) -> None:
    seeds = len(comparison.seeds)
    rows = [
        (
            one.policy,
            f"{one.interval('carried').mean:.3g} of {one.runs[0].vms}",
            _share(one.interval("stall")),
            f"{one.worst} {_share(one.interval('worst_stall'))}",
            _share(one.interval("worst_minute")),
            f"{one.interval('swap_in').mean:,.1f}" if one.interval("swap_in").mean else "-",
        )
        for one in comparison.standings
    ]
    over = f"; mean of {seeds} seeds ± half of the 95 % interval" if seeds > 1 else ""
    console.table(
        f"{scenario.name}: {len(scenario.vms)} VMs on {size(scenario.host['memory'])}",
        ("policy", "carried", "stalled", "worst VM", "worst minute", "swap-in/s"),
        rows,
        caption=f"carried: stalled less than {100 * figures.CARRIED_BELOW:g} % of the time; "
        f"stalled: mean of all VMs that ran; swap-in: pages per second{over}",
    )
    for one in comparison.standings:
        refused = dict.fromkeys(name for run in one.runs for name in run.refused)
        if refused:
            console.say(f"{one.policy} refused {', '.join(refused)}.", style="dim")


def _share(found: Interval) -> str:
    half = "" if found.half is None else f" ± {100 * found.half:.2f}"
    return f"{100 * found.mean:.2f}{half} %" if half else outcome.stalled(found.mean)


def _techniques(console: Console, comparison: Comparison) -> None:
    names = list(comparison.standings[0].given_back)
    rows = [
        (
            one.policy,
            *(size(int(one.given_back[name])) for name in names),
            size(int(sum(one.given_back.values()))),
            size(int(one.interval("untouched").mean)),
        )
        for one in comparison.standings
    ]
    console.table(
        "Memory reclaimed, mean of the run",
        ("policy", *names, "in all", "untouched"),
        rows,
        caption="untouched: in balloons, and beyond what the VM used under any of the "
        "policies; no memory is won by it, and it is in no other column",
    )


def _save(comparison: Comparison, scenario: Scenario, folder: Path) -> None:
    taken: dict[str, int] = {}
    for policy, runs in comparison.runs.items():
        name = choice.folder_of(policy)
        taken[name] = taken.get(name, 0) + 1
        place = folder / (name if taken[name] == 1 else f"{name}-{taken[name]}")
        for seed, result in zip(comparison.seeds, runs, strict=True):
            report.save(result, place if len(comparison.seeds) == 1 else place / str(seed))
    if report.available():
        with writing.together() as files:
            files.open(folder / "compare.png").write(report.picture("compare", comparison.results))
            page = report.comparison(comparison, scenario.name)
            files.open(folder / "compare.html").write(page.encode())
