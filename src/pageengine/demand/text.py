"""Lines of a text file of monitoring data, each of bounded length, and the rows of its CSV."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator

from pageengine.errors import DemandError
from pageengine.plumbing import reading

LINE_MOST = 16 << 20  # bytes: the first line of esxtop names every counter of a host
_SEPARATORS = ",;\t"


def lines(path: str) -> Iterator[str]:
    """Each line with its end. DemandError: one is not UTF-8, or has no end."""
    reading.regular(path, DemandError)
    with open(path, "rb") as file:
        number = 0
        while line := file.readline(LINE_MOST + 1):
            number += 1
            if len(line) > LINE_MOST:
                raise DemandError(f"{path}, line {number}: longer than {LINE_MOST} bytes")
            try:
                yield line.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as wrong:
                raise DemandError(
                    f"{path}, line {number}: byte {wrong.start} ({line[wrong.start]:#04x}) is none "
                    "of UTF-8: this is another kind of file, or a text to be saved as UTF-8"
                ) from None


def rows(
    text: Iterable[str], path: str, separator: str = ",", before: int = 0
) -> Iterator[tuple[int, list[str]]]:
    """(number of its line, fields) of every row of CSV. before: lines that were read already."""
    reader = csv.reader(text, delimiter=separator)
    while True:
        try:
            row = next(reader, None)
        except csv.Error as error:
            raise DemandError(
                f"{path}, line {before + reader.line_num}: no CSV: {reading.brief(error)}"
            ) from None
        if row is None:
            return
        if row:
            yield before + reader.line_num, row


def separator_of(first: str) -> str:
    """What separates the fields of a line with names."""
    return max(_SEPARATORS, key=first.count)


def names_in(first: str) -> list[str]:
    """The fields of a line with names; none where it is no CSV."""
    try:
        return next(csv.reader([first.strip()], delimiter=separator_of(first)), [])
    except csv.Error:
        return []
