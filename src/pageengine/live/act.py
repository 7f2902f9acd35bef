"""Carrying orders out: the one place from which a real guest, or the host, is changed.

Donors come first; what they gave is looked at before anybody is given anything, and no more is
given than is free then beyond the reserve. Each call has a deadline of its own, all guests are told
at the same time, and who does not answer is waited for no longer than ``patience`` before the
others get theirs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from functools import partial
from typing import Any, Protocol

from pageengine.errors import LiveError
from pageengine.live.guests import LiveGuest
from pageengine.live.orders import Orders
from pageengine.live.paging import PIECE
from pageengine.plumbing.frozen import Frozen
from pageengine.policy.base import VMView
from pageengine.units import format_size


class Carried(Frozen):
    """What became of one order.

    Attributes:
        vm: [text] whose; "" for the host
        what: [text] "balloon", "page-out", "pause" or "scan"
        wanted: [number] bytes, or pages per second, or 1 and 0 for yes and no
        given: [number] what was done of it, or tried; None: nothing
        why: [text] what kept it from being done whole; "" if it was
        seconds: [seconds] how long that took
        sure: [yes or no] whether it is known what was done: not where a call failed
    """

    vm: str
    what: str
    wanted: float
    given: float | None
    why: str = ""
    seconds: float = 0.0
    sure: bool = True


class _NotNow(LiveError):
    """Nothing may be written now."""


class Guests(Protocol):
    """What has one call of one guest made, as ``Watch`` does."""

    async def do(
        self, name: str, call: Callable[[LiveGuest], Awaitable[int | None]], deadline: float
    ) -> int | None:
        """One call of the guest of that name. LiveError: it is not watched, refused, or did not
        answer within ``deadline`` seconds.
        """


class Knobs(Protocol):
    """What sets KSM, as ``KsmKnobs`` does."""

    def saved(self) -> dict[str, str]:
        """The knobs as they are now, for ``restore``."""

    def restore(self, saved: Mapping[str, str]) -> None:
        """Back as they were."""

    def set_scan_rate(self, rate: float) -> None:
        """Pages per second over all that may be merged; 0 stops the scan."""


class Act:
    """guests: what is told. knobs: KSM's. may: asked before every single call: "", or why nothing
    may be written to this guest ("": the host) now. clock: seconds. deadline: seconds of one call.
    patience: seconds after which receivers do not wait for donors any longer. paging: seconds that
    paging out may go on.
    """

    def __init__(
        self,
        guests: Guests,
        knobs: Knobs,
        may: Callable[[str], str],
        clock: Callable[[], float],
        *,
        deadline: float = 1.0,
        patience: float = 0.1,
        paging: float = 1.0,
    ):
        self._guests, self._knobs, self._may, self._clock = guests, knobs, may, clock
        self._deadline, self._patience, self._paging = deadline, patience, paging

    async def carry_out(
        self,
        orders: Orders,
        views: Mapping[str, VMView],
        again: Callable[[Mapping[str, int]], Awaitable[Mapping[str, int | None]]],
    ) -> list[Carried]:
        """All of it, as far as it can be. views: guests as they were seen when this was decided.
        again: looks at all once more, and says which of these targets guests that are to get memory
        may have by now, None for one that may get nothing; those that are gone are not in it.
        """
        takers = {
            name: target
            for name, target in orders.balloon.items()
            if target < views[name].balloon_target or target < views[name].ballooned
        }
        results = [self._set_scan(orders.scan)] if orders.scan is not None else []
        first: list[Coroutine[Any, Any, Carried]] = []
        for name, paused in orders.pause.items():
            first.append(self._pause(name, paused))
        for name, target in orders.balloon.items():
            if name not in takers:
                first.append(self._balloon(name, target, target))
        for name, memory in orders.page_out.items():
            first.append(self._page_out(name, memory))
        tasks = [asyncio.ensure_future(each) for each in first]
        try:
            if tasks and takers:
                await asyncio.wait(tasks, timeout=self._patience)
            if takers:
                given = await again(takers)
                tasks += [
                    asyncio.ensure_future(self._balloon(name, takers[name], target))
                    for name, target in given.items()
                ]
                results += [
                    Carried(name, "balloon", target, None, "it is not there any more")
                    for name, target in takers.items()
                    if name not in given
                ]
            return results + [await task for task in tasks]
        finally:
            await _ended(tasks)

    async def _balloon(self, name: str, wanted: int, target: int | None) -> Carried:
        if target is None:
            return Carried(name, "balloon", wanted, None, "the host has nothing to give now")
        why = ""
        if target > wanted:
            why = f"the host has no more to give now: {format_size(target - wanted)} are missing"
        return await self._told(
            Carried(name, "balloon", wanted, target, why), lambda guest: guest.set_balloon(target)
        )

    async def _pause(self, name: str, paused: bool) -> Carried:
        order = Carried(name, "pause", int(paused), int(paused))
        return await self._told(order, lambda guest: guest.pause(paused))

    async def _page_out(self, name: str, memory: int) -> Carried:
        """In pieces, each of them a call of its own, until it is done or time is up."""
        begun, won = self._clock(), 0
        while won < memory:
            piece = min(PIECE, memory - won)
            told = await self._told(
                Carried(name, "page-out", memory, 0), partial(_page_out, memory=piece)
            )
            won += int(told.given or 0) if not told.why else 0
            seconds = self._clock() - begun
            if told.why:
                return told.__replace__(given=won, seconds=seconds)
            if (told.given or 0) < piece // 2 or seconds > self._paging:
                why = f"no more than {format_size(won)} went" if won < memory else ""
                return Carried(name, "page-out", memory, won, why, seconds)
        return Carried(name, "page-out", memory, won, "", self._clock() - begun)

    async def _told(
        self, order: Carried, call: Callable[[LiveGuest], Awaitable[int | None]]
    ) -> Carried:
        """The order's result when this one call is made, or may not be."""
        begun = self._clock()

        async def now(guest: LiveGuest) -> int | None:
            """Asked at the last moment: what is not sent by then is not sent."""
            if why := self._may(order.vm):
                raise _NotNow(why)
            return await call(guest)

        try:
            got = await self._guests.do(order.vm, now, self._deadline)
        except _NotNow as error:
            return order.__replace__(given=None, why=str(error))
        except LiveError as error:
            seconds = self._clock() - begun
            return order.__replace__(why=str(error), seconds=seconds, sure=False)
        given = order.given if got is None else got  # of paging out only
        return order.__replace__(given=given, seconds=self._clock() - begun)

    def _set_scan(self, rate: float) -> Carried:
        why = self._may("")
        if not why:
            try:
                self._knobs.set_scan_rate(rate)
            except (LiveError, ValueError) as error:
                why = str(error)
        return Carried("", "scan", rate, None if why else rate, why)


async def _ended(tasks: Iterable[asyncio.Task[Carried]]) -> None:
    """None of them goes on, whatever ends here: guests may be released next."""
    under_way = [task for task in tasks if not task.done()]
    for task in under_way:
        task.cancel()
    if under_way:
        await asyncio.wait(under_way)


async def _page_out(guest: LiveGuest, memory: int) -> int:
    return await guest.page_out(memory)
