"""Frames: taking and giving back in batches, with gaps anywhere, against a stack of free numbers.

The peer is the simplest allocator there is: free numbers in an array, both calls one copy (numpy).
It needs 31 times the memory, knows no neighbours and cannot refuse a frame that is idle; here every
frame given back is checked.
"""

import numpy as np
import pytest

from pageengine.frames import FrameBitmap

COUNT = 1 << 22  # frames of a host of 16 GiB
BATCH = 2048
FULL = {"50": 0.5, "90": 0.9, "99": 0.99, "99.9": 0.999}


class Stack:
    """Free numbers in an array, the next on top."""

    def __init__(self, count):
        self.numbers, self.top = np.arange(count, dtype=np.uint32), count

    def take(self, n):
        self.top -= n
        return self.numbers[self.top : self.top + n].copy()

    def give_back(self, frames):
        self.numbers[self.top : self.top + frames.size] = frames
        self.top += frames.size


def filled(kind, full):
    """A host with gaps anywhere, and the frames that are taken, in random order."""
    frames = kind(COUNT)
    taken = np.random.default_rng(1).permutation(frames.take(COUNT))
    idle = round(COUNT * (1 - full))
    frames.give_back(taken[:idle])
    return frames, taken[idle:]


def note(benchmark, peer):
    benchmark.extra_info.update(per_item=BATCH, unit="frame", peer=peer)


@pytest.mark.parametrize("full", FULL)
@pytest.mark.parametrize("kind", [FrameBitmap, Stack])
def bench_take(benchmark, kind, full):
    benchmark.group = f"frames: take {BATCH}, {full} % full"
    frames, _ = filled(kind, FULL[full])
    last = []

    def setup():
        if last:
            frames.give_back(last.pop())

    benchmark.pedantic(
        lambda: last.append(frames.take(BATCH)), setup=setup, rounds=500, warmup_rounds=5
    )
    note(benchmark, f"bench_take[Stack-{full}]")


@pytest.mark.parametrize("full", FULL)
@pytest.mark.parametrize("kind", [FrameBitmap, Stack])
def bench_give_back(benchmark, kind, full):
    """Frames that were taken at different times: anywhere, in no order."""
    benchmark.group = f"frames: give back {BATCH}, {full} % full"
    frames, taken = filled(kind, FULL[full])
    rng, given = np.random.default_rng(2), []

    def setup():
        if given:  # what was given back is replaced by as many other frames
            taken[given.pop()] = frames.take(BATCH)
        places = rng.choice(taken.size, BATCH, replace=False)
        given.append(places)
        return (taken[places],), {}

    benchmark.pedantic(frames.give_back, setup=setup, rounds=200, warmup_rounds=5)
    note(benchmark, f"bench_give_back[Stack-{full}]")


@pytest.mark.parametrize("full", FULL)
def bench_one_by_one(benchmark, full):
    """One frame taken and given back per call: mostly what two Python calls cost."""
    benchmark.group = f"frames: one by one, {full} % full"
    frames, _ = filled(FrameBitmap, FULL[full])

    def run():
        for _ in range(100):
            frames.give_back(frames.take())

    benchmark(run)
    benchmark.extra_info.update(per_item=100, unit="frame taken and given back")
