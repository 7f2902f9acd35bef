"""Frames: one at a time as the core does it, and in batches from Python, with gaps anywhere, each
against a stack of free numbers, the simplest allocator there is.

In the core both are C, a call each. From Python the stack is an array (numpy), both its calls one
copy; it needs 31 times the memory, knows no neighbours and cannot refuse a frame that is idle,
while FrameBitmap checks every frame that is given back.
"""

import ctypes

import numpy as np
import pytest
from peers import CORE, compiled, pointer

from pageengine.stores.frames import FrameBitmap

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
    given, starts = [], iter(range(0, taken.size, BATCH))

    def setup():
        if given:  # what was given back is replaced by as many other frames
            taken[given.pop()] = frames.take(BATCH)
        start = next(starts)
        given.append(slice(start, start + BATCH))
        return (taken[given[-1]],), {}

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


BURSTS = 2000


@pytest.fixture(scope="module")
def in_core():
    """99.9 % full, in the core: (library, host)."""
    core = [str(path) for path in sorted(CORE.glob("pe_frames*.c"))] + [str(CORE / "pe_status.c")]
    library = compiled("peers_frames.c", "-fvisibility=hidden", f"-I{CORE}", *core)
    library.frames_new.restype = ctypes.c_void_p
    library.frames_part_of_a_stack.restype = ctypes.c_double
    taken = np.random.default_rng(1).permutation(COUNT)[: COUNT - COUNT // 1000].astype(np.uint32)
    made = ctypes.c_void_p(library.frames_new(COUNT, pointer(taken), taken.size))
    yield library, made
    library.frames_delete(made)


@pytest.mark.parametrize("burst", [1, 64, 1024, 8192])
@pytest.mark.parametrize("kind", ["frames", "stack"])
def bench_one_call_each(benchmark, in_core, kind, burst):
    """Bursts of that many frames are given back and as many taken; above 4096 more than the hand
    holds.
    """
    library, made = in_core
    bursts = BURSTS * 64 // max(burst, 64)
    benchmark.group = f"frames in the core: give back and take, one call each, bursts of {burst}"
    benchmark.pedantic(
        getattr(library, f"{kind}_run"), (made, bursts, burst), rounds=31, warmup_rounds=3
    )
    benchmark.extra_info.update(per_item=bursts * burst, unit="frame given back and taken")
    if kind == "frames":
        part = library.frames_part_of_a_stack(made)
        benchmark.extra_info.update(
            peer=f"bench_one_call_each[stack-{burst}]", memory=f"1/{1 / part:.1f}"
        )
