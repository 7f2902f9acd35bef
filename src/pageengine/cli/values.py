"""What options of several commands say: scenarios with values changed, policies, seeds."""

from pageengine.cli.console import Usage
from pageengine.lab import build, fields
from pageengine.lab.scenario import Scenario


def add_set(parser) -> None:
    """What every command that takes a scenario has."""
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE",
        help="change one value of the file: host.memory, vm.NAME.size, vm.count, "
        "vm.NAME.workload.rate, policy.idle_tax, run.duration ...; repeat for more",
    )  # fmt: skip


def add_seeds(parser, default: int) -> None:
    """The option that ``seeds`` reads."""
    parser.add_argument(
        "--seeds", type=int, default=default, metavar="N",
        help=f"how many seeds, 1 to N (default: {default})",
    )  # fmt: skip


def load(arguments, *policies: str | None) -> Scenario:
    """The scenario with the values that were set, checked under each of the policies (None: the
    file's)."""
    scenario = Scenario.load(arguments.scenario)
    for text in arguments.set:
        key, sign, given = text.partition("=")
        if not sign or not key.strip():
            raise Usage(f"--set {text}: write KEY=VALUE, such as host.memory='2 GiB'")
        scenario = scenario.changed(key.strip(), fields.value(given))
    for policy in policies or (None,):
        build.check(scenario, policy)
    return scenario


def seeds(arguments) -> range:
    """1 to N."""
    if arguments.seeds < 1:
        raise Usage(f"--seeds must be at least 1, got {arguments.seeds}")
    return range(1, arguments.seeds + 1)
