"""Admission control: a VM whose guarantees cannot be kept is refused (OSDI 2002 section 6.2).

Machine memory must hold reservation + overhead of every VM, swap space size - reservation.
"""

from pageengine import errors
from pageengine.plumbing.frozen import Frozen
from pageengine.plumbing.kept import Kept
from pageengine.policy.shares import parse_shares
from pageengine.units import PAGE_BYTES, PAGES_MOST, Size, format_size, parse_pages


class ResourceAllocation(Frozen):
    """What a VM is promised. Bytes, but for shares, which are a weight."""

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


def read_allocation(
    size: Size,
    shares: Size,
    reservation: Size,
    limit: Size | None,
    overhead: Size,
) -> ResourceAllocation:
    """The allocation as a user writes it."""
    bytes_ = parse_pages(size, "size", PAGES_MOST) * PAGE_BYTES
    if bytes_ == 0:
        raise ValueError(f"size must be at least one page (4096 bytes), got {size!r}")
    return ResourceAllocation(
        size=bytes_,
        shares=parse_shares(shares, bytes_),
        reservation=parse_pages(reservation, "reservation", PAGES_MOST) * PAGE_BYTES,
        limit=bytes_ if limit is None else parse_pages(limit, "limit", PAGES_MOST) * PAGE_BYTES,
        overhead=parse_pages(overhead, "overhead", PAGES_MOST) * PAGE_BYTES,
    )


class Promises(Kept):
    """What a host has promised its VMs. memory: bytes of machine memory that it has; swap: of
    swap space, None where that grows with the VMs; reserve_swap: whether swap space of a fixed
    size is promised too.
    """

    KEPT = ("_memory", "_swap_left", "_grows", "_reserve_swap", "slots")

    def __init__(self, memory: int, swap: int | None, reserve_swap: bool):
        self._memory, self._swap_left = memory, 0 if swap is None else swap
        self._grows, self._reserve_swap = swap is None, reserve_swap
        self.slots = 0 if swap is None else swap // PAGE_BYTES  # pages that swap space must hold

    @property
    def has_swap(self) -> bool:
        """Whether there is swap space, or may be."""
        return self._grows or self.slots > 0

    def admit(
        self, name: str, allocation: ResourceAllocation, instead: ResourceAllocation | None = None
    ) -> None:
        """Refuses with AdmissionError, or makes the promise, in place of another one."""
        memory = self._memory + (instead.memory if instead else 0)
        swap = self._swap_left + (instead.swap if instead else 0)
        fixed = self._reserve_swap and not self._grows
        admit(name, allocation, memory, swap if fixed else None)
        needed = (allocation.swap - swap) // PAGE_BYTES if self._grows else 0
        if needed > PAGES_MOST:
            raise errors.AdmissionError(
                f"the VMs may need {format_size(needed * PAGE_BYTES)} of swap space, and "
                f"there can be {format_size(PAGES_MOST * PAGE_BYTES)}: give swap= the size that "
                "it is to have"
            )
        if needed > self.slots:
            # by an eighth at least: many VMs in turn do not each move the whole table
            self.slots = max(needed, min(self.slots + self.slots // 8, PAGES_MOST))
        self._memory, self._swap_left = memory - allocation.memory, swap - allocation.swap

    def take_back(
        self, allocation: ResourceAllocation, instead: ResourceAllocation | None = None
    ) -> None:
        """Nobody is promised this any more; what it stood for is promised again."""
        self._memory += allocation.memory - (instead.memory if instead else 0)
        self._swap_left += allocation.swap - (instead.swap if instead else 0)


def admit(
    name: str, allocation: ResourceAllocation, unreserved: int, swap_left: int | None
) -> None:
    """Raises AdmissionError. unreserved: machine memory that is promised to nobody; swap_left: swap
    space likewise, None where it need not be promised.
    """
    reservation = format_size(allocation.reservation)
    if allocation.reservation > allocation.size:
        raise errors.AdmissionError(
            f"the reservation of {name!r}, {reservation}, is more than its size, "
            f"{format_size(allocation.size)}"
        )
    if allocation.limit < allocation.reservation:
        raise errors.AdmissionError(
            f"the limit of {name!r}, {format_size(allocation.limit)}, is less than its "
            f"reservation, {reservation}"
        )
    if allocation.memory > unreserved:
        overhead = (
            f" with {format_size(allocation.overhead)} of overhead" if allocation.overhead else ""
        )
        raise errors.AdmissionError(
            f"the reservation of {name!r}, {reservation}{overhead}, is more than the "
            f"{format_size(unreserved)} of machine memory that are not reserved yet"
        )
    if swap_left is not None and allocation.swap > swap_left:
        raise errors.AdmissionError(
            f"{name!r} may need {format_size(allocation.swap)} of swap space (its size less its "
            f"reservation), and {format_size(swap_left)} are not promised yet"
        )
