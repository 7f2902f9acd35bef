"""What image files hold, by what is known of it: a table of `scan` and `overcommit`, and the option
by which they open images.
"""

import argparse

from pageengine import images
from pageengine.cli.console import Console, Usage, size

RAW = "read every IMAGE as raw memory, whatever it begins with"


def add_raw(parser: argparse.ArgumentParser) -> None:
    """The option --raw."""
    parser.add_argument("--raw", action="store_true", help=RAW)


def kind_of(arguments: argparse.Namespace, paths: list[str]) -> str | None:
    """The kind that every image is opened as: "raw", or None for what each looks like."""
    if not arguments.raw:
        return None
    for path in paths:
        if images.is_process(path):
            raise Usage(f"--raw does not apply to {path}: a live process is no raw image")
    return "raw"


def show(console: Console, rows: list[tuple[str, int, int, int, int]]) -> None:
    """A table, if any image holds less than all its memory or has gaps. rows: (name, bytes stored,
    of holes, of memory that is not stored, of address gaps).
    """
    if not any(any(row[2:]) for row in rows):
        return
    sums = [sum(column) for column in list(zip(*rows, strict=True))[1:]]
    shown = [*rows, ("all", *sums)] if len(rows) > 1 else rows
    console.table(
        "What the images hold",
        ("image", "memory", "stored", "holes", "not stored", "address gaps"),
        [
            (
                name,
                size(data + hole),
                *(size(value) if value else "-" for value in (data, hole, unknown, gap)),
            )
            for name, data, hole, unknown, gap in shown
        ],
        total=len(rows) > 1,
        caption="memory: what is stored, and holes, which are zero. not stored: further memory "
        "whose content is unknown; gaps: addresses without memory. Neither is counted.",
    )
