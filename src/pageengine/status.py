"""What a status of the core means to the caller of a Host or VM: its name, and the exception with
names and numbers.
"""

import os

from pageengine import _status, errors
from pageengine.engine import EVENTS

STATUS_NAMES = dict(_status.NAMES)

__all__ = ["EVENTS", "STATUS_NAMES", "error_of"]


def error_of(status: int, engine, vm: str, done: int) -> Exception:
    """The exception for a batch on machine ``vm`` that stopped with ``status`` after ``done``
    accesses or pages.
    """
    name = STATUS_NAMES[status]
    _, ppn, errno = engine.error
    if name == "PE_NO_FRAME":
        return errors.OutOfFrames(
            f"no machine frame is idle and none could be reclaimed; {done} accesses of {vm!r} "
            "were made",
            done,
        )
    if name == "PE_ERR_PAGE_RANGE":
        return IndexError(
            f"the PPNs changed while the batch was made, and entry {done} is not a page of virtual "
            f"machine {vm!r} any more; {done} accesses were made"
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
            "it; all other pages stay readable",
            vm,
            ppn,
        )
    if name == "PE_ERR_BACKING":
        reason = os.strerror(errno) if errno else "the file ended early"
        return errors.SwapError(
            errno,
            f"the swap file failed for virtual machine {vm!r}: {reason}; {done} pages were done, "
            "nothing that was held is lost",
        )
    if name == "PE_ERR_CODEC":
        return errors.CodecError(
            f"the compressed page {ppn} of virtual machine {vm!r} does not decode"
        )
    return _status.exception_of(status)
