"""Admission control: a machine whose guarantees cannot be kept is refused (OSDI 2002 section 6.2).

Machine memory must hold reservation + overhead of every machine, swap space size - reservation.
"""

from pageengine import errors
from pageengine.frozen import Frozen
from pageengine.policy.shares import parse_shares
from pageengine.units import PAGE_BYTES, PAGES_MOST, format_size, parse_pages


class Claim(Frozen):
    """What a machine is promised. Bytes, but for shares, which are a weight."""

    size: int
    shares: int
    reservation: int
    limit: int
    overhead: int

    @property
    def memory(self) -> int:
        """Machine memory that must be there for it."""
        return self.reservation + self.overhead

    @property
    def swap(self) -> int:
        """Swap space that must be there for it."""
        return self.size - self.reservation


def read_claim(size, shares, reservation, limit, overhead) -> Claim:
    """The claim as a user writes it."""
    bytes_ = parse_pages(size, "size", PAGES_MOST) * PAGE_BYTES
    if bytes_ == 0:
        raise ValueError(f"size must be at least one page (4096 bytes), got {size!r}")
    return Claim(
        size=bytes_,
        shares=parse_shares(shares, bytes_),
        reservation=parse_pages(reservation, "reservation", PAGES_MOST) * PAGE_BYTES,
        limit=bytes_ if limit is None else parse_pages(limit, "limit", PAGES_MOST) * PAGE_BYTES,
        overhead=parse_pages(overhead, "overhead", PAGES_MOST) * PAGE_BYTES,
    )


def grown(slots: int, wanted: int) -> int:
    """Slots of a swap space that grows to ``slots`` at least, and to ``wanted`` if there can be so
    many.
    """
    if slots > PAGES_MOST:
        raise errors.AdmissionError(
            f"the machines may need {format_size(slots * PAGE_BYTES)} of swap space, and there can "
            f"be {format_size(PAGES_MOST * PAGE_BYTES)}: give swap= the size it is to have"
        )
    return max(slots, min(wanted, PAGES_MOST))


def admit(name: str, claim: Claim, unreserved: int, swap_left: int | None) -> None:
    """Raises AdmissionError. unreserved: machine memory that is promised to nobody; swap_left: swap
    space likewise, None where it need not be promised.
    """
    reservation = format_size(claim.reservation)
    if claim.reservation > claim.size:
        raise errors.AdmissionError(
            f"the reservation of {name!r}, {reservation}, is more than its size, "
            f"{format_size(claim.size)}"
        )
    if claim.limit < claim.reservation:
        raise errors.AdmissionError(
            f"the limit of {name!r}, {format_size(claim.limit)}, is less than its reservation, "
            f"{reservation}"
        )
    if claim.memory > unreserved:
        overhead = f" with {format_size(claim.overhead)} of overhead" if claim.overhead else ""
        raise errors.AdmissionError(
            f"the reservation of {name!r}, {reservation}{overhead}, is more than the "
            f"{format_size(unreserved)} of machine memory that are not reserved yet"
        )
    if swap_left is not None and claim.swap > swap_left:
        raise errors.AdmissionError(
            f"{name!r} may need {format_size(claim.swap)} of swap space (its size less its "
            f"reservation), and {format_size(swap_left)} are not promised yet"
        )
