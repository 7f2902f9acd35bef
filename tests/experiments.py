"""Each published experiment is run once in a process, however many tests look at what it found."""

import functools

import pytest

from pageengine import papers

_run = functools.cache(papers.run)
#: Under two seconds each.
QUICK = {"fig5", "metadata", "minfree", "balloon-speed"}
#: All of them, as parameters.
EACH = [
    pytest.param(name, marks=[] if name in QUICK else [pytest.mark.slow])
    for name in papers.EXPERIMENTS
]


def run(name, seed=0):
    """What ``papers.run`` gives, and may stand in its place."""
    return _run(name, seed)
