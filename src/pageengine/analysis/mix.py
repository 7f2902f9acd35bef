"""What VMs miss that share one memory, from what was seen of each alone: no mix is simulated.

In a memory whose pages go by how long ago they were accessed, whoever's they are, every VM's pages
go at the same age: T seconds. A VM that makes r accesses per second then holds the pages that it
accessed within r T of its accesses, and misses those of its accesses whose page waits longer. So

    sum over VMs of held(r T) = pages of the memory,    miss ratio of a VM = S(r T)

with ``held`` and ``S`` of its reuse times (``analysis/reuse.py``; AET, USENIX ATC 2016, section 3,
there for one program; that it composes needs one clock for all, which real time is). A VM that
waits for what it misses makes fewer accesses, which is why its rate is looked for together with T.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pageengine.analysis.reuse import ReuseTimes, Waits
from pageengine.plumbing import given

_ROUNDS = 200  # more than ever were needed to settle rates
_SETTLED = 1e-6  # of a rate


class Mix(NamedTuple):
    """What VMs get of one memory, at each of its sizes.

    Attributes:
        sizes: [pages] of the memory, float64 [n]
        age: [seconds] at which pages go, float64 [n]; infinite where all of them stay
        missed: [part] of the VM's accesses that miss, float64 [n, VMs]; NaN where the looks were
            too short to tell
        held: [pages] of each VM in memory, float64 [n, VMs]
        rates: [accesses per second] that each VM makes, waiting for what it misses, float64
            [n, VMs]
    """

    sizes: NDArray[np.float64]
    age: NDArray[np.float64]
    missed: NDArray[np.float64]
    held: NDArray[np.float64]
    rates: NDArray[np.float64]


def mix(
    seen: Sequence[ReuseTimes],
    rates: ArrayLike,
    sizes: ArrayLike,
    *,
    stall: float = 0.0,
    counts: ArrayLike | None = None,
) -> Mix:
    """VMs in one LRU memory, at each of its sizes.

    seen: of each VM alone. rates: accesses per second of each VM while it waits for nothing, float
    [VMs]. sizes: pages of the memory, int or float [n]. stall: seconds that a VM waits for an
    access that misses. counts: how many alike each VM stands for, int [VMs]; one each where it is
    not given. ValueError: a rate or count for each VM is not given, or one is not above 0.
    """
    fastest = np.asarray(rates, dtype=np.float64)
    if fastest.shape != (len(seen),) or not len(seen):
        raise ValueError(f"rates must be one for each of {len(seen)} VMs, got {given.shown(rates)}")
    if not (np.isfinite(fastest).all() and (fastest > 0).all()):
        raise ValueError(f"rates are accesses per second, above 0, got {given.shown(rates)}")
    alike = np.ones(len(seen)) if counts is None else np.asarray(counts, dtype=np.float64)
    if alike.shape != fastest.shape or not (np.isfinite(alike).all() and (alike > 0).all()):
        raise ValueError(
            f"counts must be one above 0 for each of {len(seen)} VMs, got {given.shown(counts)}"
        )
    stall = given.real(stall, "stall", 0)
    waits = [Waits.of(each) for each in seen]
    memory = np.atleast_1d(np.asarray(sizes, dtype=np.float64))
    rows = [_at(waits, fastest, alike, size, stall) for size in memory]
    age, missed, held, settled = (np.array(column) for column in zip(*rows, strict=True))
    return Mix(memory, age, missed, held, settled)


class _Row(NamedTuple):
    age: float
    missed: NDArray[np.float64]
    held: NDArray[np.float64]
    rates: NDArray[np.float64]


def _at(
    waits: list[Waits],
    fastest: NDArray[np.float64],
    alike: NDArray[np.float64],
    size: float,
    stall: float,
) -> _Row:
    """One size of memory: rates follow from what is missed, and that from rates."""
    rates = fastest
    for _ in range(_ROUNDS):
        age, held = _share(waits, rates, alike, size)
        parts = [vm.missed_with(pages) for vm, pages in zip(waits, held[:, None], strict=True)]
        missed = np.concatenate(parts)
        follow = fastest / (1 + fastest * missed * stall)
        if not (np.abs(follow - rates) > _SETTLED * rates).any():  # nor where nobody can tell
            break
        rates = (rates + follow) / 2
    return _Row(age, missed, held, rates)


def _share(
    waits: list[Waits], rates: NDArray[np.float64], alike: NDArray[np.float64], size: float
) -> tuple[float, NDArray[np.float64]]:
    """(the age at which pages go, pages of each VM): the age at which all hold the size."""
    told = np.array([vm.held[-1] for vm in waits])
    if size > (alike * told).sum():
        every = np.array([vm.footprint for vm in waits])
        more = (alike * (every - told)).sum()
        part = min(1.0, (size - (alike * told).sum()) / more) if more else 1.0
        return np.inf, told + part * (every - told) + (
            0 if all(vm.whole for vm in waits) else np.nan
        )
    ages = np.unique(
        np.concatenate([vm.time / rate for vm, rate in zip(waits, rates, strict=True)])
    )
    held = np.array(
        [np.interp(ages * rate, vm.time, vm.held) for vm, rate in zip(waits, rates, strict=True)]
    )
    age = float(np.interp(size, (alike[:, None] * held).sum(axis=0), ages))
    short = any(
        age * rate > vm.time[-1] and not vm.whole for vm, rate in zip(waits, rates, strict=True)
    )
    at = np.array([np.interp(age, ages, each) for each in held])
    return (np.nan, np.full(len(waits), np.nan)) if short else (age, at)
