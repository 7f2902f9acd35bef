"""Reuse times of one VM: how long its pages wait to be accessed again, from one look at its
accesses. What it misses in a memory of any size follows from that alone, and, unlike with
curves of reuse distances, so does what many VMs miss in one memory (``analysis/mix.py``).

AET, the average eviction time (Hu, Wang, Li, Zhou, Luo, Ding, Jiang, Wang: USENIX ATC 2016). A
reuse time is the number of the VM's accesses from one access of a page to the next. With S(t) the
part of accesses whose page waits longer than t, an LRU memory of c pages evicts a page that was not
accessed for T accesses, where S summed from 0 to T is c, and misses S(T) of all accesses.

A page that has not come again when the look ends has waited at least so long; how long it will, was
not seen. The paper counts it as never, which takes a short look for a program that never returns.
Here such waits are censored (Kaplan and Meier, 1958: of the waits still seen at t, the part that
ends there), so S is what it would be after a long look, and pages seen once are not misses for
ever. A look of N accesses knows nothing of waits longer than N.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pageengine.plumbing import given
from pageengine.stores.hashing import hash_tokens

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

_FULL = 2.0**64
_EXACT = 256  # reuse times below are told apart one by one
UNTOLD = 0.01  # part of accesses: what a look need not tell of, since it moves no answer by more
_STEPS = 64  # and above in as many steps from each power of two to the next: 1.6 %


class ReuseTimes:
    """rate: part of pages that are watched, above 0 and at most 1, chosen by a hash of their ids
    and ``seed``, so that every access of a watched page is seen. All accesses are counted.

    Attributes:
        accesses: [accesses] seen so far
    """

    def __init__(self, rate: float = 1.0, seed: int = 0):
        self.rate = float(given.real(rate, "rate", 0, 1))
        if not self.rate:
            raise ValueError("rate is the part of pages that are watched: above 0, got 0")
        self._seed = given.whole(seed, "seed", 0, 2**64 - 1)
        self.accesses = 0
        self._watched = 0
        self._ended = np.zeros(0, np.int64)  # waits by their bin
        self._pages = np.zeros(0, np.int64)  # watched pages, in order of their ids
        self._last = np.zeros(0, np.int64)  # when each was accessed last

    def __repr__(self) -> str:
        return f"<ReuseTimes of {self.accesses} accesses to {self.footprint:.0f} pages>"

    @property
    def footprint(self) -> float:
        """Pages that were accessed, as the watched ones tell."""
        return len(self._pages) / self.rate

    def see(self, ids: ArrayLike) -> None:
        """Takes in accesses to pages, int [n], in order."""
        ids = np.asarray(ids, dtype=np.int64)
        when = np.arange(self.accesses, self.accesses + len(ids))
        self.accesses += len(ids)
        if self.rate < 1:
            watched = hash_tokens(ids.astype(np.uint64), self._seed) < self.rate * _FULL
            ids, when = ids[watched], when[watched]
        self._watched += len(ids)
        if not len(ids):
            return
        pages = np.concatenate([self._pages, ids])
        when = np.concatenate([self._last, when])
        order = np.argsort(pages, kind="stable")  # equal pages stay in the order of time
        pages, when = pages[order], when[order]
        again = pages[1:] == pages[:-1]
        found = np.bincount(_bin(np.diff(when)[again]))
        if len(found) > len(self._ended):
            self._ended = np.pad(self._ended, (0, len(found) - len(self._ended)))
        self._ended[: len(found)] += found
        newest = np.append(~again, True)
        self._pages, self._last = pages[newest], when[newest]

    def waits(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(t, S): the part of accesses, float64 [n], whose page waits longer than t accesses,
        float64 [n], for its next one. t rises from 0, where S is 1, to the longest wait that the
        look tells of; from one to the next S is a straight line.
        """
        open_ = np.bincount(_bin(self.accesses - self._last), minlength=len(self._ended))
        ended = np.pad(self._ended, (0, len(open_) - len(self._ended)))
        if not len(ended):
            return np.zeros(1), np.ones(1)
        waiting = np.cumsum((ended + open_)[::-1])[::-1]
        # those that the end of the look cuts off within a bin were seen for half of it
        seen = waiting - 0.5 * open_
        still = 1 - np.divide(ended, seen, out=np.zeros(len(seen)), where=seen > 0)
        known = waiting > 0
        edges = _edges(len(ended))
        longer = np.cumprod(still[known])
        # what chance made of the number of watched accesses goes to the shortest waits, as it does
        # in SHARDS (FAST 2015, section 3.2): most of them are of a few pages, watched or not
        longer = np.minimum(longer * (self._watched / (self.accesses * self.rate)), 1.0)
        return edges[np.append(True, known)], np.append(1.0, longer)

    def curve(self, sizes: ArrayLike) -> NDArray[np.float64]:
        """Miss ratio, float64 [n], of an LRU memory of so many pages, int or float [n], that has
        run for long: pages accessed for the first time count by how often such come, not as misses
        of their own. NaN where the look was too short to tell.
        """
        return Waits.of(self).missed_with(np.asarray(sizes, dtype=np.float64))


