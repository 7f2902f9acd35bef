"""pageengine advise: how far may I go?"""

import argparse
from collections.abc import Mapping

from pageengine import report
from pageengine.cli import places, planning, values
from pageengine.cli.console import Console, Usage, size
from pageengine.cli.stopping import Stop, add_max_time, seconds_of
from pageengine.lab.advice import Advice
from pageengine.lab.advise import advise, bounds
from pageengine.lab.curve import POINTS, Curve, Cut, curve
from pageengine.lab.estimate import estimate
from pageengine.lab.objective import METRICS, Objective
from pageengine.lab.scenario import Scenario
from pageengine.plumbing import writing
from pageengine.units import parse_size

HELP = "how far to go: most VMs, least memory, for an objective"
DESCRIPTION = f"""\
Searches for the most VMs (--vary vm.count) or the least memory (host.memory,
vm.NAME.balloon_min, vm.NAME.reservation, vm.NAME.limit) with which an objective still holds, once
for each of several seeds: first at both ends of the scale and where one LRU that the VMs share
would end the objective, which is told from each VM alone (or over the whole scale coarsely, where
that cannot be told), then by halving. The advice is the careful end of the band, and every seed is
tried there. What the runs did not try (memory that was never used, working sets that were not
filled, chance) is said, and so is a curve that turns back.

vm.count keeps the mix of the scenario's VMs as nearly as whole numbers can, and shows it.

--curve shows instead how much memory each VM needs: its slowdown at twenty sizes, alone, and
the knee below which it becomes slow quickly.

--demand FILE says instead how many VMs a host holds, from what monitoring data say of
them (pageengine demand reads the same files): the ratio of provisioned memory to the host's at
which what they need fits, --fits of the time, on --confidence of hosts drawn at random; what the
others see; a few such hosts simulated under --policy; and how the same advice, given on the first
part of the data, would have fared in the rest, beside the rules of others.

Figures for --slo: {", ".join(METRICS)}."""
EPILOG = """\
examples:
  pageengine advise lab.toml --slo 'stall < 2%' --vary vm.count
  pageengine advise lab.toml --slo 'slowdown < 1.1' --vary host.memory --seeds 5
  pageengine advise lab.toml --slo 'minute < 10%' --vary vm.web.balloon_min --max-time '10 min'
  pageengine advise lab.toml --set vm.web.workload.rate=5000 --slo 'stall < 2%' --vary host.memory
  pageengine advise lab.toml --curve -o sizes.png
  pageengine advise --demand rnd/2013-7 --host '256 GiB' -o advice.png
  pageengine advise --demand vms.csv --host '64 GiB' --fits 99% --confidence 95% --policy kvm

exit status 1 when the objective holds nowhere; 130 after Ctrl-C and 124 after --max-time, without
advice: what was tried until then is shown.
"""

_AT_ONCE = 16  # more runs than that at a time hardly end a search sooner


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("scenario", nargs="?", metavar="SCENARIO", help="scenario file (TOML)")
    parser.add_argument("--slo", metavar="OBJECTIVE", help="what must hold: 'stall < 2%%'")
    parser.add_argument("--vary", metavar="KEY", help="what is searched: vm.count, host.memory ...")
    parser.add_argument("--from", dest="low", metavar="VALUE", help="least value to try")
    parser.add_argument("--to", dest="high", metavar="VALUE", help="greatest value to try")
    values.add_seeds(parser, planning.SEEDS)
    parser.add_argument(
        "--policy",
        metavar="P",
        help="another policy than the file's; with options of its own: esx6:idle_tax=0.5",
    )
    parser.add_argument("--curve", action="store_true", help="the right-sizing curve of each VM")
    parser.add_argument(
        "-o", "--output", "--plot", metavar="PNG", help="a picture, of --curve or of --demand"
    )
    values.add_set(parser)
    values.add_jobs(parser)
    planning.add_arguments(parser)
    add_max_time(parser)


