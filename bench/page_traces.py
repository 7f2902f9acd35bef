"""Accesses to pages for benchmarks that replay them: real ones from the folder that
PAGEENGINE_TRACES names (``.npz`` with a column ``page``; a record is one access), or made ones of
about their size and kind.
"""

import functools
import os
from pathlib import Path

import numpy as np

FOLDER = os.environ.get("PAGEENGINE_TRACES")


def names():
    """Of the traces there are."""
    if FOLDER:
        return sorted(path.stem for path in Path(FOLDER).glob("*.npz"))
    return ["made-guest", "made-program"]


@functools.cache
def pages(name):
    """int64 [n], in order."""
    if FOLDER:
        with np.load(Path(FOLDER) / f"{name}.npz") as file:
            return file["page"].astype(np.int64)
    return made(1_300_000, 30_000, 6) if name == "made-guest" else made(5_200_000, 11_000, 40)


def made(n, pages, rounds):
    """Skewed accesses around a place that moves through all pages so many times, one in twenty
    around none; pages are numbered with gaps.
    """
    draw = np.random.default_rng(1)
    place = np.arange(n) * rounds * pages // n
    far = draw.random(n) < 0.05
    near = place + np.minimum(draw.zipf(1.6, n), pages // 8) * draw.choice([-1, 1], n)
    found = np.where(far, draw.zipf(1.3, n), near) % pages
    return found // 512 * 4096 + found % 512
