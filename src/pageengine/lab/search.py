"""Searching a scale of values for the end up to which they are good, when most of what is known is
that it should be one end: a coarse look first, or one where the end is supposed to be, then
halving, and what does not fit that is said.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, isnan

#: Points of the coarse look, both ends among them.
COARSE = 5


def search(
    good: Callable[[int], bool],
    last: int,
    near: int | None = None,
    known: dict[int, bool] | None = None,
) -> int | None:
    """The index from 0 (the careful end) to ``last`` up to which everything that was tried is good,
    with a bad one right behind it; None where 0 is not good.

    Without ``near`` it looks at points over the whole scale first, so that good ones beyond a bad
    one are seen; with it, it looks around there. known: what was tried; filled in.
    """
    tried: dict[int, bool] = {} if known is None else known

    def ask(index: int) -> bool:
        if index not in tried:
            tried[index] = good(index)
        return tried[index]

    if near is None:
        for point in range(COARSE):
            ask(round(last * point / (COARSE - 1)))
    else:
        step, at, up = 1, near, ask(near)
        while ask(at) == up and (at < last if up else at > 0):  # outward, in steps that double
            at = min(at + step, last) if up else max(at - step, 0)
            step *= 2
    while True:
        low, bad = ends(tried, last)
        if bad - low <= 1:
            return low if low >= 0 else None
        ask((low + bad) // 2)


def band(
    good: Callable[[int, int], bool],
    last: int,
    seeds: Sequence[int],
    known: dict[int, dict[int, bool]] | None = None,
    near: int | None = None,
) -> dict[int, int | None]:
    """Each seed's answer, asking ``good(index, seed)``: the first seed looks over the whole scale;
    with ``near``, where the end should be, at both ends of the scale and, if they are as they
    should be, around there. The others begin where it ended, and the careful end of them all is
    tried with every seed. known: what was tried, by seed; filled in.
    """
    tried = {} if known is None else known

    def find(seed: int, near: int | None) -> int | None:
        return search(lambda index: good(index, seed), last, near, tried.setdefault(seed, {}))

    if near is not None:
        own = tried.setdefault(seeds[0], {})
        for index in (0, last):
            if index not in own:
                own[index] = good(index, seeds[0])
        if not own[0] or own[last] or near == last:  # not so, then: nothing is known
            near = None
    for seed in seeds:
        near = find(seed, near)
        if near is None:
            break
    else:
        index = last + 1
        while True:
            careful = min(ends(tried[seed], last)[0] for seed in seeds)
            if careful == index or careful < 0:
                break
            index = careful
            for seed in seeds:
                find(seed, index)
    lows = {seed: ends(tried.get(seed, {}), last)[0] for seed in seeds}
    return {seed: None if low < 0 else low for seed, low in lows.items()}


class _Asked(Exception):
    """The next question of a search."""

    def __init__(self, index: int, seed: int):
        super().__init__(index, seed)
        self.question = index, seed


def to_come(
    last: int,
    seeds: Sequence[int],
    known: Mapping[int, Mapping[int, bool]],
    near: int | None = None,
) -> Iterator[tuple[int, int]]:
    """What ``band`` may ask, (index, seed): the next question, those after it for each answer that
    it may have, and so on, without end but that of the search; some more than once."""
    ways = deque([{seed: dict(tried) for seed, tried in known.items()}])
    while ways:
        way = ways.popleft()
        try:
            band(_ask, last, seeds, way, near)
        except _Asked as asked:
            index, seed = asked.question
            yield index, seed
            for answer in (True, False):
                then = {other: dict(tried) for other, tried in way.items()}
                then.setdefault(seed, {})[index] = answer
                ways.append(then)


def _ask(index: int, seed: int) -> bool:
    raise _Asked(index, seed)


def ends(tried: Mapping[int, bool], last: int) -> tuple[int, int]:
    """The last good index before the first bad one, or -1; and the first bad one, or last + 1."""
    bad = min((index for index, good in tried.items() if not good), default=last + 1)
    return max((index for index in tried if index < bad), default=-1), bad


@dataclass(frozen=True)
class Turn:
    """Where a figure that should grow from the careful end on falls instead. careful, bold:
    indexes; before, after: the figures there. flips: whether the objective fails at the careful one
    and holds at the bold one."""

    seed: int
    careful: int
    before: float
    bold: int
    after: float
    flips: bool


def turn(
    figures: Mapping[int, float],
    holds: Callable[[float], bool],
    seed: int,
    limit: float,
    margin: float = 0.1,
) -> Turn | None:
    """The worst such fall among the figures by index: one that turns a failure into a success, or
    else the deepest of more than ``margin`` of the figure and of the limit; None where there is
    none."""
    found: list[Turn] = []
    order = sorted(figures)
    for number, careful in enumerate(order):
        for bold in order[number + 1 :]:
            before, after = figures[careful], figures[bold]
            flips = not holds(before) and holds(after)
            falls = before - after > margin * max(before, limit) if isfinite(before) else flips
            if flips or falls:
                found.append(Turn(seed, careful, before, bold, after, flips))
    return max(found, key=lambda one: (one.flips, one.before - one.after), default=None)


def supposed(
    figure: Callable[[int], float], holds: Callable[[float], bool], last: int
) -> int | None:
    """The index up to which a figure that rises should hold, by halving; at 0 it is taken to.
    None: it is NaN somewhere on the way.
    """
    low, bad = 0, last + 1
    while bad - low > 1:
        middle = (low + bad) // 2
        told = figure(middle)
        if isnan(told):
            return None
        low, bad = (middle, bad) if holds(told) else (low, middle)
    return low
