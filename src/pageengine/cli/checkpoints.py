"""``--checkpoint`` and ``--resume`` of ``pageengine run``."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pageengine.cli import outcome
from pageengine.cli.console import Console, Usage
from pageengine.lab import fields, resume

NAME = "checkpoint.pe"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--checkpoint",
        metavar="EVERY",
        help=f"write the whole state to DIR/{NAME} that often (simulated time: 10min)",
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help=f"go on from DIR/{NAME}, if it is there; else from the start",
    )


@dataclass(frozen=True)
class Checkpoints:
    """file: of the checkpoint; None: neither is asked for. every: seconds between two; None: none
    is written.
    """

    file: Path | None = None
    every: float | None = None
    resume: bool = False

    def found(self, console: Console) -> Path | None:
        """The checkpoint from which it is to go on, if it is there."""
        if not self.resume or self.file is None:
            return None
        if self.file.exists():
            return self.file
        console.say(f"There is no {self.file}: it begins at the start.")
        return None

    def goes_on(self, console: Console, now: float) -> None:
        """Says from where."""
        console.say(f"Goes on at {outcome.span(now)}, from {self.file}.")

    def saving(
        self, keep: Callable[[Path], None], now: float, told: Callable[[float, str], Any]
    ) -> Callable[[float, str], Any]:
        """The progress function ``told``, which also saves as often as was asked, from ``now``."""
        file = self.file
        if file is None or self.every is None:
            return told
        return resume.saving_every(self.every, lambda: keep(file), now, told)


def asked(arguments: argparse.Namespace) -> Checkpoints:
    """What the command's arguments say. Usage: they cannot be."""
    if not (arguments.checkpoint or arguments.resume):
        return Checkpoints()
    if not arguments.output:
        raise Usage("--checkpoint and --resume need a folder for the checkpoint: -o DIR")
    file = Path(arguments.output) / NAME
    if not arguments.checkpoint:
        return Checkpoints(file, resume=True)
    try:
        every = fields.positive_duration(arguments.checkpoint)
    except ValueError as error:
        raise Usage(f"--checkpoint {arguments.checkpoint!r} {error}") from None
    file.parent.mkdir(parents=True, exist_ok=True)
    return Checkpoints(file, every, arguments.resume)
