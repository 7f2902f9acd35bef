"""VM: one virtual machine on a Host."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from pageengine import errors
from pageengine.core.records import Faults, VMStats
from pageengine.core.status import EVENTS
from pageengine.host.admission import ResourceAllocation, read_allocation
from pageengine.host.batches import Batches
from pageengine.host.options import part_of
from pageengine.host.shows import vm_html
from pageengine.plumbing import given
from pageengine.plumbing.arrays import as_ppns
from pageengine.plumbing.lock import serialised
from pageengine.units import PAGE_BYTES, Size

LOADED_AT_ONCE = 4096  # pages of an image, enough for several threads

if TYPE_CHECKING:
    import os

    from numpy.typing import ArrayLike, NDArray

    from pageengine.core.guest import Guest, Ops
    from pageengine.host.host import Host
    from pageengine.images.base import Image
    from pageengine.plumbing.shapes import Row


@serialised
class VM:
    """A virtual machine: ``pages`` pages of 4096 bytes, numbered (PPN) from 0. Made by
    ``Host.add_vm``.

    Batch methods take PPNs as an int array [n], or one int. Those that need machine memory let the
    host's policy make room and go on; ``try_`` forms stop exactly before the first access that
    cannot be made and say why. The same page may be named many times; accesses are made in order.

    Errors of all of them: IndexError for a PPN that the VM does not have, TypeError and
    ValueError for arrays of another kind or shape (nothing was done in either case), Closed after
    ``remove_vm`` or ``close``. Those that wait for memory raise OutOfFrames when none could be
    won and Blocked when the VM is blocked, both with ``done``, the accesses that were made,
    and SwapError, SwapCorruption, CodecError where a page cannot be read back: that page stays
    where it is. All are in ``pageengine.errors``.
    """

    def __init__(
        self,
        host: Host,
        name: str,
        id: int,
        allocation: ResourceAllocation,
        guest: Guest | None = None,
    ):
        self._host: Host | None = host
        self._engine, self._id = host._engine, id
        self._lock = host._lock
        self.name, self.allocation, self.guest = name, allocation, guest
        self.pages = allocation.size // PAGE_BYTES
        self._batches = Batches(self, self._engine)
        self._make_guest_accesses: Callable[[Ops], object] = self._touch_for_guest

    def __repr__(self) -> str:
        return f"<VM {self.name!r}: {self.pages} pages{'' if self._host else ', removed'}>"

    _repr_html_ = vm_html

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a virtual machine cannot be sent to another process: send what its host is made from, "
            "and make it there"
        )

    @property
    def size(self) -> int:
        """Configured memory in bytes."""
        return self.allocation.size

    @property
    def shares(self) -> int:
        """Its weight."""
        return self.allocation.shares

    @property
    def reservation(self) -> int:
        """Bytes of machine memory that it is guaranteed."""
        return self.allocation.reservation

    @property
    def limit(self) -> int:
        """Most bytes of machine memory that it may hold."""
        return self.allocation.limit

    @property
    def overhead(self) -> int:
        """Bytes of machine memory that running it takes beside its own."""
        return self.allocation.overhead

    def configure(
        self,
        *,
        shares: Size | None = None,
        reservation: Size | None = None,
        limit: Size | None = None,
    ) -> None:
        """Changes what the VM is promised while it runs; what is not given stays. Admitted, or
        refused with AdmissionError, like a new VM.
        """
        old = self.allocation
        allocation = read_allocation(
            old.size,
            old.shares if shares is None else shares,
            old.reservation if reservation is None else reservation,
            old.limit if limit is None else limit,
            old.overhead,
        )
        self.host._admit(self.name, allocation)
        self.allocation = allocation
        self.host._backend.table.configured(self)
        self.host._controller.changed()

    @property
    def there(self) -> bool:
        """False once it was removed, or its host closed."""
        return self._host is not None

    @property
    def host(self) -> Host:
        """The Host; raises Closed after ``remove_vm``."""
        if self._host is None:
            raise errors.Closed(f"virtual machine {self.name!r} was removed from its host")
        return self._host

    def of(self, host: Host) -> VM:
        """The VM itself, if it is one of this host now: its name alone may be another's."""
        if self._host is host:
            return self
        why = "was removed" if self._host is None else "is of another host"
        raise errors.NoSuchVM(f"the host has no such VM: the {self.name!r} given {why}")

    # accesses

    def write(self, ppns: ArrayLike, pages: ArrayLike) -> Faults:
        """Writes whole pages: uint8 [n, 4096] (or [4096] for one); in token mode uint64 [n].
        Returns what the batch met.
        """
        return self._batches.all(*self._batches.write(ppns, pages))

    def read(self, ppns: ArrayLike) -> NDArray[Any]:
        """Reads whole pages: uint8 [n, 4096]; in token mode uint64 [n]. Pages never touched read as
        zeros.
        """
        call, n, out = self._batches.read(ppns)
        self._batches.all(call, n)
        return out

    def touch(self, ppns: ArrayLike, write: ArrayLike = False) -> Faults:
        """Accesses pages without data; ``write``: bool, or bool [n]. A write makes a shared page
        private. Returns what the batch met.
        """
        return self._batches.all(*self._batches.touch(ppns, write))

    def try_write(self, ppns: ArrayLike, pages: ArrayLike) -> tuple[int, str, Faults]:
        """Like write, but never asks the policy, and no OutOfFrames or Blocked: (accesses done,
        status name, Faults). The statuses are on docs/embedding.md.
        """
        return self._batches.once(*self._batches.write(ppns, pages))

    def try_read(self, ppns: ArrayLike) -> tuple[int, str, Faults, NDArray[Any]]:
        """Like read, as ``try_write`` is like write: (accesses done, status name, Faults, the pages
        read [done]).
        """
        call, n, out = self._batches.read(ppns)
        done, status, faults = self._batches.once(call, n)
        return done, status, faults, out[:done]

    def try_touch(self, ppns: ArrayLike, write: ArrayLike = False) -> tuple[int, str, Faults]:
        """Like touch, as ``try_write`` is like write: (accesses done, status name, Faults)."""
        return self._batches.once(*self._batches.touch(ppns, write))

    def touch_some(self, ppns: ArrayLike, write: ArrayLike = False) -> int:
        """Like touch, as far as it goes: how many accesses were made before memory ran out or the
        VM was blocked. Faults are not told: ``events`` counts them. Where memory ran out
        because the swap file failed, OutOfFrames is raised with that as its cause.
        """
        return self._batches.some(*self._batches.touch(ppns, write))

    def write_some(self, ppns: ArrayLike, pages: ArrayLike) -> int:
        """Like write, as far as it goes: how many pages were written before memory ran out or the
        VM was blocked. Errors as of ``touch_some``.
        """
        return self._batches.some(*self._batches.write(ppns, pages))

    def peek(self, ppns: ArrayLike) -> NDArray[Any]:
        """What the pages hold, uint8 [n, 4096] (tokens: uint64 [n]), without an access: nothing
        moves and nothing is counted.
        """
        return self._batches.peek(ppns)

    def load(
        self,
        image: str | os.PathLike[str] | Image,
        at: int = 0,
        progress: Callable[[int], object] | bool | None = None,
    ) -> int:
        """Writes a memory image from page ``at`` on; returns the pages written. ``image``: a path,
        or what ``pageengine.images.open`` gives. Holes are zero pages and stay untouched.
        ``progress(pages_done)`` is called after each batch; True for a bar in a notebook.
        """
        from pageengine import images
        from pageengine.inline import bars

        if self.host.contents != "bytes":
            raise ValueError("an image holds bytes; this host keeps tokens (contents='tokens')")
        at = given.whole(at, "at")
        if not hasattr(image, "pages"):
            with images.open(image, batch=LOADED_AT_ONCE, packed=True) as opened:
                return self.load(opened, at, progress)
        source: Any = image  # whatever has pages is taken for an open image
        if at + source.pages > self.pages:
            raise ValueError(
                f"the image has {source.pages} pages; from page {at} on it does not fit the "
                f"{self.pages} pages of virtual machine {self.name!r}"
            )
        told = bars.callback(progress, lambda bar: bar.of_pages(source.pages))
        done = 0
        for ppns, pages in source:
            self.write(ppns + at, pages)
            done += len(ppns)
            if told:
                told(done)
        return done

    # the balloon, blocking, pinning

    def balloon(self, ppns: ArrayLike | None = None, pages: int | None = None) -> int:
        """The guest gives up these pages, int [n] (their contents are gone), or ``pages`` pages it
        never touched, lowest PPN first. Returns how many pages are in the balloon now. TypeError
        where neither or both are given, IndexError for a PPN that is not there.
        """
        self.host
        if (ppns is None) == (pages is None):
            raise TypeError(
                "say either which pages the guest gives up (ppns=) or how many (pages=)"
            )
        if ppns is not None:
            self._engine.balloon_pages(self._id, as_ppns(ppns))
        else:
            self._engine.balloon_absent(self._id, given.whole(pages, "pages"))
        return self.stats.ballooned // PAGE_BYTES

    def deflate(self, pages: int | None = None) -> int:
        """The guest takes ``pages`` pages back (all by default), lowest PPN first; they read as
        zeros then. Returns how many.
        """
        self.host
        return self._engine.deflate(
            self._id, self.pages if pages is None else given.whole(pages, "pages")
        )

    def report_free(self, ppns: ArrayLike) -> int:
        """The guest says that it does not use these pages, int [n] (free page reporting): the host
        takes what they hold, and they are absent. Returns how many held something.
        """
        self.host
        return self._engine.report_free(self._id, as_ppns(ppns))

    @property
    def balloon_target(self) -> int:
        """Bytes that its driver was last told to give up; it moves there with ``Host.advance``."""
        return self.host._backend.table.balloon_target_of(self.name)

    @property
    def balloon_max(self) -> int:
        """Most bytes its driver can give up now; 0 without one, or while the guest boots."""
        return self.host._backend.table.balloon_max_of(self.name)

    def set_balloon_max(self, value: Size) -> None:
        """Most that its driver may give up from now on, bytes or a percentage of its size."""
        limit = part_of(value, self.size, "balloon_max")
        self.host._backend.table.set_balloon_limit(self.name, limit)

    def on_guest_accesses(self, make: Callable[[Ops], object]) -> None:
        """Has ``make(operations)`` make the accesses that the guest makes while its balloon driver
        works (``Guest.inflate``), as far as it can; by default their pages are touched.
        """
        self._make_guest_accesses = make

    def _touch_for_guest(self, operations: Ops) -> None:
        try:
            self.touch(operations.ppns, (operations.flags & 1) != 0)
        except (errors.OutOfFrames, errors.Blocked):
            return

    def reboot(self, boot_seconds: float = 0.0) -> None:
        """The guest starts again: its balloon pops, and its driver is gone for ``boot_seconds``."""
        self.host._backend.table.reboot(self.name, boot_seconds)

    @property
    def blocked(self) -> bool:
        """While a VM is blocked, it makes no access."""
        self.host
        return self._engine.is_blocked(self._id)

    def block(self, blocked: bool = True) -> None:
        """Blocks the VM, or lets it go on."""
        self.host
        self._engine.set_blocked(self._id, given.flag(blocked, "blocked"))

    def pin(self, ppns: ArrayLike) -> None:
        """These pages are neither scanned nor reclaimed from now on."""
        self.host
        self._engine.pin(self._id, as_ppns(ppns), True)

    def unpin(self, ppns: ArrayLike) -> None:
        """Undoes pin."""
        self.host
        self._engine.pin(self._id, as_ppns(ppns), False)

    # activity

    def start_sample(self, n: int = 100) -> None:
        """Marks n random pages, all there are at most; the first access to each is counted (OSDI
        2002 section 5.3). Ends an open period.
        """
        self.host
        self._engine.sample_begin(self._id, min(given.whole(n, "n"), self.pages))

    def end_sample(self) -> tuple[int, int]:
        """(pages accessed since, pages marked): their quotient estimates the active fraction of
        memory.
        """
        self.host
        return self._engine.sample_end(self._id)

    @property
    def active(self) -> int:
        """The host's estimate of the working set in bytes."""
        return self.host._backend.table[self.name].active_now()

    def age(self) -> int:
        """Advances the idle age of every page that was ever accessed; returns how many were
        accessed since the last call.
        """
        self.host
        return self._engine.age(self._id)

    def idle_ages(self) -> Row[np.uint64]:
        """Pages by idle age, uint64 [256]: entry 0 accessed since the last ``age()``, 255 that long
        ago or longer.
        """
        self.host
        return self._engine.ages(self._id)

    # what is there

    @property
    def places(self) -> Row[np.uint8]:
        """Where each page is: uint8 [pages], values of ``Place``."""
        return self.places_at(np.arange(self.pages))

    def places_at(self, ppns: ArrayLike) -> Row[np.uint8]:
        """Where these pages, int [n], are: uint8 [n], values of ``Place``."""
        self.host
        return self._engine.places(self._id, as_ppns(ppns))

    def events(self) -> dict[str, int]:
        """The cumulative event counts alone, by name, in pages: cheaper than ``stats``."""
        self.host
        return dict(zip(EVENTS, self._engine.vm_events(self._id), strict=True))

    def numbers(self) -> dict[str, int | bool]:
        """What ``stats`` says, as a dict: cheaper."""
        self.host
        numbers: dict[str, Any] = self._engine.vm_numbers(self._id)
        numbers["shares"], numbers["reservation"] = self.shares, self.reservation
        numbers["limit"], numbers["blocked"] = self.limit, self._engine.is_blocked(self._id)
        return numbers

    @property
    def stats(self) -> VMStats:
        """All numbers of this VM."""
        numbers: dict[str, Any] = self.numbers()
        return VMStats(**numbers)
