"""Shares: a VM's weight, as a number or by the three names of ESX.

ESX 2.x Administration Guide chapter 12: low, normal and high are 1 : 2 : 4, and normal is 10 per MB
of configured memory. No shares: exactly the reservation, even while memory is free.
"""

from typing import SupportsIndex

from pageengine.plumbing import given
from pageengine.units import MIB

SHARES_MOST = 10**9  # sums over many VMs, times their memory, stay whole numbers
SHARES_PER_MIB = {"low": 5, "normal": 10, "high": 20}


def parse_shares(value: SupportsIndex | str, size: int) -> int:
    """value: a whole number from 0 on, or "low", "normal", "high", for ``size`` bytes."""
    if isinstance(value, str):
        if value not in SHARES_PER_MIB:
            raise ValueError(
                f"shares must be a number or one of {', '.join(SHARES_PER_MIB)}, "
                f"got {given.shown(value)}"
            )
        return max(1, SHARES_PER_MIB[value] * size // MIB)
    return given.whole(value, "shares", 0, SHARES_MOST)
