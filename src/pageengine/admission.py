"""Admission control: a machine whose guarantees cannot be kept is refused (OSDI 2002 section 6.2)."""

from pageengine import errors
from pageengine.units import format_size


def admit(name: str, size: int, reservation: int, limit: int, unreserved: int) -> None:
    if reservation > size:
        raise errors.AdmissionError(
            f"the reservation of {name!r}, {format_size(reservation)}, is more than its size, {format_size(size)}"
        )
    if limit < reservation:
        raise errors.AdmissionError(
            f"the limit of {name!r}, {format_size(limit)}, is less than its reservation, {format_size(reservation)}"
        )
    if reservation > unreserved:
        raise errors.AdmissionError(
            f"the reservation of {name!r}, {format_size(reservation)}, is more than the "
            f"{format_size(unreserved)} of machine memory that are not reserved yet"
        )
