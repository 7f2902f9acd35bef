"""The small guests of `pageengine paper live`, for tests: what they boot from is kept in
build/guests, and is made where it is not there yet.
"""

import functools
import os
import shutil
from pathlib import Path

from pageengine.errors import LiveError
from pageengine.papers import tcg_guests
from pageengine.papers.tcg_guests import SOURCE, swap_in_memory

__all__ = ["BUILD", "SOURCE", "boot", "missing", "no_compiler", "swap_in_memory"]

BUILD = Path(__file__).parents[1] / "build" / "guests"
boot = functools.partial(tcg_guests.boot, files=BUILD)


def no_compiler() -> str:
    """Why the toucher cannot be compiled here; "" if it can."""
    return "" if shutil.which("gcc") and os.uname().sysname == "Linux" else "no gcc on Linux"


@functools.cache
def missing() -> str:
    """Why no guests can be had here; "" if they can."""
    if why := tcg_guests.no_programs():
        return why
    try:
        tcg_guests.fetch(BUILD)
    except LiveError as error:
        return str(error)
    return ""
