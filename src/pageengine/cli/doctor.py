"""pageengine doctor: what stands in the way of governing the guests of this host."""

import argparse
import asyncio
from collections.abc import Sequence

from pageengine.cli import guests
from pageengine.cli.console import Console, Usage
from pageengine.live.evidence import Evidence, gather
from pageengine.live.findings import Finding, findings_of, line_of
from pageengine.live.lock import governor_of
from pageengine.live.settings import GuestSettings
from pageengine.live.watch import Watch
from pageengine.plumbing import given

HELP = "what stands in the way of governing the guests of this host"
DESCRIPTION = """\
Looks at this host and the guests that are named, and says what it found, one finding a line: a
fact, what follows from it, and the command that mends it. Nothing is changed. UNSAFE is what would
make governing unsafe, a second governor or memory that has nowhere to go; then the exit status is
1. With GUEST, only what is about that guest and the host is said."""
EPILOG = """\
examples:
  pageengine doctor                  the host alone
  pageengine doctor --qemu web=/run/vms/web.qmp --libvirt db
  pageengine doctor web --config govern.toml
  pageengine doctor --process me=$$ --json

exit status: 0 nothing unsafe was found; 1 something was
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("guest", nargs="?", metavar="GUEST", help="only this one, and the host")
    guests.add_arguments(parser)


def run(arguments: argparse.Namespace, console: Console) -> int:
    settings = guests.settings_of(arguments)
    names = [each.name for each in settings]
    if arguments.guest is not None and arguments.guest not in names:
        raise Usage(
            f"{given.unknown('guest', arguments.guest, names)}: name it by --qemu, --libvirt, "
            "--process or --config"
        )
    evidence = asyncio.run(_gathered(settings, guests.lock_of(arguments)))
    found = [
        finding
        for finding in findings_of(evidence)
        if arguments.guest in (None, finding.about) or not finding.about
    ]
    unsafe = sum(finding.level == "unsafe" for finding in found)
    console.result({"findings": [vars(finding) for finding in found], "unsafe": unsafe})
    _tell(console, found, names, unsafe)
    return 1 if unsafe else 0


async def _gathered(settings: Sequence[GuestSettings], lock: str) -> Evidence:
    watch = Watch(settings)
    try:
        return await gather(watch, governor=governor_of(lock))
    finally:
        await watch.close()


def _tell(console: Console, found: list[Finding], names: list[str], unsafe: int) -> None:
    for finding in found:
        console.line(line_of(finding))
    looked = f"this host and {given.listed(names)}" if names else "this host; no guest was named"
    console.say()
    console.say(f"Looked at {looked}.")
    if unsafe:
        console.say(
            "Governing would not be safe before what is UNSAFE is mended.", style="bold red"
        )
    elif not found:
        console.say("Nothing was found that stands in the way of governing.")
    else:
        console.say("Nothing was found that would make governing unsafe.")
