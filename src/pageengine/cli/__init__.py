"""The command line: `pageengine COMMAND`. Commands read arguments and print; they compute nothing.

Exit status: 0 done; 1 a result that fails (a byte differs); 2 bad usage or input, with one line on
standard error; 124 out of --max-time, 130 after Ctrl-C, 143 after SIGTERM, 141 when nobody reads
the output any more.
"""

import argparse
import os
import signal
import sys
import threading
from collections.abc import Sequence

from pageengine import __version__
from pageengine.cli import (
    about, advise, capture, codecs, compare, demo, docs, examples, overcommit, paper, policies, run,
    scan, sweep, techniques,
)  # fmt: skip
from pageengine.cli.console import Console, Usage
from pageengine.errors import PageEngineError

__all__ = ["main", "make_parser"]

COMMANDS = (
    demo, scan, capture, overcommit, run, compare, advise, sweep, paper, policies, techniques,
    codecs, examples, docs, about,
)  # fmt: skip

EPILOG = """\
begin with:
  pageengine demo                        no files needed, under a minute
  pageengine scan guest1.raw guest2.raw  what sharing and compression would give back
  pageengine COMMAND --help              each command, with examples

Sizes are written as '256 MiB', '1.5G' or a number of bytes. Every command takes --json: one JSON
object on standard output, nothing else there.

exit status: 0 done; 1 a result that fails (a byte differs); 2 bad usage or input; 124 out of
--max-time; 130 Ctrl-C; 143 SIGTERM
"""


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line; --help has the rest."""

    def error(self, message: str):
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


def make_parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    parser = _Parser(
        prog="pageengine",
        description="A memory manager for overcommitted hosts: page sharing, compression and swap, "
        "on real pages.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"pageengine {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for command in COMMANDS:
        sub = commands.add_parser(
            command.__name__.rpartition(".")[2],
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
    with _Signals():
        try:
            arguments = make_parser().parse_args(argv)
            status = arguments.run(arguments, Console(json=arguments.json))
            sys.stdout.flush()
            return status
        except SystemExit as end:  # argparse: --help, --version, bad usage; or SIGTERM
            return end.code if isinstance(end.code, int) else 0
        except KeyboardInterrupt:
            _say("interrupted")
            return 130
        except BrokenPipeError:
            _forget_stdout()
            return 141
        except Usage as error:
            _say(str(error))
            return 2
        except OSError as error:
            _say(f"{error.filename}: {error.strerror}" if error.filename else str(error))
            return 2
        except (PageEngineError, ValueError, TypeError) as error:
            _say(str(error))
            return 2


def _say(message: str) -> None:
    print("pageengine: " + " ".join(message.split()), file=sys.stderr)


def _forget_stdout() -> None:
    """Nobody reads standard output: what is still buffered goes nowhere, so that Python can end
    quietly."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError):
        pass


class _Signals:
    """SIGTERM ends a command as Ctrl-C does: by an exception, so that temporary files are
    removed."""

    def __enter__(self):
        self._before = None
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGTERM, self._end)

    def __exit__(self, *_):
        if self._before is not None:
            signal.signal(signal.SIGTERM, self._before)

    @staticmethod
    def _end(*_):
        raise SystemExit(143)
