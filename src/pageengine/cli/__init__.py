"""The command line: `pageengine COMMAND`. Commands read arguments and print; they compute nothing.

What ends a command, and the exit status that says so, are in ``ending``.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NoReturn

from pageengine import __version__
from pageengine.cli import ending
from pageengine.cli.console import Console
from pageengine.plumbing.visible import visible

__all__ = ["main", "make_parser"]

#: Each is a module of that name here, with HELP, DESCRIPTION, EPILOG, add_arguments and run.
COMMANDS = (
    "demo",
    "scan",
    "capture",
    "overcommit",
    "demand",
    "run",
    "compare",
    "advise",
    "sweep",
    "paper",
    "top",
    "doctor",
    "record",
    "govern",
    "release",
    "replay",
    "policies",
    "techniques",
    "codecs",
    "examples",
    "docs",
    "about",
)

EPILOG = """\
begin with:
  pageengine demo                        no files needed, under a minute
  pageengine scan guest1.raw guest2.raw  what sharing and compression would give back
  pageengine COMMAND --help              each command, with examples

Sizes are written as '256 MiB', '1.5G' or a number of bytes. Every command takes --json: one JSON
object on standard output, nothing else there.

exit status: 0 done; 1 a result that fails (a byte differs); 2 bad usage or input; 74 the system
failed (a full disk); 124 out of --max-time; 129 hung up; 130 Ctrl-C; 143 SIGTERM
"""


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line; --help has the rest."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {visible(message)} (see {self.prog} --help)\n")

    def _print_message(self, message: str, file: Any = None) -> None:
        """argparse would not say that help could not be written."""
        if file is sys.stdout and file is not None:
            Console(json=True).write(message)
        else:
            super()._print_message(message, file)


def make_parser(names: Sequence[str] = COMMANDS) -> argparse.ArgumentParser:
    """The parser of all commands, or of some; only those are loaded."""
    parser = _Parser(
        prog="pageengine",
        description="A memory manager for overcommitted hosts: page sharing, compression and swap, "
        "on real pages.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"pageengine {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name in names:
        command = import_module(f"{__name__}.{name}")
        sub = commands.add_parser(
            name,
            help=command.HELP,
            description=command.DESCRIPTION,
            epilog=command.EPILOG,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.add_arguments(sub)
        sub.add_argument("--json", action="store_true", help="print one JSON object, no tables")
        sub.set_defaults(run=command.run)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit status."""
    if os.getcwd() not in sys.path:  # for policies in this folder; last, so that it hides nothing
        sys.path.append(os.getcwd())

    def command() -> int:
        asked = (sys.argv[1:] if argv is None else argv)[:1]  # the others would not be looked at
        parser = make_parser(asked) if asked and asked[0] in COMMANDS else make_parser()
        arguments = parser.parse_args(argv)
        status: int = arguments.run(arguments, Console(json=arguments.json))
        return status

    return ending.status_of(command)
