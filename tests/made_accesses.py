"""Accesses that are made up, and reuse times of them: what tests of analyses share."""

import numpy as np

from pageengine.analysis.reuse import ReuseTimes
from pageengine.core.draws import Draws, Ranks
from pageengine.lab.workloads.zipf import popularity


def draw(key):
    return np.random.Generator(np.random.Philox(key=[key, 0]))


def zipf(key, pages, alpha, n):
    """n skewed accesses."""
    rng = draw(key)
    return Draws(rng).ranks(Ranks(rng.permutation(pages), popularity(pages, alpha)), n)


def seen(ids, rate=1.0, pieces=7, seed=0):
    """Looked at in pieces."""
    times = ReuseTimes(rate, seed)
    for part in np.array_split(ids, pieces):
        times.see(part)
    return times
