"""pageengine release: what a governor that is gone has taken is given back."""

import argparse
import asyncio
import time
from collections.abc import Mapping

from pageengine.cli.console import Console, Usage, size
from pageengine.lab import fields
from pageengine.live.config import EXITS
from pageengine.live.elsewhere import Notes
from pageengine.live.lock import Lock, Marks
from pageengine.live.release import Released, Releasing
from pageengine.live.sources.ksm import KsmKnobs
from pageengine.live.state import GuestState, Saved, StateFile, boot_id
from pageengine.live.watch import Watch

HELP = "give back what a governor has taken, from its state file"
DESCRIPTION = """\
Reads the state file of a governor (state in its config) and leaves every guest as that says: exit
initial: what it had before the first change; max: all of its memory; leave: as it is. One guest
after another, those under pressure first, and none beyond what the host has available over its
reserve (--reserve has another): who is held back by that is named, and stays in the file. What
guests may use together (memory in the config) holds nothing back: it is a limit of governing. Then
KSM is set as it was.

While the governor runs it refuses: stop that first."""
EPILOG = """\
examples:
  pageengine release govern.state.json
  pageengine release /var/lib/pageengine/state.json --exit max
  pageengine release govern.state.json --reserve '64 MiB'

exit status: 0 every guest is where it should be; 1 one is not.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("state", metavar="STATE", help="the state file")
    parser.add_argument("--exit", choices=sorted(EXITS), help="another exit mode than the file's")
    parser.add_argument(
        "--reserve", metavar="SIZE", help="free memory that is given to nobody, not the file's"
    )


def run(arguments: argparse.Namespace, console: Console) -> int:
    file = StateFile(arguments.state)
    saved = file.read()
    reserve = _reserve(arguments.reserve)
    done: list[Released] = []
    if saved is None:
        raise Usage(
            f"{arguments.state}: there is no such file; a governor that acts makes it: it is named "
            "by state in its config"
        )
    if reserve is not None:
        saved = saved.__replace__(reserve=reserve)
    here = file.of_this_start(saved, boot_id())
    if not here:
        console.say(f"{arguments.state}: the host has started anew since: nothing is left of it.")
        file.write(saved.__replace__(guests={}, knobs=None))
    else:
        lock = Lock(saved.lock, f"releases by {arguments.state}")
        try:
            done = asyncio.run(_release(file, saved, arguments.exit))
        finally:
            lock.release()
    rows = [(each.vm or "KSM", each.state, size(each.held), size(each.goal)) for each in done]
    if rows:
        console.table("Released", ("guest", "is", "balloon", "goal"), rows, texts=2)
    elif here:
        console.line(f"{arguments.state}: nothing was taken, or all of it is given back already.")
    for each in done:
        if each.why:
            console.say(f"{each.vm or 'KSM'}: {each.why}")
    console.result(
        {
            "state": arguments.state,
            "exit": arguments.exit or saved.exit,
            "guests": [vars(each) for each in done],
            "stays": [each.vm for each in done if each.stays],
        }
    )
    return 1 if any(each.stays for each in done) else 0


def _reserve(said: str | None) -> int | None:
    try:
        return None if said is None else fields.size(said)
    except ValueError as error:
        raise Usage(f"--reserve {said}: {error}") from None


async def _release(file: StateFile, saved: Saved, mode: str | None) -> list[Released]:
    watch = Watch(entry.settings for entry in saved.guests.values())
    marks = Marks(saved.lock, f"releases by {file.path}")

    def ahead(guests: Mapping[str, GuestState]) -> None:
        file.write(saved.__replace__(guests=guests))

    release = Releasing(saved, watch, KsmKnobs(), time.monotonic, mode, marks.take, ahead)
    try:
        done = await release.run()
    finally:
        marks.release()
        await watch.close()
    left = release.left()
    file.write(saved.__replace__(guests=left, knobs=release.knobs_left))
    if not left and release.knobs_left is None:
        Notes(saved.lock, file.path).remove()
    return done
