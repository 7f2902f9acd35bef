"""What options of several commands say: scenarios with values changed, policies, seeds."""

import argparse

from pageengine.cli.console import Usage
from pageengine.lab import build, fields
from pageengine.lab.ahead import at_once
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


def load(arguments: argparse.Namespace, *policies: str | None, fleets: bool = False) -> Scenario:
    """The scenario with the values that were set, checked under each of the policies (None: the
    file's). fleets: whether it may have more hosts than one."""
    scenario = Scenario.load(arguments.scenario)
    for text in arguments.set:
        key, sign, given = text.partition("=")
        if not sign or not key.strip():
            raise Usage(f"--set {text}: write KEY=VALUE, such as host.memory='2 GiB'")
        scenario = scenario.changed(key.strip(), fields.value(given))
    for policy in policies or (None,):
        build.check(scenario, policy, fleets=fleets)
    return scenario


def add_dask(parser: argparse.ArgumentParser, does: str) -> None:
    """The option that ``lab.cluster.client`` reads."""
    parser.add_argument(
        "--dask",
        metavar="ADDRESS",
        help=f"{does} on this Dask cluster instead; 'local': on one of --jobs processes here",
    )


def seed(text: str) -> int:
    """The seed that an option says."""
    try:
        return given.whole(int(text), "it", most=2**64 - 1)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{given.shown(text)} is not a whole number from 0 to {2**64 - 1}"
        ) from None


def add_jobs(parser: argparse.ArgumentParser, what: str = "simulations") -> None:
    """The option that ``jobs`` reads."""
    parser.add_argument(
        "--jobs",
        type=int,
        metavar="N",
        help=f"how many {what} run at a time, each in a process of its own (default: as many as "
        "there are processors and memory for); it changes nothing of what comes of them",
    )


def jobs(arguments: argparse.Namespace, runs: int, each: int = 0) -> int:
    """How many of so many runs, of ``each`` bytes of memory, to have at a time; those that were
    asked for, but no number of processes that no computer runs."""
    if arguments.jobs is None:
        return at_once(runs, each)
    if not 1 <= arguments.jobs <= JOBS_MOST:
        raise Usage(f"--jobs must be 1 or more, and {JOBS_MOST} at most, got {arguments.jobs}")
    return min(int(arguments.jobs), max(runs, 1))


def seeds(arguments: argparse.Namespace) -> range:
    """1 to N."""
    if not 1 <= arguments.seeds <= SEEDS_MOST:
        raise Usage(f"--seeds must be at least 1, and {SEEDS_MOST} at most, got {arguments.seeds}")
    return range(1, arguments.seeds + 1)
