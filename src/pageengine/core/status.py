"""What a status of the core means to the caller of a Host or VM: its name, and the exception with
names and numbers.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from errno import EIO
from typing import TYPE_CHECKING, Protocol

from pageengine import errors
from pageengine.core.engine import EVENTS
from pageengine.plumbing import _status

if TYPE_CHECKING:
    from pageengine.core.engine import Engine
STATUS_NAMES = dict(_status.NAMES)
_NO_PAGE = 2**32 - 1  # in the place of a PPN: pages on their way out

__all__ = ["EVENTS", "STATUS_NAMES", "error_of"]


class Named(Protocol):
    """A virtual machine as it is told from others."""

    name: str
    _id: int


def error_of(
    status: int, engine: Engine, vm: str, done: int, vms: Iterable[Named] = ()
) -> Exception:
    """The exception for a batch on VM ``vm`` that stopped with ``status`` after ``done``
    accesses or pages. vms: all of the host's, where the page that failed may be of another.
    """
    name = STATUS_NAMES[status]
    id, ppn, errno = engine.error
    if name == "PE_NO_FRAME":
        return errors.OutOfFrames(
            f"no machine frame is idle and none could be reclaimed; {done} accesses of {vm!r} "
            "were made",
            done,
        )
    if name == "PE_ERR_PAGE_RANGE":
        return IndexError(
            f"the PPNs changed while the batch was made, and entry {done} is not a page of VM "
            f"{vm!r} any more; {done} accesses were made"
        )
    if name == "PE_BLOCKED":
        return errors.Blocked(f"virtual machine {vm!r} is blocked; {done} accesses were made", done)
    if name == "PE_NO_SLOT":
        return errors.SwapFull(
            f"swap space is full; {done} pages of {vm!r} went out and the others stayed where "
            "they were",
            done,
        )
    if name == "PE_ERR_SWAP_CORRUPT":
        return errors.SwapCorruption(
            f"the swapped page {ppn} of virtual machine {vm!r} does not hold what was written to "
            "it: its content is lost, and every other page is as it was",
            vm,
            ppn,
        )
    if name == "PE_ERR_BACKING":
        return _failed_write(errno, vm, done) if ppn == _NO_PAGE else _failed_read(errno, vm, ppn)
    if name == "PE_ERR_CODEC":
        owner = next((each.name for each in vms if each._id == id), vm)
        return errors.CodecError(
            f"the compressed page {ppn} of virtual machine {owner!r} does not decode: its content "
            "is lost, and every other page is as it was"
        )
    return _status.exception_of(status)


def _failed_write(errno: int, vm: str, done: int) -> errors.SwapError:
    return errors.SwapError(
        errno,
        f"the swap file could not be written for virtual machine {vm!r}: {os.strerror(errno)}; "
        f"{done} pages went out, the others stayed where they were, and nothing is lost",
    )


def _failed_read(errno: int, vm: str, ppn: int) -> errors.SwapError:
    """errno: 0 where the file ends too early."""
    page = f"the swapped page {ppn} of virtual machine {vm!r}"
    if errno:
        what = f"{page} could not be read: {os.strerror(errno)}; it stays in swap for another try"
    else:
        what = f"the swap file was cut short and ends before {page}: its content is lost"
    error = errors.SwapError(errno or EIO, f"{what}, and every other page is as it was")
    error.vm, error.ppn = vm, ppn
    return error
