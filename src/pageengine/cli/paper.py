"""pageengine paper: published experiments run again, number beside number."""

import argparse
from pathlib import Path

from pageengine import papers, report
from pageengine.cli import places, values
from pageengine.cli.console import Console, Usage
from pageengine.cli.stopping import Stop, Stopped, add_max_time, seconds_of
from pageengine.papers import page
from pageengine.papers.base import Outcome

HELP = "published experiments run again, number beside number"
DESCRIPTION = """\
Runs published experiments, and the questions they leave open, and puts what is found beside what
was printed, with the deviation and a verdict:

  reproduced   every number with a tolerance lies within it
  shape only   the source prints no number to be held to; what it says of the shape holds
  missed       a number lies outside its tolerance, or something said does not hold
  not claimed  shown for comparison

Numbers are marked as read in the source, recalled from notes of it, or derived from what it says.
Exit status 1 when anything is missed; 130 after Ctrl-C and 124 after --max-time: what is complete
is shown, and an experiment that was cut short has no verdict."""
EPILOG = """\
examples:
  pageengine paper                  all of them, in under three minutes
  pageengine paper fig7 fig4        these, in full
  pageengine paper --list           what there is
  pageengine paper --max-time 30s   as many as come to their end in that time
  pageengine paper -o out           a page, and every figure as a picture
  pageengine paper live             real guests beside the lab; only where it is named, as root
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("experiment", nargs="*", metavar="EXPERIMENT", help="by name; default all")
    parser.add_argument("--list", action="store_true", help="say what there is, run nothing")
    parser.add_argument(
        "-o",
        "--output",
        metavar="DIR",
        help="write DIR/reproduction.md and DIR/pictures/paper/*.png",
    )
    values.add_seed(parser, "other random draws", 0)
    values.add_jobs(parser, "experiments")
    parser.add_argument(
        "--fetch",
        action="store_true",
        help="have fetched what an experiment needs (live: a kernel, by apt-get download)",
    )
    add_max_time(parser)


def run(arguments: argparse.Namespace, console: Console) -> int:
    names = list(dict.fromkeys(arguments.experiment)) or list(papers.EXPERIMENTS)
    if arguments.list and not arguments.experiment:
        names += papers.NAMED
    for name in names:
        papers.experiment(name)
    limit = seconds_of(arguments)
    jobs = values.jobs(arguments, len(names))
    if arguments.list:
        if arguments.output:
            raise Usage("--list runs nothing and writes nothing: leave -o out")
        return _list(names, console)
    if arguments.output:
        if not report.available():
            raise Usage('-o needs the package matplotlib: pip install "pageengine[report]"')
        places.folder(arguments.output)
    if arguments.fetch:
        for name in names:
            papers.fetch(name)
    skipped = {name: why for name in names if (why := papers.missing(name))}
    for name, why in skipped.items():
        console.say(f"{name}: skipped: {why}")
    names = [name for name in names if name not in skipped]
    if not names:
        return _end(arguments, console, names, [], Stop(limit), skipped)
    outcomes: list[Outcome] = []
    stop = Stop(limit, at_once=True)
    try:
        with stop, console.progress() as show:
            show("paper", names[0], 0, len(names))
            for outcome in papers.run_all(names, arguments.seed, jobs):
                outcomes.append(outcome)
                show("paper", outcome.name, len(outcomes), len(names))
                if arguments.experiment:
                    _in_full(outcome, console)
    except Stopped:
        pass
    return _end(arguments, console, names, outcomes, stop, skipped)


def _end(
    arguments: argparse.Namespace,
    console: Console,
    names: list[str],
    outcomes: list[Outcome],
    stop: Stop,
    skipped: dict[str, str],
) -> int:
    outcomes = sorted(outcomes, key=lambda outcome: names.index(outcome.name))
    if len(outcomes) > 1:
        _summary(outcomes, console)
    if arguments.output and outcomes:
        folder = page.save(outcomes, Path(arguments.output))
        console.say(f"written to {folder}")
    missed = [outcome.name for outcome in outcomes if outcome.verdict == "missed"]
    left = [name for name in names if name not in {outcome.name for outcome in outcomes}]
    console.result(
        {
            "experiments": [o.to_dict() for o in outcomes],
            "missed": missed,
            "left": left,
            "skipped": skipped,
            "partial": stop.why if left else "",
        }
    )
    if left:
        console.say(
            f"Incomplete: {stop.why}; not run to their end: {', '.join(left)}.", style="bold red"
        )
        return stop.status
    return 1 if missed else 0


def _list(names: list[str], console: Console) -> int:
    modules = [papers.experiment(name) for name in names]
    console.result(
        {
            name: {"title": module.TITLE, "source": module.SOURCE}
            for name, module in zip(names, modules, strict=True)
        }
    )
    rows = [(n, m.TITLE, m.SOURCE) for n, m in zip(names, modules, strict=True)]
    console.table("Experiments", ("name", "what", "source"), rows, texts=3)
    return 0


def _in_full(outcome: Outcome, console: Console) -> None:
    module = papers.experiment(outcome.name)
    console.heading(f"{outcome.name}: {module.TITLE}")
    console.say(module.SOURCE, style="dim")
    console.say(page.flowing(module.SETUP))
    if outcome.numbers:
        console.table(
            "Numbers",
            ("", "published", "here", "deviation", "tolerance", "known"),
            [page.row(number) for number in outcome.numbers],
        )
    for table in outcome.tables:
        console.table(table.title, table.columns, [tuple(row) for row in table.rows])
    if outcome.claims:
        rows = [(claim.says, "yes" if claim.holds else "NO") for claim in outcome.claims]
        console.table("What is said", ("", "holds"), rows)
    console.say()
    for text in (outcome.answer, page.flowing(module.NOTE)):
        if text:
            console.say(text)
    console.say(f"{outcome.verdict} ({outcome.seconds:.1f} s)", style="bold")


def _summary(outcomes: list[Outcome], console: Console) -> None:
    rows = []
    for outcome in outcomes:
        held = [number for number in outcome.numbers if number.met is not None]
        worst = max((abs(number.deviation or 0.0) for number in held), default=None)
        rows.append(
            (
                outcome.name,
                papers.experiment(outcome.name).TITLE,
                outcome.verdict,
                f"{sum(bool(number.met) for number in held)} of {len(held)}" if held else "",
                "" if worst is None else f"{100 * worst:.1f} %",
                f"{sum(claim.holds for claim in outcome.claims)} of {len(outcome.claims)}"
                if outcome.claims
                else "",
                f"{outcome.seconds:.1f}",
            )
        )
    console.table(
        "Experiments", ("", "what", "verdict", "numbers", "worst", "claims", "s"), rows, texts=3
    )
    counts = {v: sum(o.verdict == v for o in outcomes) for v in papers.VERDICTS}
    console.say(", ".join(f"{n} {v}" for v, n in counts.items() if n), style="bold")
