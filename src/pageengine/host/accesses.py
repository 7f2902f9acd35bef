"""Accesses of a virtual machine, in batches: whole pages written and read, or pages touched."""

from operator import itemgetter, sub
from typing import TYPE_CHECKING, Any

import numpy as np

from pageengine import errors
from pageengine.core.records import Faults
from pageengine.core.status import EVENTS, STATUS_NAMES, error_of
from pageengine.plumbing import given
from pageengine.plumbing.arrays import as_contents, as_ppns, as_write_flags, empty_contents
from pageengine.plumbing.lock import serialised

_fault_events = itemgetter(*(
    EVENTS.index(name)
    for name in ("accesses", "faults_absent", "cow_breaks", "decompressions", "swap_in",
                 "balloon_pops", "discarded")
))  # fmt: skip


@serialised
class Accesses:
    """The part of ``VM`` that makes accesses.

    Batch methods take PPNs as an int array [n], or one int. Those that need machine memory let the
    host's policy make room and go on; ``try_`` forms stop exactly before the first access that
    cannot be made and say why. The same page may be named many times; accesses are made in order.

    Errors of all of them: IndexError for a PPN that the machine does not have, TypeError and
    ValueError for arrays of another kind or shape (nothing was done in either case), Closed after
    ``remove_vm`` or ``close``. Those that wait for memory raise OutOfFrames when none could be
    won and Blocked when the machine is blocked, both with ``done``, the accesses that were made,
    and SwapError, SwapCorruption, CodecError where a page cannot be read back: that page stays
    where it is. All are in ``pageengine.errors``.
    """

    if TYPE_CHECKING:  # what the rest of VM has
        name: str
        pages: int
        _engine: Any
        _id: int
        claim: Any
        there: bool

        @property
        def host(self) -> Any: ...

        @property
        def size(self) -> int: ...

        @property
        def limit(self) -> int: ...

    def write(self, ppns, pages) -> Faults:
        """Writes whole pages: uint8 [n, 4096] (or [4096] for one); in token mode uint64 [n].
        Returns what the batch met.
        """
        return self._all(*self._write_call(ppns, pages))

    def read(self, ppns):
        """Reads whole pages: uint8 [n, 4096]; in token mode uint64 [n]. Pages never touched read as
        zeros.
        """
        call, n, out = self._read_call(ppns)
        self._all(call, n)
        return out

    def touch(self, ppns, write=False) -> Faults:
        """Accesses pages without data; ``write``: bool, or bool [n]. A write makes a shared page
        private. Returns what the batch met.
        """
        return self._all(*self._touch_call(ppns, write))

    def try_write(self, ppns, pages):
        """Like write, but never asks the policy, and no OutOfFrames or Blocked: (accesses done,
        status name, Faults). The statuses are on docs/embedding.md.
        """
        return self._once(*self._write_call(ppns, pages))

    def try_read(self, ppns):
        """Like read, as ``try_write`` is like write: (accesses done, status name, Faults, the pages
        read [done]).
        """
        call, n, out = self._read_call(ppns)
        done, status, faults = self._once(call, n)
        return done, status, faults, out[:done]

    def try_touch(self, ppns, write=False):
        """Like touch, as ``try_write`` is like write: (accesses done, status name, Faults)."""
        return self._once(*self._touch_call(ppns, write))

    def touch_some(self, ppns, write=False) -> int:
        """Like touch, as far as it goes: how many accesses were made before memory ran out or the
        machine was blocked. Faults are not told: ``events`` counts them. Where memory ran out
        because the swap file failed, OutOfFrames is raised with that as its cause.
        """
        host, (call, n) = self.host, self._touch_call(ppns, write)
        return self._some(host, call, n, *call(0))

    def make_in_turns(self, turns, ppns, kinds):
        """Accesses int64 [n] of kinds uint8 [n], in the order of ``turns.Turns``: (PPNs, kinds, how
        many there are of each turn, how many were made). Batches that are plain are made at once,
        as ``touch_some`` does; of others none is made.
        """
        host, engine = self.host, self._engine
        ppns, kinds, count, done, status = turns.make(engine, self._id, ppns, kinds)
        if status or (done and self.claim.limit < self.claim.size):
            done = self._some(host, self._turns_call(turns, ppns, kinds), len(ppns), done, status)
        return ppns, kinds, count, done

    def touch_kinds(self, turns, ppns, kinds) -> int:
        """Like touch_some; which accesses write follows from their kinds, by ``turns``."""
        host, call = self.host, self._turns_call(turns, ppns, kinds)
        return self._some(host, call, len(ppns), *call(0))

    def write_some(self, ppns, pages) -> int:
        """Like write, as far as it goes: how many pages were written before memory ran out or the
        machine was blocked. Errors as of ``touch_some``.
        """
        host, (call, n) = self.host, self._write_call(ppns, pages)
        return self._some(host, call, n, *call(0))

    def peek(self, ppns):
        """What the pages hold, uint8 [n, 4096] (tokens: uint64 [n]), without an access: nothing
        moves and nothing is counted.
        """
        host = self.host
        ppns = as_ppns(ppns)
        out = empty_contents(len(ppns), host.contents)
        done, status = self._engine.read(self._id, ppns, _flat(out), True)
        if status:
            raise self._error(status, done)
        return out

    def load(self, image, at: int = 0, progress=None) -> int:
        """Writes a memory image from page ``at`` on; returns the pages written. ``image``: a path,
        or what ``pageengine.images.open`` gives. Holes are zero pages and stay untouched.
        ``progress(pages_done)`` is called after each batch.
        """
        from pageengine import images

        if self.host.contents != "bytes":
            raise ValueError("an image holds bytes; this host keeps tokens (contents='tokens')")
        at = given.whole(at, "at")
        if not hasattr(image, "pages"):
            with images.open(image, packed=True) as opened:
                return self.load(opened, at, progress)
        if at + image.pages > self.pages:
            raise ValueError(
                f"the image has {image.pages} pages; from page {at} on it does not fit the "
                f"{self.pages} pages of virtual machine {self.name!r}"
            )
        done = 0
        for ppns, pages in image:
            self.write(ppns + at, pages)
            done += len(ppns)
            if progress:
                progress(done)
        return done

    # how batches run

    def _write_call(self, ppns, pages):
        ppns = as_ppns(ppns)
        contents = _flat(as_contents(pages, len(ppns), self.host.contents))
        size = len(contents) // len(ppns) if len(ppns) else 0

        def call(start):
            return self._engine.write(self._id, ppns[start:], contents[start * size :])

        return call, len(ppns)

    def _touch_call(self, ppns, write):
        self.host
        ppns = as_ppns(ppns)
        flags = as_write_flags(write, len(ppns))

        def call(start):
            if flags is None:
                return self._engine.touch(self._id, ppns[start:], None, bool(write))
            return self._engine.touch(self._id, ppns[start:], flags[start:], False)

        return call, len(ppns)

    def _turns_call(self, turns, ppns, kinds):
        def call(start):
            return turns.touch(self._engine, self._id, ppns[start:], kinds[start:])

        return call

    def _read_call(self, ppns):
        ppns = as_ppns(ppns)
        out = empty_contents(len(ppns), self.host.contents)
        flat = _flat(out)
        size = len(flat) // len(ppns) if len(ppns) else 0

        def call(start):
            return self._engine.read(self._id, ppns[start:], flat[start * size :])

        return call, len(ppns), out

    def _once(self, call, n):
        before = self._engine.vm_events(self._id)
        done, status = call(0)
        if STATUS_NAMES[status] == "PE_NO_FRAME":
            self.host._governor.changed()
        return done, STATUS_NAMES[status], self._faults_since(before)

    def _all(self, call, n) -> Faults:
        host = self.host
        before = self._engine.vm_events(self._id)
        self._go_on(host, call, *call(0))
        return self._faults_since(before)

    def _some(self, host, call, n: int, done: int, status: int) -> int:
        try:
            self._go_on(host, call, done, status)
        except (errors.OutOfFrames, errors.Blocked) as stop:
            if stop.__cause__ is not None:  # the swap file failed: that is no want of memory
                raise
            return stop.done
        return n

    def _go_on(self, host, call, done: int, status: int) -> None:
        """A batch that stopped after ``done`` accesses gets memory and goes on to its end."""
        if not status and self.limit >= self.size:
            return
        with host._making_room(self) as room:
            while status:
                goes_on = STATUS_NAMES[status] == "PE_NO_FRAME" and room.more()
                if not self.there:
                    raise errors.Closed(
                        f"virtual machine {self.name!r} was removed while a batch waited for "
                        f"memory; {done} accesses were made",
                        done,
                    )
                if not goes_on:
                    raise self._error(status, done) from room.cause
                more, status = call(done)
                done += more

    def _faults_since(self, before) -> Faults:
        after = self._engine.vm_events(self._id)
        return Faults(*map(sub, _fault_events(after), _fault_events(before)))

    def _error(self, status: int, done: int) -> Exception:
        return error_of(status, self._engine, self.name, done)


def _flat(array):
    """The array's bytes as uint8 [m], without a copy."""
    return array.reshape(-1).view(np.uint8)
