"""pageengine compare: policies side by side on one scenario."""

from pathlib import Path

from pageengine import report
from pageengine.cli import outcome
from pageengine.cli.console import Usage, size
from pageengine.cli.run import add_common_arguments, duration, follow, load
from pageengine.lab import build, figures
from pageengine.lab.compare import compare
from pageengine.lab.results import can_save

HELP = "policies side by side on one scenario, with a verdict"
DESCRIPTION = """\
Runs a scenario under two or more policies with the same seed, so with the same accesses, and
compares: how many machines each carries (stalled less than 5 % of their time), what memory it wins
by which technique, how long machines wait for memory, and which machine is worst off."""
EPILOG = """\
examples:
  pageengine compare compare --policy esx6 --policy kvm
  pageengine compare lab.toml --policy esx6 --policy kvm --policy freefirst -o out
  pageengine compare lab.toml --policy esx6 --policy mypkg:MyPolicy --json
"""


def add_arguments(parser) -> None:
    parser.add_argument("scenario", metavar="SCENARIO", help="scenario file (TOML)")
    parser.add_argument("--policy", action="append", default=[], metavar="P",
                        help="a policy; repeat for each; see pageengine policies")  # fmt: skip
    parser.add_argument("-o", "--output", metavar="DIR",
                        help="results go to DIR/POLICY, a picture to DIR/compare.png")  # fmt: skip
    add_common_arguments(parser)
    parser.add_argument("--seed", type=int, metavar="N", help="another seed than the file's")
    parser.add_argument("--max-time", metavar="TIME",
                        help="end each run after that much real time")  # fmt: skip


def run(arguments, console) -> int:
    scenario = load(arguments)
    limit = duration(arguments.max_time, "--max-time")
    if len(set(arguments.policy)) < 2:
        raise Usage("compare needs two policies: --policy esx6 --policy kvm")
    if arguments.output and not can_save():
        raise Usage('-o needs the package pyarrow: pip install "pageengine[report]"')
    for name in arguments.policy:
        build.check(scenario, name)
    with console.progress() as show:

        def one(scenario, *, policy, seed, progress):
            follower = follow(show, policy, scenario.seconds)
            return build.run(scenario, policy=policy, seed=seed, max_time=limit, progress=follower)

        comparison = compare(scenario, arguments.policy, seed=arguments.seed, run=one)
    console.result({"scenario": scenario.name, **comparison.to_dict()})
    _verdicts(console, scenario, comparison)
    _techniques(console, comparison)
    console.say()
    console.say(comparison.sentence(), style="bold")
    if arguments.output:
        _save(console, comparison, Path(arguments.output))
    return 0


def _verdicts(console, scenario, comparison) -> None:
    rows = [
        (
            v.policy + (" (partial)" if v.partial else ""), f"{v.carried} of {v.machines}",
            outcome.stalled(v.stall), f"{v.worst} {outcome.stalled(v.worst_stall)}",
            outcome.stalled(v.worst_minute),
            f"{v.swap_in:,.1f}" if v.swap_in else "-",
        )
        for v in comparison.verdicts
    ]  # fmt: skip
    console.table(
        f"{scenario.name}: {len(scenario.machines)} machines on {size(scenario.host['memory'])}",
        ("policy", "carried", "stalled", "worst machine", "worst minute", "swap-in/s"),
        rows,
        caption=f"carried: stalled less than {100 * figures.CARRIED_BELOW:g} % of the time; "
        "stalled: mean of all machines that ran; swap-in: pages per second",
    )
    for v in comparison.verdicts:
        if v.refused:
            console.say(f"{v.policy} refused {', '.join(v.refused)}.", style="dim")


def _techniques(console, comparison) -> None:
    names = list(comparison.verdicts[0].given_back)
    rows = [
        (v.policy, *(size(int(v.given_back[name])) for name in names), size(int(v.reclaimed)))
        for v in comparison.verdicts
    ]
    console.table("Memory reclaimed, mean of the run", ("policy", *names, "in all"), rows)


def _save(console, comparison, folder: Path) -> None:
    for name, result in comparison.results.items():
        report.save(result, folder / name.replace(":", "-"))
    if report.available():
        (folder / "compare.png").write_bytes(report.picture("compare", comparison.results))
    console.say(f"Saved in {folder}")
