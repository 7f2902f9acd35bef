"""Paragraphs and tables where the package `rich` is not installed: the same words and numbers
without colours.
"""

import textwrap
from collections.abc import Sequence

__all__ = ["paragraph", "table"]

_GAP = "   "


def paragraph(text: str, width: int) -> str:
    """A text in lines of at most a width; line ends of its own stay."""
    wrapped = (textwrap.fill(line, width, break_on_hyphens=False) for line in text.split("\n"))
    return "\n".join(wrapped) + "\n"


def table(
    columns: Sequence[str], rows: Sequence[Sequence[str]], *, texts: int, total: bool, width: int
) -> str:
    """A table with a line below its head, and below what the last row sums up (total). The first
    ``texts`` columns stand to the left. The widest of these is folded where the table is wider than
    ``width``.
    """
    wide = [max(len(row[i]) for row in [columns, *rows]) for i in range(len(columns))]
    too_wide = sum(wide) + len(_GAP) * (len(wide) - 1) - width
    if too_wide > 0 and texts:
        widest = max(range(texts), key=wide.__getitem__)
        wide[widest] = max(len(columns[widest]), wide[widest] - too_wide, 10)
    rule = "-" * (sum(wide) + len(_GAP) * (len(wide) - 1))
    lines = [*_row(columns, wide, texts), rule]
    for number, row in enumerate(rows):
        if total and number == len(rows) - 1:
            lines.append(rule)
        lines += _row(row, wide, texts)
    return "\n".join(lines) + "\n"


def _row(cells: Sequence[str], wide: Sequence[int], texts: int) -> list[str]:
    """The lines of a row: more than one where a text is folded."""
    folded = []
    for i, (cell, width) in enumerate(zip(cells, wide, strict=True)):
        pieces = [cell[at : at + width] for at in range(0, len(cell), width)]
        folded.append(pieces if pieces and i < texts else [cell])
    found = []
    for number in range(max(map(len, folded))):
        parts = (each[number] if number < len(each) else "" for each in folded)
        sides = (
            part.ljust(width) if i < texts else part.rjust(width)
            for i, (part, width) in enumerate(zip(parts, wide, strict=True))
        )
        found.append(_GAP.join(sides).rstrip())
    return found