def run(arguments: argparse.Namespace, console: Console) -> int:
    if arguments.demand:
        return planning.run(arguments, console)
    planning.refuse(arguments)
    if arguments.scenario is None:
        raise Usage("advise needs a SCENARIO, or --demand FILE with --host SIZE")
    scenario, seeds = values.load(arguments, arguments.policy), values.seeds(arguments)
    limit = seconds_of(arguments)
    if arguments.curve:
        return _curves(arguments, console, scenario, seeds, limit)
    if not arguments.slo or not arguments.vary:
        raise Usage("advise needs --slo 'stall < 2%' and --vary KEY, or --curve")
    if arguments.output:
        raise Usage("-o is the picture of --curve: give both, or neither (--json has the figures)")
    objective = Objective.parse(arguments.slo)
    bounds(scenario, arguments.vary)
    low, high = _limit(arguments, "low"), _limit(arguments, "high")
    jobs = values.jobs(arguments, _AT_ONCE, estimate(scenario).memory)
    with Stop(limit) as stop, console.progress() as show:

        def progress(value: int, seed: int, figure: float | None) -> None:
            what = "" if figure is None else f": {objective.show(figure)}"
            show("advise", f"{arguments.vary} {value}, seed {seed}{what}", 0, 0)

        advice = advise(
            scenario,
            objective,
            arguments.vary,
            policy=arguments.policy,
            seeds=seeds,
            low=low,
            high=high,
            jobs=jobs,
            progress=progress,
            stop=stop,
        )
    console.result({**advice.to_dict(), "partial": stop.why if advice.partial else ""})
    _tried(console, advice)
    console.say()
    if advice.partial:
        console.say(
            f"No advice: {stop.why or advice.partial}. Shown are the runs that came to their end.",
            style="bold red",
        )
        return stop.status
    console.say(advice.sentence(), style="bold")
    for warning in advice.warnings():
        console.say(warning, style="yellow")
    return 0 if advice.value is not None else 1


def _tried(console: Console, advice: Advice) -> None:
    objective = advice.objective
    tried = sorted({value for value, _, _ in advice.tried})
    figures = {(value, seed): figure for value, seed, figure in advice.tried}
    seeds = list(dict.fromkeys(seed for _, seed, _ in advice.tried))

    def cell(value: int, seed: int) -> str:
        figure = figures.get((value, seed))
        if figure is None:
            return ""
        return "does not fit" if figure == float("inf") else objective.show(figure)

    counted = advice.key.endswith(".count")
    console.table(
        f"{objective.metric} by {advice.key} and seed",
        (advice.key, *(["vms"] if counted else []), *(f"seed {seed}" for seed in seeds)),
        [
            (
                advice.show(value),
                *([_mix(advice.mixes.get(value, {}))] if counted else []),
                *(cell(value, seed) for seed in seeds),
            )
            for value in tried
        ],
        texts=2 if counted else 1,
        caption=METRICS[objective.metric].says,
    )


def _mix(mix: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in mix.items())


def _limit(arguments: argparse.Namespace, name: str) -> int | None:
    text = getattr(arguments, name)
    if text is None:
        return None
    option = "--from" if name == "low" else "--to"
    if arguments.vary.endswith(".count"):
        if not text.isdecimal() or int(text) < 1:
            raise Usage(f"{option} {text!r} is not a number of VMs")
        return int(text)
    return parse_size(text, option)


def _curves(
    arguments: argparse.Namespace,
    console: Console,
    scenario: Scenario,
    seeds: range,
    limit: float | None,
) -> int:
    dropped = {
        "--slo": arguments.slo,
        "--vary": arguments.vary,
        "--from": arguments.low,
        "--to": arguments.high,
        "--policy": arguments.policy,
    }
    if any(dropped.values()):
        given = ", ".join(name for name, value in dropped.items() if value)
        raise Usage(f"--curve runs each VM alone and takes no {given}")
    if arguments.output:
        places.picture(arguments.output)
    found: list[Curve] = []
    jobs = values.jobs(arguments, POINTS * len(seeds), estimate(scenario).memory)
    with Stop(limit) as stop, console.progress() as show:
        for name in scenario.groups:

            def progress(done: int, total: int, name: str = name) -> None:
                show(name, f"{name} alone", done, total)

            try:
                found.append(
                    curve(scenario, name, seeds=seeds, jobs=jobs, progress=progress, stop=stop)
                )
            except Cut:
                break
    console.result({"curves": [each.to_dict() for each in found], "partial": stop.why})
    if found:
        _tell_curves(console, found)
    if arguments.output and found:
        with writing.whole(arguments.output) as file:
            file.write(report.picture("rightsizing", found))
        console.say(f"Saved {arguments.output}")
    if stop.why:
        left = ", ".join(list(scenario.groups)[len(found) :])
        console.say(f"Incomplete: {stop.why}; without {left}.", style="bold red")
    return stop.status


def _tell_curves(console: Console, found: list[Curve]) -> None:
    console.table(
        "Slowdown by memory, each VM alone",
        ("memory", *(f"{each.vm}, {size(int(each.sizes[-1]))}" for each in found)),
        [
            (f"{100 * (i + 1) / len(found[0].sizes):.0f} %", *(_point(each, i) for each in found))
            for i in range(len(found[0].sizes))
        ],
        caption="memory: of its size; slowdown: time taken / time without waiting; <: the knee",
    )
    for each in found:
        if each.knee is None:
            where = f"never 5 % slower, down to {size(int(each.sizes[0]))}"
        else:
            where = f"the knee is at {size(int(each.sizes[each.knee]))}"
        console.say(f"{each.vm}: {where} of {size(int(each.sizes[-1]))}")


def _point(each: Curve, index: int) -> str:
    return f"{each.slowdown[index]:.2f} {'<' if each.knee == index else ' '}"
