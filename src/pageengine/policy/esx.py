"""ESX: memory states, shares with the idle-memory tax, and the ladder of techniques."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from pageengine.plumbing import given
from pageengine.policy.advice import advise
from pageengine.policy.base import Plan, Snapshot
from pageengine.policy.entitlement import Claims, entitle
from pageengine.policy.ladder import VMNumbers, deflate, inflate, plans, split
from pageengine.policy.states import PRESETS, TECHNIQUES, Thresholds
from pageengine.units import MIB, PAGE_BYTES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Bytes = NDArray[np.int64]
#: Pages to scan per second and VM, and on the whole host, by generation. 2002: ShareScanVM,
#: ShareScanTotal (ESX 2.x Administration Guide). Later: Mem.ShareScanTime 60 min for one VM,
#: at most Mem.ShareRateMax 1024 pages/s, and Mem.ShareScanGHz 4 MB/s per GHz of the host.
SCAN_2002 = (50, 200)
SCAN_SECONDS, SCAN_RATE_MAX, SCAN_BYTES_PER_GHZ = 3600, 1024, 4 * MIB

CALM_SECONDS, PRESSED_SECONDS = 15.0, 1.0
PRESSED = ("hard", "low")


class ESX:
    """VMware ESX (Waldspurger, OSDI 2002 sections 5 and 6; later states from the vSphere manuals).

    Targets: entitlement by shares between reservation and limit, idle memory taxed at ``idle_tax``,
    over what is left of memory above the goal of free memory. What a VM holds is what it
    consumes, of shared pages its part; OSDI 2002 charges shared pages in full, which makes the sum
    of allocations exceed memory. Nothing is taken while memory is free, and never more than is
    needed to reach the goal: from VMs above their target, in proportion to the excess.

    high (clear): balloons shrink to the targets. soft: ballooning, and paging where there is no
    driver or its maximum is reached. hard: paging at once: share before compress before swap (2002:
    no compression), and ballooning beside it. low: the same, and VMs above their target do not
    run until the state is hard again. A VM above its limit is brought under it in any state.

    That balloons go on in hard and low is a reading. OSDI 2002 section 6.3 says that hard relies on
    paging, not that balloons stand still; tables of later versions name paging alone.
    ``balloon_stops`` is the strict reading: balloons stand still in hard and low. Then a host that
    fell into them in a burst pays with swapping for memory that guests would have given up, for as
    long as the load lasts (docs/policies.md has both, measured).

    The state rises as soon as free memory says so (``Plan.wake_above``), one state at a time: the
    margin alone is the hysteresis, and no clock.

    states: "esx2002" (6/4/2/1 % of memory), "esx5" (100/64/32/16 % of minfree), "esx6" (clear,
    high at 400 %), or a function of memory in bytes that gives
    Thresholds. margin: how far free memory must exceed a threshold on the way up. balloon_stops: as
    said above. host_ghz: of all cores together, which caps the scan. miniature: a factor for what
    is kept free, so that a host of 64 MiB can stand for one of 64 GiB (0.001), whose minfree is a
    smaller part of it. A VM whose working set nobody can tell pays no tax: nothing of it is known
    to be idle.
    """

    name = "esx"
    promises = frozenset({"reservation", "limit", "entitlement"})

    def __init__(
        self,
        states: str | Callable[[int], Thresholds] = "esx6",
        idle_tax: float = 0.75,
        margin: float = 0.1,
        host_ghz: float = 20.0,
        balloon_stops: bool = False,
        miniature: float = 1.0,
    ):
        if not callable(states) and states not in list(PRESETS):
            raise ValueError(
                f"unknown states {given.shown(states)}; there are {', '.join(PRESETS)}, and "
                "functions of the memory in bytes that give Thresholds"
            )
        self.states, self.idle_tax = states, given.real(idle_tax, "idle_tax", 0, 1, "[)")
        self.margin = given.real(margin, "margin", 0, 1, "[)")
        self.host_ghz = given.real(host_ghz, "host_ghz", 0, 1e9, "(]")
        self.balloon_stops = given.flag(balloon_stops, "balloon_stops")
        self.miniature = given.real(miniature, "miniature", 0, 1, "(]")
        self._old = states == "esx2002"

    def __repr__(self) -> str:
        small = "" if self.miniature == 1 else f", miniature={self.miniature}"
        return (
            f"ESX(states={self.states!r}, idle_tax={self.idle_tax}, margin={self.margin}, "
            f"host_ghz={self.host_ghz}, balloon_stops={self.balloon_stops}{small})"
        )

    def thresholds(self, memory: int) -> Thresholds:
        """Free memory in bytes that bounds each state, on a host of this memory."""
        made = self.states if callable(self.states) else PRESETS[self.states]
        if self.miniature == 1:
            return made(memory)
        of_whole = made(round(memory / self.miniature))
        return Thresholds(
            of_whole.names, tuple(int(each * self.miniature) for each in of_whole.bytes)
        )

    def reserve(self, memory: int) -> int:
        """Free memory in bytes at which the first state below high begins."""
        return self.thresholds(memory).bytes[1]

    def decide(self, snapshot: Snapshot) -> Plan:
        thresholds = self.thresholds(snapshot.memory)
        state = thresholds.next_state(snapshot.state, snapshot.free, self.margin)
        goal = min(int(thresholds.goal * (1 + self.margin)) + PAGE_BYTES, snapshot.memory // 2)
        m = VMNumbers(snapshot.vms)
        target = self._targets(m, snapshot.memory, goal)
        need = 0 if state in ("high", "clear") else max(0, goal - snapshot.free)
        part = np.maximum(split(need, np.maximum(0, m.consumed - target)), m.above_limit)
        balloon, paging = self._balloons(m, state, target, part)
        blocked, memo = None, {}
        if "block" in TECHNIQUES[state]:
            memo = {"free": float(snapshot.free)}
            # who waits while nothing can be won would wait for ever
            last: Any = snapshot.memo.get("free", -1)
            if snapshot.state != state or snapshot.free > last:
                blocked = m.consumed > target
        return Plan(
            state=state,
            vms=plans(
                m,
                target=target,
                balloon=balloon,
                reclaim=paging,
                blocked=blocked,
                technique="swap" if self._old else "ladder",
                scan=self._scan_rates(m),
            ),
            memo=memo,
            wake_below=thresholds.below(state),
            wake_above=thresholds.above(state, self.margin),
            again=PRESSED_SECONDS if state in PRESSED else CALM_SECONDS,
            migrate=advise(m, snapshot.memory - goal) if state in PRESSED else (),
        )

    def _targets(self, m: VMNumbers, memory: int, goal: int) -> Bytes:
        if not len(m):
            return np.zeros(0, np.int64)
        minimum = -(-m.reservation // PAGE_BYTES)
        pages = max((memory - goal) // PAGE_BYTES, int(minimum.sum()))
        maximum = np.maximum(m.most // PAGE_BYTES, minimum)
        claims = Claims(m.shares, m.active // PAGE_BYTES, minimum, maximum)
        return entitle(claims, pages, self.idle_tax) * PAGE_BYTES

    def _balloons(
        self, m: VMNumbers, state: str, target: Bytes, part: Bytes
    ) -> tuple[Bytes, Bytes]:
        """(balloon targets, what is paged now). In hard and low what is missing is paged at once,
        and balloons grow towards it too: what they win keeps the host out of there. None shrinks,
        as what one VM got back another would have to page out.
        """
        held = np.minimum(m.ballooned, m.balloon_max)
        if state in PRESSED and self.balloon_stops:
            return held, part
        if "balloon" not in TECHNIQUES[state]:
            return np.where(part > 0, held, deflate(m, target)), part
        balloon, paging = inflate(m, part)
        if state in PRESSED:
            return np.where(part > 0, balloon, held), part
        return np.where(part > 0, balloon, deflate(m, target)), paging

    def _scan_rates(self, m: VMNumbers) -> NDArray[np.float64]:
        most_of_host: float
        if self._old:
            most, most_of_host = SCAN_2002
            wanted = np.full(len(m), float(most))
        else:
            most_of_host = SCAN_BYTES_PER_GHZ * self.host_ghz / PAGE_BYTES
            wanted = np.minimum(m.size / PAGE_BYTES / SCAN_SECONDS, SCAN_RATE_MAX)
        total = wanted.sum()
        return wanted * min(1.0, most_of_host / total) if total else wanted
