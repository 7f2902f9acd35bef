"""What every trace offers: an iterator of batches of accesses, read as it goes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, Self, SupportsIndex, TypeVar

import numpy as np

from pageengine.errors import TraceError
from pageengine.plumbing import given
from pageengine.traces.ids import Ids

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    class Replayed(Protocol):
        """What a guest says of the accesses it made."""

        @property
        def done(self) -> int: ...
        @property
        def misses(self) -> int: ...
        def _replace(self, *, done: int = ..., misses: int = ...) -> Self: ...

    Result = TypeVar("Result", bound=Replayed, covariant=True)

    class Replays(Protocol[Result]):
        """What makes them: a ``Guest``."""

        def replay(self, kind: Kind, ids: ArrayLike, write: ArrayLike = ...) -> Result: ...

    Kind = Literal["memory", "file"]

BATCH = 1 << 16
PAGE_SHIFT = 12
_VMS_NAMED = 8


@dataclass(frozen=True)
class Batch:
    """Accesses in the order in which they were made.

    page: int64 [n], names of pages: numbers, or any 64 bits such as hashes, equal for equal pages
    (2**63 and above are negative here). write: bool [n]. time: float64 [n] in seconds, or None
    where the trace has no clock. vm: int64 [n], the number of the VM, or None where the trace
    does not tell of VMs. run: int64 [n], so many accesses to the page in a row, or None for
    one each.
    """

    page: NDArray[np.int64]
    write: NDArray[np.bool_]
    time: NDArray[np.float64] | None = None
    vm: NDArray[np.int64] | None = None
    run: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.page)

    def of(self, vm: int | None) -> Batch:
        """The accesses of this VM; all, where it is None or the trace tells of no VMs."""
        if vm is None or self.vm is None:
            return self
        mine = self.vm == as_vm(vm)
        return Batch(
            self.page[mine],
            self.write[mine],
            None if self.time is None else self.time[mine],
            self.vm[mine],
            None if self.run is None else self.run[mine],
        )


class Trace:
    """A trace in a file. Iterate for batches, as often as you like; each time from the start.

    A file that is not empty and has no access is an error (TraceError). notes: what of the file is
    not read (columns that are no part of a trace, lines that are no accesses), each with its count
    or name; complete after an iteration, which also warns of such lines (TraceWarning).
    """

    def __init__(
        self,
        path: str,
        kind: str,
        batches: Callable[[list[str]], Iterator[Batch]],
        unread: str = "",
    ):
        self.path, self.kind = path, kind
        self._unread, self._batches = [unread] if unread else [], batches
        self.notes = list(self._unread)

    def __repr__(self) -> str:
        return f"<Trace {self.path!r}: {self.kind}>"

    def __iter__(self) -> Iterator[Batch]:
        said: list[str] = []
        some = False
        for batch in self._batches(said):
            if len(batch):
                some = True
                yield batch
        self.notes = self._unread + said
        if not some and os.path.getsize(self.path):
            why = f" ({'; '.join(said)})" if said else ""
            raise TraceError(f"{self.path}: the file is not empty and has no access{why}")

    def of(self, vm: int | None) -> Iterator[Batch]:
        """Batches of the accesses of one VM, or of all for None. TraceError: the trace has
        none of this VM, which shows at its end, or does not tell of VMs.
        """
        found, others = vm is None, set[int]()
        vm = None if vm is None else as_vm(vm)
        for batch in self:
            vms = batch.vm
            if vm is not None and vms is None:
                raise TraceError(
                    f"{self.path} does not say which VM makes an access (it has no column "
                    f"vm), and those of vm {vm} are asked for: leave vm out"
                )
            mine = batch.of(vm)
            if len(mine):
                found = True
                yield mine
            if not found and vms is not None and len(others) <= _VMS_NAMED:
                others.update(np.unique(vms).tolist())
        if not found and others:
            named = ", ".join(map(str, sorted(others)[:_VMS_NAMED]))
            more = ", ..." if len(others) > _VMS_NAMED else ""
            raise TraceError(f"{self.path} has no accesses of vm {vm}; it has vm {named}{more}")

    def replay(self, guest: Replays[Result], kind: Kind = "file", vm: int | None = None) -> Result:
        """Makes the accesses in a ``Guest`` as touches of ``kind``, without holding the trace;
        returns what ``guest.replay`` does, for all of them. So many accesses in a row (``run``) are
        one touch. It ends where the guest is out of memory. vm: the number of the VM whose
        accesses are made; a guest is one VM, so a trace of several needs it (TraceError).
        """
        total, ids = guest.replay(kind, np.zeros(0, np.int64)), Ids()
        for page, write in self._touches(vm):
            part = guest.replay(kind, ids.of(page), write)
            total = total._replace(done=total.done + part.done, misses=total.misses + part.misses)
            if part.done < len(page):
                break
        return total

    def _touches(
        self, vm: int | None
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.bool_] | bool]]:
        """Pages, and which are written, as a replay needs them: unlike those of a batch they may
        lie apart from each other, and need not be looked at yet.
        """
        first = None
        for batch in self.of(vm):
            if vm is None and batch.vm is not None:
                first = int(batch.vm[0]) if first is None else first
                others = batch.vm[batch.vm != first]
                if others.size:
                    raise TraceError(
                        f"{self.path} has accesses of several VMs, such as {first} and "
                        f"{others[0]}: say whose are made, replay(..., vm={first})"
                    )
            yield batch.page, batch.write


def as_vm(vm: SupportsIndex) -> int:
    """The number of a VM as it stands in a batch: names above 2**63 are negative there."""
    number = given.whole(vm, "vm, the number of a VM,", -(2**63), 2**64 - 1)
    return number - 2**64 if number >= 2**63 else number
