"""The only place where a status of the core becomes a Python exception."""

from errno import EMFILE
from functools import partial

from pageengine._c.status cimport *

from pageengine import errors

_EXCEPTIONS = {
    <int>PE_NO_FRAME: errors.OutOfFrames,
    <int>PE_NO_SLOT: errors.SwapFull,
    <int>PE_NO_ROOM: errors.CacheFull,
    <int>PE_INCOMPRESSIBLE: errors.CodecError,
    <int>PE_BLOCKED: errors.Blocked,
    <int>PE_SATURATED: errors.CountOverflow,
    <int>PE_ERR_NO_MEMORY: MemoryError,
    <int>PE_ERR_ARGUMENT: ValueError,
    <int>PE_ERR_NO_SUCH_VM: errors.NoSuchVM,
    <int>PE_ERR_PAGE_RANGE: IndexError,
    <int>PE_ERR_BACKING: errors.SwapError,
    <int>PE_ERR_SWAP_CORRUPT: errors.SwapCorruption,
    <int>PE_ERR_CODEC: errors.CodecError,
    <int>PE_ERR_NO_DESCRIPTOR: partial(errors.SwapError, EMFILE),
    <int>PE_ERR_CORRUPT: errors.CorruptState,
    <int>PE_ERR_STATE: errors.CheckpointError,
}


cdef int check(pe_status status) except -1:
    """Raises what the status means; returns 0 for PE_OK."""
    if status == PE_OK:
        return 0
    raise exception_of(status)


def exception_of(int status):
    """The exception for a status number, ready to raise."""
    text = pe_status_text(<pe_status>status).decode()
    return _EXCEPTIONS[status](text)


NAMES = {
    number: pe_status_name(<pe_status>number).decode() for number in (<int>PE_OK, *_EXCEPTIONS)
}
