"""Files that are read: what every reader looks at before it looks into one.

Only regular files are read (a pipe would be waited for, a device never ends), and texts only up to
a size that fits what they are. What is wrong with the content of a file is an error of the family
of its reader, in a line that names the file; what the system says of it stays an OSError.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Sequence
from typing import Any

_LONGEST = 200  # characters of what a library says, or of a value that is shown
_SOME = 8  # names of many that are shown


def is_file(path: str) -> bool:
    """Whether there is a regular file of this name."""
    return os.path.isfile(path)


def regular(path: str | os.PathLike[str], error: type[Exception]) -> os.stat_result:
    """What the system says of a regular file or block device. error: raised for what is neither;
    for a folder it is IsADirectoryError."""
    found = os.stat(path)
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
    if not (stat.S_ISREG(found.st_mode) or stat.S_ISBLK(found.st_mode)):
        raise error(f"{os.fspath(path)}: not a regular file: save what it gives to one")
    return found


def text(path: str | os.PathLike[str], error: type[Exception], most: int) -> str:
    """The text of a file of UTF-8, of at most ``most`` bytes."""
    size = regular(path, error).st_size
    if size <= most:
        with open(path, "rb") as file:
            data = file.read(size + 1)
        size = len(data)
    if size > most:
        raise error(f"{os.fspath(path)}: too large: {size} bytes, where {most} are the most")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as wrong:
        raise error(
            f"{os.fspath(path)}: byte {wrong.start} ({data[wrong.start]:#04x}) is none of UTF-8: "
            "this is another kind of file, or a text to be saved as UTF-8"
        ) from None


def parsed(content: str, loads: Callable[[str], Any], what: str, error: type[Exception]) -> Any:
    """What ``loads`` (of json, tomllib) makes of a text. what: how the message begins."""
    try:
        return loads(content)
    except RecursionError:
        raise error(f"{what}: its brackets are nested too deeply") from None
    except ValueError as wrong:
        raise error(f"{what}: {brief(wrong)}") from None


def memory() -> int | None:
    """Bytes of memory that this computer has, which no file should ask for more than; None where it
    does not tell.
    """
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


def brief(error: BaseException) -> str:
    """What a library says, in one line that is not too long."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    lines = str(error).split("\n") or [""]
    return clipped(lines[0].strip()) or type(error).__name__


def clipped(shown: str, most: int = _LONGEST) -> str:
    """A text as messages show it: what is beyond ``most`` characters is left out of its middle."""
    if len(shown) <= most:
        return shown
    return f"{shown[: most * 2 // 3]} ... {shown[-(most // 3) :]}"


def some(names: Sequence[str]) -> str:
    """The first of many names, each as Python writes it."""
    shown = ", ".join(clipped(repr(name), 60) for name in names[:_SOME])
    return f"{shown} and {len(names) - _SOME} more" if len(names) > _SOME else shown
