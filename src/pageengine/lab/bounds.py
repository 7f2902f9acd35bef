"""Bounds: how large a simulation can be. What is beyond them is said before anything is made, not
found out when memory or patience is at its end.
"""

from typing import Any

from pageengine.plumbing import given

VMS_MOST = 100_000
HOSTS_MOST = 10_000
EPOCHS_MOST = 10_000_000
EPOCH_LEAST = 0.001  # seconds; moments are a millionth of a second apart
ROWS_MOST = 10**9  # of timelines, a row per VM and epoch: 200 GB
NESTED_MOST = 32  # tables within tables


def epochs(seconds: float, epoch: float, vms: int = 1) -> int:
    """How many steps of ``epoch`` seconds there are in so many seconds, one at least."""
    steps = max(1, round(given.seconds(seconds, "seconds") / epoch))
    if steps > EPOCHS_MOST:
        raise ValueError(
            f"{seconds:g} s in epochs of {epoch:g} s are {steps} epochs, and there can be "
            f"{EPOCHS_MOST}: make the epoch longer or the run shorter"
        )
    if steps * vms > ROWS_MOST:
        raise ValueError(
            f"{steps} epochs of {vms} VMs are {steps * vms} rows of timelines, and "
            f"there can be {ROWS_MOST}: make the epoch longer, or the VMs fewer"
        )
    return steps


def whole_epochs(seconds: float, epoch: float, what: str) -> int:
    """How many epochs so many seconds are. ValueError: no whole number of them."""
    count = round(seconds / epoch)
    if count < 1 or abs(count * epoch - seconds) > 1e-6 * seconds:
        raise ValueError(
            f"{what} must be a whole number of epochs of {epoch:g} s, got {seconds:g} s"
        )
    return count


def shallow(value: Any, what: str) -> None:
    """Refuses tables and lists that are nested too deep to be read one within the other."""
    level, depth = [value], 0
    while level:
        depth += 1
        if depth > NESTED_MOST:
            raise ValueError(f"{what} is nested more than {NESTED_MOST} deep: write it flatter")
        level = [
            inner
            for each in level
            if isinstance(each, (dict, list, tuple))
            for inner in (each.values() if isinstance(each, dict) else each)
        ]
