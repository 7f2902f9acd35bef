"""What a balloon driver takes pages from: a guest's own memory management, or, for a VM
without a guest model, its pages that were never touched.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from pageengine.core.engine import Engine
    from pageengine.core.guest import Guest, Ops


class ControlledVM(Protocol):
    """A virtual machine as it is governed: the VM of host/vm.py, where each is explained."""

    name: str
    pages: int
    guest: Guest | None
    _id: int
    _engine: Engine
    _make_guest_accesses: Callable[[Ops], object]

    @property
    def size(self) -> int: ...

    @property
    def reservation(self) -> int: ...

    def age(self) -> int: ...

    def idle_ages(self) -> NDArray[np.uint64]: ...

    def report_free(self, ppns: ArrayLike) -> int: ...


class UntouchedPages:
    """The stand-in for a guest: only pages that hold nothing can be given up without knowing what
    a guest would miss least. Callers that know give pages up themselves (``VM.balloon``).
    """

    def __init__(self, vm: ControlledVM):
        self._vm = vm

    def inflate(self, pages: int, sleeping: bool) -> int:
        return self._vm._engine.balloon_absent(self._vm._id, pages)

    def deflate(self, pages: int) -> int:
        return self._vm._engine.deflate(self._vm._id, pages)


class GuestPages:
    """Pages that the guest's kernel chooses: free ones, then page cache, then anonymous memory,
    which it writes to its own swap first. The accesses that this takes happen on the host.
    """

    def __init__(self, vm: ControlledVM, guest: Guest):
        self._vm, self._guest = vm, guest

    def inflate(self, pages: int, sleeping: bool) -> int:
        ppns, ops = self._guest.inflate(pages, sleeping)
        self._vm._make_guest_accesses(ops)
        self._vm._engine.balloon_pages(self._vm._id, np.ascontiguousarray(ppns))
        return len(ppns)

    def deflate(self, pages: int) -> int:
        ppns = np.ascontiguousarray(self._guest.deflate(pages))
        self._vm._engine.balloon_return(self._vm._id, ppns)
        return len(ppns)
