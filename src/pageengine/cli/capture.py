"""pageengine capture: the memory of a live process as an image."""

import argparse
import os

from pageengine import images
from pageengine.cli import places
from pageengine.cli.console import Console, Usage, size
from pageengine.units import PAGE_BYTES

HELP = "a live process's memory as an image"
DESCRIPTION = """\
Writes the memory of a live process to a file, as an ELF core that `pageengine scan`, `overcommit`
and gdb read. The process stands still meanwhile, so that the file is one moment of its life.

Memory holds secrets: passwords, keys, everything the process knew. The file is readable by you
alone; keep it that way. (Linux only; the process must be yours, or you must be root.)"""
EPILOG = """\
examples:
  pageengine capture 1234 -o web.core
  pageengine capture $(pgrep -o firefox) -o browser.core && pageengine scan browser.core
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("pid", metavar="PID", type=int, help="process number")
    parser.add_argument("-o", "--output", metavar="FILE", required=True, help="where to write it")
    parser.add_argument("--force", action="store_true", help="replace FILE if it is there")
    parser.add_argument(
        "--running",
        action="store_true",
        help="do not stop the process while it is read (pages may then be of different moments)",
    )


def run(arguments: argparse.Namespace, console: Console) -> int:
    if os.path.exists(arguments.output) and not arguments.force:
        raise Usage(f"{arguments.output} is there already: choose another name, or --force")
    places.file(arguments.output)
    with console.progress() as show:
        found = images.capture(
            arguments.pid,
            arguments.output,
            stop=not arguments.running,
            progress=lambda done, total: show("", f"process {arguments.pid}", done, total),
        )
    console.result({**found._asdict(), "pid": arguments.pid})
    held = size(found.data_pages * PAGE_BYTES)
    console.say(f"{found.path}: {size(found.pages * PAGE_BYTES)} of memory, {held} of it in use.")
    if found.unknown_pages:
        console.say(
            f"{size(found.unknown_pages * PAGE_BYTES)} more are not stored: files on disk that it "
            "only reads, and what devices fill in."
        )
    if found.unreadable_pages:
        console.say(f"{found.unreadable_pages:,} pages of that could not be read.")
    console.say(
        "It may hold passwords and keys. Only you can read the file; delete it when you are done."
    )
    return 0
