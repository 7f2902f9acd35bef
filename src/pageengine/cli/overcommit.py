"""pageengine overcommit: memory images on a host too small for them."""

import argparse
import os
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from pageengine import images
from pageengine.analysis.overcommit import memory_for, names_for, overcommit
from pageengine.cli import holdings, values
from pageengine.cli.console import Console, Show, Usage
from pageengine.cli.scan import parse_groups
from pageengine.cli.story import Story
from pageengine.plumbing import survivor

HELP = "run memory images as VMs on a host too small for them"
DESCRIPTION = """\
Puts each image as a virtual machine on one host with less memory than they need together, shares,
compresses and swaps their pages for real, shows where the pages went and what it cost, and then
reads every byte of every image back and compares it with the file. A VM is as large as the
memory of its image whose content is known: pages are packed, without the gaps between addresses.

A live process (/proc/PID) is captured to a temporary file first. Swap goes to a temporary file
without a name, which is gone when the program ends, however it ends."""
EPILOG = """\
examples:
  pageengine overcommit web.raw db.raw ci.raw --memory 50%
  pageengine overcommit *.raw --memory '2 GiB' --compression lz --cache-limit 25%
  pageengine overcommit --group blue=web.raw,db.raw --group red=ci.raw --memory 1G
  pageengine overcommit /proc/1234 /proc/5678 --memory 60%
  pageengine overcommit *.raw --memory 50% --no-sharing --json

exit status 1 when any byte reads back different.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("image", nargs="*", metavar="IMAGE", help="memory image, or /proc/PID")
    parser.add_argument(
        "--memory",
        required=True,
        metavar="SIZE",
        help="memory of the host: a size, or a part of the images' total such as '50%%'",
    )
    parser.add_argument(
        "--group",
        action="append",
        default=[],
        metavar="NAME=IMAGE,...",
        help="salt group: only VMs of one group share pages; repeat for more groups",
    )
    holdings.add_raw(parser)
    add_host_arguments(parser)


def add_host_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the host, as `demo` has them too."""
    parser.add_argument(
        "--compression",
        default="word",
        metavar="CODEC",
        help="codec of the cache, or 'none' (default: word)",
    )
    parser.add_argument(
        "--cache-limit",
        default="10%",
        metavar="SIZE",
        help="most that a VM may take of it (default: 10%%)",
    )
    parser.add_argument(
        "--packing",
        choices=("esx", "dense"),
        default="esx",
        help="half and quarter pages as in ESX, or 64-byte classes",
    )
    parser.add_argument("--no-sharing", action="store_true", help="keep equal pages apart")
    parser.add_argument(
        "--victims",
        choices=("clock", "random"),
        default="clock",
        help="which pages are taken (default: clock)",
    )
    parser.add_argument("--swap", metavar="SIZE", help="swap space (default: grows as needed)")
    parser.add_argument("--swap-dir", metavar="DIR", help="where the temporary swap file goes")
    values.add_seed(parser, "of every random choice (default: 0)", 0)


def host_options(arguments: argparse.Namespace) -> dict[str, Any]:
    """What ``overcommit`` hands on to the host."""
    options: dict[str, Any] = {
        "compression": None if arguments.compression == "none" else arguments.compression,
        "cache_limit": arguments.cache_limit,
        "packing": arguments.packing,
        "sharing": not arguments.no_sharing,
        "victims": arguments.victims,
        "seed": arguments.seed,
    }
    for name in ("swap", "swap_dir"):
        if getattr(arguments, name) is not None:
            options[name] = getattr(arguments, name)
    return options


def run(arguments: argparse.Namespace, console: Console) -> int:
    groups = parse_groups(arguments.group)
    paths = [*arguments.image, *(path for path in groups if path not in arguments.image)]
    if not paths:
        raise Usage("overcommit needs at least one image (see pageengine overcommit --help)")
    if len(set(paths)) < len(paths):
        raise Usage("an image is named twice: copy it if two VMs are to start from it")
    kind = holdings.kind_of(arguments, paths)
    memory_for(arguments.memory, 1 << 40)  # a bad size is said before anything is read
    names = names_for(paths)
    with ExitStack() as stack:
        files = _captured(paths, names, console, stack)
        story = Story(console)
        with console.progress() as show:
            result = overcommit(
                files,
                arguments.memory,
                names=names,
                groups={
                    file: groups.get(path, "") for path, file in zip(paths, files, strict=True)
                },
                progress=story.follow(show),
                kind=kind,
                **host_options(arguments),
            )
    story.tell(result)
    return 0 if result.same else 1


def _captured(paths: list[str], names: list[str], console: Console, stack: ExitStack) -> list[str]:
    """The paths, with files in the place of live processes."""
    live = [path for path in paths if images.is_process(path)]
    if not live:
        return paths
    folder = stack.enter_context(survivor.folder("pageengine-"))
    with console.progress() as show:
        return [
            _capture(path, os.path.join(folder, f"{name}.core"), show) if path in live else path
            for path, name in zip(paths, names, strict=True)
        ]


def _capture(path: str, target: str, show: Show) -> str:
    number = Path(path).name
    if not number.isdecimal():
        raise Usage(f"{path}: a live process is named by /proc/ and its number")

    def progress(done: int, total: int) -> None:
        show(path, f"capturing {path}", done, total)

    images.capture(int(number), target, progress=progress)
    return target