class Waits(NamedTuple):
    """S and what follows from it, at times from 0 to the longest that the look tells of.

    Attributes:
        time: [accesses] float64 [n], rising from 0
        longer: [part] float64 [n]: S, the part of accesses whose page waits longer
        held: [pages] float64 [n]: those accessed within the time: S summed up to there
        footprint: [pages] that were accessed at all
    """

    time: NDArray[np.float64]
    longer: NDArray[np.float64]
    held: NDArray[np.float64]
    footprint: float

    @classmethod
    def of(cls, seen: ReuseTimes) -> Waits:
        """Of what was seen until now."""
        time, longer = seen.waits()
        steps = np.diff(time) * (longer[1:] + longer[:-1]) / 2
        held = np.concatenate([[0.0], np.cumsum(steps)])
        return cls(time, longer, held, max(seen.footprint, held[-1]))

    @property
    def whole(self) -> bool:
        """So few accesses wait longer than the look tells of that it makes no difference."""
        return bool(self.longer[-1] <= UNTOLD)

    def missed_with(self, sizes: NDArray[np.float64]) -> NDArray[np.float64]:
        """Miss ratio with so many pages, float64 [n]; NaN where the look does not tell."""
        missed = np.interp(sizes, self.held, self.longer)
        beyond = sizes > self.held[-1]
        if not self.whole:
            missed[beyond] = np.nan
        elif beyond.any():  # from the few that are left to none: all pages are held
            missed[beyond] = np.interp(
                sizes[beyond], [self.held[-1], self.footprint], [self.longer[-1], 0.0]
            )
        return missed


def _bin(times: NDArray[np.int64]) -> NDArray[np.int64]:
    """The bin of each reuse time, int64 [n], 1 and more: exact below _EXACT, then _STEPS bins from
    a power of two to the next.
    """
    power = np.frexp(times.astype(np.float64))[1]  # 2 ** (power - 1) <= time < 2 ** power
    octave = np.maximum(power - 1 - int(np.log2(_EXACT)), 0)
    shift = octave + int(np.log2(_EXACT // _STEPS))
    above = _EXACT + octave * _STEPS + (times >> shift) - _STEPS
    bins: NDArray[np.int64] = np.where(times < _EXACT, times, above) - 1
    return bins


def _edges(bins: int) -> NDArray[np.float64]:
    """Where bins end, float64 [bins + 1], from 0 on: bin b holds the times above edge b up to
    edge b + 1.
    """
    b = np.arange(bins + 1)
    octave, step = np.divmod(np.maximum(b - (_EXACT - 1), 0), _STEPS)
    above = (_STEPS + step) * (_EXACT // _STEPS) * 2.0**octave - 1
    edges: NDArray[np.float64] = np.where(b < _EXACT, b, above)
    return edges
