"""What options of several commands say: scenarios with values changed, policies, seeds."""

import argparse

from pageengine.cli.console import Usage
from pageengine.lab import build, fields
from pageengine.lab.scenario import Scenario
from pageengine.plumbing import given

SEEDS_MOST, JOBS_MOST = 10_000, 1024


def add_set(parser: argparse.ArgumentParser) -> None:
    """What every command that takes a scenario has."""
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="change one value of the file: host.memory, vm.NAME.size, vm.count, "
        "vm.NAME.workload.rate, policy.idle_tax, run.duration ...; repeat for more",
    )


def add_seed(parser: argparse.ArgumentParser, says: str, default: int | None = None) -> None:
    """The seed of every random choice."""
    parser.add_argument("--seed", type=seed, default=default, metavar="N", help=says)


def add_seeds(parser: argparse.ArgumentParser, default: int) -> None:
    """The option that ``seeds`` reads."""
    parser.add_argument(
        "--seeds",
        type=int,
        default=default,
        metavar="N",
        help=f"how many seeds, 1 to N (default: {default})",
    )


def load(arguments: argparse.Namespace, *policies: str | None) -> Scenario:
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


def seed(text: str) -> int:
    """The seed that an option says."""
    try:
        return given.whole(int(text), "it", most=2**64 - 1)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{given.shown(text)} is not a whole number from 0 to {2**64 - 1}"
        ) from None


def check_jobs(arguments: argparse.Namespace) -> None:
    """Refuses numbers of processes that no machine runs."""
    if not 1 <= arguments.jobs <= JOBS_MOST:
        raise Usage(f"--jobs must be 1 or more, and {JOBS_MOST} at most, got {arguments.jobs}")


def seeds(arguments: argparse.Namespace) -> range:
    """1 to N."""
    if not 1 <= arguments.seeds <= SEEDS_MOST:
        raise Usage(f"--seeds must be at least 1, and {SEEDS_MOST} at most, got {arguments.seeds}")
    return range(1, arguments.seeds + 1)
