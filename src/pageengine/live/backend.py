"""A real host as a controller sees it: a Backend whose snapshot is what the watch saw last, and
whose calls only record what is to be done.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence, Set
from typing import Any

from pageengine.control.backend import Request
from pageengine.core.records import Reclaimed
from pageengine.errors import LiveError
from pageengine.live.orders import Orders
from pageengine.live.settings import GuestSettings
from pageengine.live.snapshot import NEAR, Remembered, free_of, remember, snapshot_of
from pageengine.live.sources.ksm import settable
from pageengine.live.watch import Seen
from pageengine.policy.base import Snapshot, VMView
from pageengine.policy.rules import RECLAIM

#: What is reclaimed on a real host is paged out, whatever the plan calls it: zswap and zram are
#: below that. But for pages to be merged: KSM finds them by itself, at the rate that it is set to.
PAGED_OUT = frozenset(RECLAIM) - {"sharing"}


class LiveBackend:
    """memory: bytes of machine memory that the guests may use; None: the host's. settings: the
    guests. last: what is remembered of each from look to look. alone: guests that are left alone,
    and why; policies see them as busy.
    """

    techniques: Collection[str] = RECLAIM

    def __init__(self, memory: int | None, settings: Mapping[str, GuestSettings], seen: Seen):
        self._usable = memory
        self.settings = settings
        self.last: dict[str, Remembered] = {}
        self.alone: Mapping[str, str] = {}
        self.low_watermark = 0.0
        self._low: Callable[[], None] = lambda: None
        self._scan: dict[str, float] = {}
        self._scan_said = False
        self._doubtful: set[str] = set()
        self._free: int | None = None
        self.owed = 0  # bytes that guests who are not seen were given, and may yet take
        self._clear()
        self.saw(seen)
        usable = seen.host.memory if memory is None else memory
        if usable is None:
            raise LiveError(
                "how much memory the host has cannot be read (MemTotal): say it in the config "
                "(memory in [host])"
            )
        self.memory = usable

    def saw(self, seen: Seen) -> None:
        """What the next snapshot is made of."""
        self.seen = seen
        self.last = remember(self.last, seen)
        self._free = None

    def owe(self, owed: int) -> None:
        """So many bytes were given to guests who are not seen, and may be taken any time."""
        if owed != self.owed:
            self.owed, self._free = owed, None

    def taken(self) -> Orders:
        """What was recorded since this was called last, without what is so already (targets that
        were sent, or are nearer to what was sent than drivers are exact), without guests that did
        not answer the last look, and without paging out by a reading that is from before the last
        paging out was over.
        """
        there = self.seen.guests
        balloon = {
            name: target
            for name, target in self._balloon.items()
            if name in there and self._is_news(name, target)
        }
        page_out = {
            name: size
            for name, size in self._page_out.items()
            if name in there and self._is_since_paged(name)
        }
        pause = {name: paused for name, paused in self._pause.items() if name in there}
        rates = [rate for name, rate in self._scan.items() if name in self.last]
        scan = math.fsum(rates) if self._scan_said else None
        if scan is not None and settable(scan) == self.seen.host.scan_rate:
            scan = None
        orders = Orders(balloon, page_out, pause, scan)
        self._clear()
        return orders

    def told(self, name: str, target: int, *, sure: bool = True) -> None:
        """Its driver was told this. sure: it answered; else it is told again."""
        (self._doubtful.discard if sure else self._doubtful.add)(name)
        known = self.last.get(name)
        if known is not None:
            tell = known.sent if sure else known.tried
            self.last[name] = tell(target, self.seen.host.time)

    def take_up(self, name: str, known: Remembered) -> None:
        """What is known of it from a governor before: in doubt, it is told again."""
        self.last[name] = known
        if known.others:
            self._doubtful.add(name)

    def go_on_from(self, before: LiveBackend) -> None:
        """With what another one knows of the guests."""
        self.last, self._doubtful = before.last, before._doubtful

    def doubted(self, view: VMView) -> VMView:
        """As it is where the last target did not arrive: nothing of it is given yet."""
        if view.name not in self._doubtful:
            return view
        return view.__replace__(balloon_target=max(view.balloon_target, view.ballooned))

    def paused(self, name: str, paused: bool) -> None:
        """It was paused from here, or goes on."""
        known = self.last.get(name)
        if known is not None:
            self.last[name] = known.__replace__(blocked=paused)

    def paged_out(self, name: str, time: float) -> None:
        """Paging out of it has ended, at this moment of the guests' clock."""
        known = self.last.get(name)
        if known is not None:
            self.last[name] = known.__replace__(paged=time)

    def forget_target(self, name: str) -> None:
        """What was sent does not hold any more: somebody else has sent something."""
        known = self.last.get(name)
        if known is not None:
            self.last[name] = known.__replace__(target=None)

    # what a controller calls

    def names(self) -> Set[str]:
        return {name for name in self.settings if name in self.last}

    def snapshot(self, time: float, state: str, memo: Mapping[str, Any]) -> Snapshot:
        made = snapshot_of(
            self._less_owed(), self.settings, self._usable, self.last, time, state, memo
        )
        if self.alone.keys().isdisjoint(self.settings):
            return made
        vms = tuple(
            view.__replace__(busy="hands-off") if view.name in self.alone else view
            for view in made.vms
        )
        return made.__replace__(vms=vms)

    def free(self) -> int:
        if self._free is None:
            self._free = free_of(self._less_owed(), self.settings, self._usable, self.last)
        return self._free

    def _less_owed(self) -> Seen:
        """What was seen, without the memory that is somebody else's already."""
        host = self.seen.host
        available = host.unused
        if not self.owed or available is None:
            return self.seen
        return self.seen.__replace__(host=host.__replace__(available=max(0, available - self.owed)))

    def set_low_watermark(self, free: float) -> None:
        self.low_watermark = free

    def on_low(self, told: Callable[[], None]) -> None:
        self._low = told

    def set_memory_targets(self, targets: Mapping[str, float]) -> None:
        """For the reader only: a real host has nothing to set them by."""

    def set_balloon_targets(self, targets: Mapping[str, float]) -> None:
        self._balloon.update({name: int(target) for name, target in targets.items()})

    def set_scan(self, rates: Mapping[str, float], rule: str) -> None:
        self._scan.update(rates)
        self._scan_said = self._scan_said or bool(rates)

    def set_free_page_reporting(self, on: bool) -> None:
        """Whether a guest reports is said when it is started: QEMU cannot change it later."""

    def block(self, vm: str, blocked: bool) -> None:
        if not blocked or self.settings[vm].may_pause:
            self._pause[vm] = blocked

    def reclaim(self, requests: Sequence[Request]) -> Reclaimed:
        for request in requests:
            if request.technique in PAGED_OUT and self.settings[request.vm].page_out:
                before = self._page_out.get(request.vm, 0)
                self._page_out[request.vm] = before + int(request.memory)
        return Reclaimed()

    def before_decision(self) -> None:
        """The snapshot is as the host was seen."""

    def decided(self) -> None:
        """Rates are of the time between two looks."""

    def advance(self, seconds: float, ran: Any) -> None:
        """Time passes by itself."""

    def due_in(self) -> float:
        return math.inf

    def _clear(self) -> None:
        self._balloon: dict[str, int] = {}
        self._page_out: dict[str, int] = {}
        self._pause: dict[str, bool] = {}
        self._scan_said = False

    def _is_since_paged(self, name: str) -> bool:
        known = self.last[name]
        return known.paged is None or known.reading.time > known.paged

    def _is_news(self, name: str, target: int) -> bool:
        known = self.last.get(name)
        if known is None:
            return False
        if name in self._doubtful:
            return True
        sent = known.target
        if sent is None:
            sent = known.reading.ballooned or 0
        return target != sent and (target == 0 or abs(target - sent) > NEAR)
