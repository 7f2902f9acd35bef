"""The temporary file behind swap space: without a name, so that nothing is left whatever
happens.
"""

from __future__ import annotations

import os
from typing import IO


def open_swap_file(directory: str | os.PathLike[str] | None = None) -> IO[bytes]:
    """An open, unbuffered temporary file in ``directory`` (the system's temporary directory by
    default). Errors name the directory.
    """
    import tempfile  # which brings half of the standard library with it

    directory = tempfile.gettempdir() if directory is None else os.fspath(directory)
    if not os.path.exists(directory):
        raise FileNotFoundError(f"the swap directory {directory!r} does not exist")
    if not os.path.isdir(directory):
        raise NotADirectoryError(f"the swap directory {directory!r} is not a directory")
    try:
        return tempfile.TemporaryFile(dir=directory, buffering=0, prefix="pageengine-")
    except OSError as error:
        raise type(error)(
            error.errno,
            f"no swap file can be made in the swap directory {directory!r}: {error.strerror}",
        ) from error
