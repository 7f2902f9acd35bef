"""The balloon driver: moves a guest's balloon to its target, as fast as the guest can bear.

The rates are those of VMware's driver for Linux (vmw_balloon.c 1.2, 2010), in pages per poll, one
poll per second. As long as the guest has free pages, up to 16384 are taken (64 MiB/s). Once an
allocation fails, the guest is under pressure: for four polls it may work for the balloon (sleep, in
the kernel's words) at 512 to 2048 pages (2 to 8 MiB/s); this slow rate is halved whenever even that
fails, and creeps up by 16 with every poll that gets as much, sleeping or not. Pages are given back
at up to 16384.
"""

from __future__ import annotations

from typing import Protocol

from pageengine.plumbing.kept import Kept

FAST_RATE = 16384
SLOW_RATES = (512, 2048)
FREE_RATES = (512, 16384)
STEP = 16
SLOW_POLLS = 4


class Balloonable(Protocol):
    """What a driver works on. Both return how many pages it really was."""

    def inflate(self, pages: int, sleeping: bool) -> int: ...

    def deflate(self, pages: int) -> int: ...


class BalloonDriver(Kept):
    """One guest's driver. size: pages in the balloon."""

    KEPT = ("size", "slow_rate", "slow_polls")

    def __init__(self, guest: Balloonable):
        self._guest = guest
        self.reset()

    def reset(self) -> None:
        """As after the guest has started: an empty balloon, and no experience."""
        self.size = 0
        self.slow_rate = SLOW_RATES[1]
        self.slow_polls = 0

    def work(self, polls: int, target: int, seconds: int) -> int | None:
        """So many polls towards ``target`` pages, the last of them ``seconds`` after the driver
        began to run. How many of them there were since the one that last changed its size; None:
        none did.
        """
        unmoved = None
        for left in reversed(range(polls)):
            before = self.size, self.slow_rate, self.slow_polls
            if self.poll(target):
                unmoved = left
            if (self.size, self.slow_rate, self.slow_polls) == before:
                break  # and so would every further poll be
        return unmoved

    def poll(self, target: int) -> int:
        """One second's work towards ``target`` pages; how the size changed."""
        if self.slow_polls > 0:
            self.slow_polls -= 1
        before = self.size
        if self.size < target:
            self._inflate(target - self.size)
        elif self.size > target:
            self.size -= self._guest.deflate(min(self.size - target, FREE_RATES[1]))
        return self.size - before

    def _inflate(self, missing: int) -> None:
        want = min(missing, self.slow_rate if self.slow_polls else FAST_RATE)
        got = self._guest.inflate(want, False)
        failed = got < want
        if failed:
            self.slow_polls = SLOW_POLLS
            short = min(want, self.slow_rate) - got
            if short > 0:  # else the free pages were enough for one poll
                slept = self._guest.inflate(short, True)
                got += slept
                failed = slept < short
                if failed:
                    self.slow_rate = max(self.slow_rate // 2, SLOW_RATES[0])
        if not failed and got >= self.slow_rate:
            self.slow_rate = min(self.slow_rate + STEP * (got // self.slow_rate), SLOW_RATES[1])
        self.size += got
