"""What policies that move balloons, and nothing else, have in common: how much memory a balloon
leaves its VM, whom they may ask, and the kernel's swap underneath.

Sizes here are what is left to a VM: its configured memory less its balloon. That is what Xen, QEMU
and their governors speak of; a plan has the balloon itself.
"""

from __future__ import annotations

from functools import cached_property
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from pageengine.plumbing import given
from pageengine.policy.base import Snapshot, VMView
from pageengine.policy.ladder import VMNumbers
from pageengine.policy.watermarks import Watermarks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pageengine.policy.ladder import Bytes

    Flags = NDArray[np.bool_]

_of = attrgetter("balloon_target", "floor")
SPEAKING = ("", "reporting", "counts-balloon")


class Sizes:
    """What balloons leave their VMs; columns of one entry per VM, in bytes: ``now``; ``told``, by
    the last target sent; ``least`` and ``most``, between which it may be (what the driver can give
    up, reservation and floor below, limit and size above). can: whether it has a driver that may be
    asked, which it may not while it boots, migrates, is paused or saved.
    """

    def __init__(self, m: VMNumbers):
        self.m = m
        told, floor = np.array([_of(vm) for vm in m.vms], np.int64).reshape(-1, 2).T
        self.now: Bytes = m.size - m.ballooned
        self.told: Bytes = m.size - told
        least = np.maximum(np.maximum(m.size - m.balloon_max, m.reservation), floor)
        self.least: Bytes = np.minimum(least, m.size)
        self.most: Bytes = np.maximum(self.least, np.minimum(m.size, m.limit))
        free = np.array([not vm.busy and vm.driver != "none" for vm in m.vms], bool)
        self.can: Flags = free & (m.balloon_max > 0)

    @cached_property
    def tells(self) -> Flags:
        """Whether a VM can be asked, and its guest says what it needs: statistics that are old say
        nothing.
        """
        tells = [vm.guest is not None and vm.driver in SPEAKING for vm in self.m.vms]
        found: Flags = self.can & np.array(tells, bool)
        return found

    def of_guests(self, ask: Any) -> Bytes:
        """A number of every guest that tells, by ``ask(vm)``; 0 for the others, who must be left
        out by ``tells``.
        """
        pairs = zip(self.m.vms, self.tells.tolist(), strict=True)
        return np.array([ask(vm) if tells else 0 for vm, tells in pairs], np.int64)

    def balloons(self, sizes: Bytes, chosen: Flags) -> NDArray[np.object_]:
        """Balloon targets that leave VMs these sizes; None, to leave it as it is, for those that
        are not chosen.
        """
        balloon: NDArray[np.object_] = np.clip(self.m.size - sizes, 0, self.m.balloon_max).astype(
            object
        )
        balloon[~chosen] = None
        return balloon


def free_of(snapshot: Snapshot, s: Sizes, assigned: Bytes) -> int:
    """Free memory less what VMs may still fill without asking anybody: what they are assigned and
    do not hold. Xen's free memory is this, since there a VM holds all that it is assigned; on a
    host that is overcommitted it is below 0.
    """
    return snapshot.free - int(np.maximum(0, assigned - s.m.consumed).sum())


def used_by(vm: VMView) -> int:
    """Memory that a guest uses, of what its balloon leaves it and in its own swap, without caches;
    of a VM whose guest tells.
    """
    guest = vm.guest
    assert guest is not None
    return max(0, guest.total - guest.free - guest.cache - counted(vm) + guest.swapped)


def counted(vm: VMView) -> int:
    """What of its balloon is in ``guest.total``: all, with a driver that counts it as used memory.
    Its kind alone says so: what a kernel keeps for itself is in no total, and may be as large as a
    small balloon.
    """
    return vm.ballooned if vm.driver == "counts-balloon" else 0


def kept(snapshot: Snapshot, keys: tuple[str, ...]) -> dict[str, Any]:
    """What the memo has under keys that begin so."""
    return {key: value for key, value in snapshot.memo.items() if key.startswith(keys)}


class Ballooning:
    """A policy of balloons above the kernel's swap, which takes from all VMs in proportion to what
    they hold once free memory is down at the low watermark.

    miniature: a factor for all amounts in bytes, so that a host of 64 MiB can stand for one of
    4 GiB (1/64). scale: vm.watermark_scale_factor.
    """

    promises = frozenset({"reservation", "limit"})

    def __init__(self, miniature: float = 1.0, scale: float = 10):
        self.miniature = given.real(miniature, "miniature", 0, 1, "(]")
        self.marks = Watermarks(scale)

    def reserve(self, memory: int) -> int:
        """Free memory in bytes below which accesses wait for the policy."""
        return self.marks.low(memory)

    def amount(self, size: int) -> int:
        """An amount in bytes of the original, in miniature; at least a byte."""
        return max(1, int(size * self.miniature))
