"""pageengine advise: how far may I go?"""

from pathlib import Path

from pageengine import report
from pageengine.cli.console import Usage, size
from pageengine.cli.run import add_common_arguments, load
from pageengine.lab.advise import advise, bounds, curve
from pageengine.lab.objective import METRICS, Objective
from pageengine.units import parse_size

HELP = "how far to go: most machines, least memory, for an objective"
DESCRIPTION = f"""\
Searches for the most machines (--vary vm.count) or the least memory (host.memory,
vm.NAME.balloon_min, vm.NAME.reservation, vm.NAME.limit) with which an objective still holds, by
bisection, once for each of several seeds. The advice is the careful end of the band.

--curve shows instead how much memory each machine needs: its slowdown at twenty sizes, alone, and
the knee below which it becomes slow quickly.

Figures for --slo: {", ".join(METRICS)}."""
EPILOG = """\
examples:
  pageengine advise lab.toml --slo 'stall < 2%' --vary vm.count
  pageengine advise lab.toml --slo 'slowdown < 1.1' --vary host.memory --seeds 5
  pageengine advise lab.toml --slo 'minute < 10%' --vary vm.web.balloon_min
  pageengine advise lab.toml --curve -o sizes.png
"""


def add_arguments(parser) -> None:
    parser.add_argument("scenario", metavar="SCENARIO", help="scenario file (TOML)")
    parser.add_argument("--slo", metavar="OBJECTIVE", help="what must hold: 'stall < 2%%'")
    parser.add_argument("--vary", metavar="KEY", help="what is searched: vm.count, host.memory ...")
    parser.add_argument("--from", dest="low", metavar="VALUE", help="least value to try")
    parser.add_argument("--to", dest="high", metavar="VALUE", help="greatest value to try")
    parser.add_argument("--seeds", type=int, default=3, metavar="N",
                        help="how many seeds (default: 3)")  # fmt: skip
    parser.add_argument("--policy", metavar="P", help="another policy than the file's")
    parser.add_argument("--curve", action="store_true", help="the right-sizing curve of each VM")
    parser.add_argument("-o", "--output", metavar="PNG", help="with --curve: a picture of it")
    add_common_arguments(parser)


def run(arguments, console) -> int:
    scenario = load(arguments, arguments.policy)
    if arguments.seeds < 1:
        raise Usage(f"--seeds must be at least 1, got {arguments.seeds}")
    if arguments.curve:
        return _curves(arguments, console, scenario)
    if not arguments.slo or not arguments.vary:
        raise Usage("advise needs --slo 'stall < 2%' and --vary KEY, or --curve")
    bounds(scenario, arguments.vary)
    with console.progress() as show:

        def progress(value, seed, figure):
            what = "" if figure is None else f": {objective.show(figure)}"
            show("advise", f"{arguments.vary} {value}, seed {seed}{what}", 0, 0)

        objective = Objective.parse(arguments.slo)
        advice = advise(
            scenario, objective, arguments.vary, policy=arguments.policy,
            seeds=range(1, arguments.seeds + 1), low=_limit(arguments, "low"),
            high=_limit(arguments, "high"), progress=progress,
        )  # fmt: skip
    console.result(advice.to_dict())
    tried = sorted({value for value, _, _ in advice.tried})
    figures = {(value, seed): figure for value, seed, figure in advice.tried}
    seeds = list(advice.answers)

    def cell(value, seed):
        figure = figures.get((value, seed))
        if figure is None:
            return ""
        return "does not fit" if figure == float("inf") else objective.show(figure)

    console.table(
        f"{objective.metric} by {arguments.vary} and seed",
        (arguments.vary, *(f"seed {seed}" for seed in seeds)),
        [(advice.show(value), *(cell(value, seed) for seed in seeds)) for value in tried],
        caption=METRICS[objective.metric].says,
    )
    console.say()
    console.say(advice.sentence(), style="bold")
    return 0 if advice.value is not None else 1


def _limit(arguments, name: str) -> int | None:
    text = getattr(arguments, name)
    if text is None:
        return None
    option = "--from" if name == "low" else "--to"
    if arguments.vary.endswith(".count"):
        if not text.isdecimal() or int(text) < 1:
            raise Usage(f"{option} {text!r} is not a number of machines")
        return int(text)
    return parse_size(text, option)


def _curves(arguments, console, scenario) -> int:
    if arguments.output and not report.available():
        raise Usage('pictures need the package matplotlib: pip install "pageengine[report]"')
    found = []
    with console.progress() as show:
        for name in scenario.groups:

            def progress(done, total, name=name):
                show(name, f"{name} alone", done, total)

            seeds = range(1, arguments.seeds + 1)
            found.append(curve(scenario, name, seeds=seeds, progress=progress))
    console.result({"curves": [each.to_dict() for each in found]})
    console.table(
        "Slowdown by memory, each machine alone",
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
    if arguments.output:
        Path(arguments.output).write_bytes(report.picture("rightsizing", found))
        console.say(f"Saved {arguments.output}")
    return 0


def _point(each, index: int) -> str:
    return f"{each.slowdown[index]:.2f} {'<' if each.knee == index else ' '}"
