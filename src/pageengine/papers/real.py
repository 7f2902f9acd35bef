"""Memory of real programs, for experiments that show what it holds beside a model of it."""

import os
import tempfile
from collections.abc import Sequence

import numpy as np

from pageengine import images
from pageengine.analysis import programs
from pageengine.errors import PageEngineError


def captured(names: Sequence[str], mebibytes: float) -> list[np.ndarray]:
    """Starts these programs (``analysis.programs.PROGRAMS``), with so many MiB of data each, and
    captures them: uint8 [n, 4096] of every one, without pages it never touched. Empty where no
    process can be started or read.
    """
    try:
        with tempfile.TemporaryDirectory() as folder, programs.running(names, mebibytes) as started:
            found = []
            for number, program in enumerate(started):
                programs.wait_ready(program)
                place = os.path.join(folder, str(number))
                os.mkdir(place)
                with images.open(programs.capture(program, place).path) as image:
                    found.append(np.concatenate([pages.copy() for _, pages in image]))
            return found
    except (OSError, PageEngineError):
        return []
