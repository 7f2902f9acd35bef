"""pageengine run: a scenario, simulated."""

import signal
import threading
import time

from pageengine import report
from pageengine.cli import outcome
from pageengine.cli.console import Usage, size
from pageengine.lab import build, fields
from pageengine.lab.estimate import estimate
from pageengine.lab.results import can_save
from pageengine.lab.scenario import Scenario

HELP = "simulate a scenario: machines, workloads, a policy, time"
DESCRIPTION = """\
Runs a scenario file: machines with workloads on one host whose memory a policy divides. With -o the
timelines are kept as Parquet, with a summary as JSON and a page with pictures. Before it starts it
says what memory and time it will take. Ctrl-C and --max-time end it early; what was recorded until
then is told and saved all the same.

docs/scenarios.md has every key of a scenario."""
EPILOG = """\
examples:
  pageengine run states -o out        a scenario that comes with it (pageengine examples)
  pageengine run lab.toml --policy kvm --seed 3
  pageengine run lab.toml --set host.memory='2 GiB' --set vm.web.count=6
  pageengine run lab.toml --max-time 60s --json
"""


_TRIAL = 0.3  # seconds that may be spent on the estimate


def add_arguments(parser) -> None:
    parser.add_argument(
        "scenario", metavar="SCENARIO", help="scenario file (TOML), or the name of an example"
    )
    parser.add_argument("-o", "--output", metavar="DIR", help="where the result goes")
    parser.add_argument("--policy", metavar="P", help="another policy than the file's")
    add_common_arguments(parser)
    parser.add_argument("--seed", type=int, metavar="N", help="another seed than the file's")
    parser.add_argument("--max-time", metavar="TIME", help="end after that much real time")


def add_common_arguments(parser) -> None:
    """What every command that takes a scenario has."""
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE",
        help="change one value of the file: host.memory, vm.NAME.size, vm.count, run.duration ...",
    )  # fmt: skip


def load(arguments, policy: str | None = None) -> Scenario:
    """The scenario with the values that were set."""
    scenario = Scenario.load(arguments.scenario)
    for text in arguments.set:
        key, sign, text_of = text.partition("=")
        if not sign:
            raise Usage(f"--set {text}: write KEY=VALUE, such as host.memory='2 GiB'")
        scenario = scenario.changed(key.strip(), value(text_of.strip()))
    build.check(scenario, policy)
    return scenario


def value(text: str):
    """A number, a truth value, or the text."""
    if text in ("true", "false"):
        return text == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text.strip("'\"")


def duration(text: str | None, option: str) -> float | None:
    """Seconds of an option such as --max-time."""
    try:
        return None if text is None else fields.positive_duration(text)
    except ValueError as error:
        raise Usage(f"{option} {text!r} {error}") from None


def run(arguments, console) -> int:
    scenario = load(arguments, arguments.policy)
    max_time = duration(arguments.max_time, "--max-time")
    if arguments.output and not can_save():
        raise Usage('-o needs the package pyarrow: pip install "pageengine[report]"')
    if not arguments.json:
        _foretell(console, scenario, arguments.policy, max_time)
    with Stop() as stop, console.progress() as show:
        result = build.run(
            scenario, policy=arguments.policy, seed=arguments.seed, max_time=max_time,
            progress=follow(show, scenario.name, scenario.seconds, stop),
        )  # fmt: skip
    if stop.asked:
        result.meta["partial"] = "interrupted"
    folder = report.save(result, arguments.output) if arguments.output else None
    console.result({
        "summary": result.summary, "meta": result.meta, "events": result.events,
        "digest": result.digest(), "output": folder,
    })  # fmt: skip
    outcome.tell(console, result)
    _end(console, result, folder)
    return 130 if stop.asked else 0


def _foretell(console, scenario, policy, max_time) -> None:
    guess = estimate(scenario, policy=policy, trial=_TRIAL)
    limit = f", at most {outcome.span(max_time)} of real time" if max_time else ""
    speed = ""
    if guess.seconds is not None:
        speed = f" and, at the speed of its first epochs, {outcome.span(guess.seconds)}"
    console.say(
        f"{scenario.name}: {len(scenario.machines)} machines on {size(scenario.host['memory'])}, "
        f"{outcome.span(scenario.seconds)} in {guess.epochs:,} epochs; "
        f"takes about {size(guess.memory)} of memory{speed}{limit}."
    )


def _end(console, result, folder) -> None:
    console.say()
    if result.partial:
        console.say(f"Partial: {result.why}.", style="bold red")
    if folder:
        names = ", ".join(sorted(path.name for path in folder.iterdir()))
        console.say(f"Saved in {folder}: {names}")


class Stop:
    """While it is open, the first Ctrl-C asks the simulation to end at the next epoch; a second one
    interrupts as usual."""

    def __init__(self):
        self.asked = False
        self._before = None

    def __enter__(self):
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._ask)
        return self

    def __exit__(self, *_):
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def _ask(self, *_):
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True


def follow(show, title: str, seconds: float, stop=None):
    """The simulation's progress as a bar; what it returns tells the simulation whether to go on."""
    drawn = 0.0

    def progress(now: float, state: str = "") -> bool:
        nonlocal drawn
        if time.monotonic() - drawn > 0.1 or now >= seconds:
            drawn = time.monotonic()
            show(title, f"{title}: {outcome.span(now)} {state:<5}", int(now), int(seconds))
        return not (stop and stop.asked)

    return progress
