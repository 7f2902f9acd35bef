"""One course for four small guests, run twice: by real guests that a governor governs, and in the
lab by the same touchers. Both come to the same table of samples, one a second.

The share of memory that the guests may use is smaller than what they hold at the start, and is kept
by the policy alone: both hosts have more. So how far a policy lets them stay above it is measured
in the same way on either side.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from pageengine.lab import GuestSpec, Simulation, VMSpec
from pageengine.live.config import Config
from pageengine.live.governor import Governor, Step
from pageengine.live.settings import GuestSettings
from pageengine.live.watch import Watch
from pageengine.papers.tcg_guests import Guest
from pageengine.plumbing.frozen import Frozen
from pageengine.policy import Limits, Plan, Snapshot, table
from pageengine.policy.base import Policy, hooks
from pageengine.units import MIB

SIZE, KERNEL = 128, 60  # MiB of a guest, and what its kernel never gives back
USED = ((48, 12), (48, 12), (12, 48), (12, 48))  # MiB that each toucher uses, before and after
FULL = 56  # MiB that each has used before
BOOTED = (
    66  # MiB beside the kernel that the host holds of a guest that has booted, and used so much
)
FLOOR = 64  # MiB that balloons leave
SHARE = 448  # MiB for the four together
SECONDS = 40  # of a course; uses change in the middle
PAGES_PER_SECOND = 12000  # that each toucher touches
WARM = 8  # seconds of the lab in which guests come to hold all, before the policy is asked
#: The guard's, but for how fast it lets memory be taken: a course has no time for that.
LIMITS = Limits(shrink=1024 * MIB, shrink_part=1.0, reserve_part=0.0)
NONE = "none"  # the name of no policy
#: Amounts in bytes of policies that were made for guests of 4 GiB are scaled with these guests.
MINIATURE = SIZE / 4096
OPTIONS: dict[str, dict[str, Any]] = {
    "qmemman": {"miniature": MINIATURE},
    "hypeman": {"miniature": MINIATURE},
    "pi": {"hysteresis": int(128 * MIB * MINIATURE)},
}
COLUMNS = ("held", "balloon", "swapped", "stall", "swap_in")


class Samples(Frozen):
    """What was sampled of a course.

    Attributes:
        time: [seconds, array n] since the policy was asked first
        of: [arrays n x guests by name] MiB held in machine memory, in the balloon and in swap
            space; stall, a share of the time, nan where it is not known; MiB read back each second
        intact: [yes or no] whether all that was written is as it was
        back: [yes or no] whether each guest got its memory back at the end, or is named as held
            back by the share
        said: [text each] what went otherwise than it should
    """

    time: Any
    of: Mapping[str, Any]
    intact: bool = True
    back: bool = True
    said: tuple[str, ...] = ()


class Nothing:
    """No policy: everything stays as it is."""

    def decide(self, snapshot: Snapshot) -> Plan:
        return Plan(again=1.0, memo=snapshot.memo)


class Within:
    """A policy of the lab that sees ``share`` bytes of a host that has more, as a governor shows a
    policy [host] memory of its file, and is asked from ``since`` seconds on. It is asked each
    second while free memory is below its mark, as a governor does.
    """

    def __init__(self, policy: Policy, share: int, since: float):
        self._policy, self._share, self._since = policy, share, since
        self._mark = float(hooks(policy).reserve(share))

    def reserve(self, memory: int) -> int:
        return 0

    def decide(self, snapshot: Snapshot) -> Plan:
        if snapshot.time < self._since:
            return Plan(again=min(1.0, self._since - snapshot.time))
        free = max(0, self._share - sum(view.consumed for view in snapshot.vms))
        seen = snapshot.__replace__(memory=self._share, free=free, available=free)
        plan = self._policy.decide(seen)
        if plan.wake_below is not None:
            self._mark = plan.wake_below
        again = plan.again if free >= self._mark else min(1.0, plan.again or 1.0)
        return plan.__replace__(again=again, wake_below=None, wake_above=None)


def policy_of(name: str) -> Policy:
    """The policy of that name; NONE: it does nothing."""
    return Nothing() if name == NONE else table.find(name, **OPTIONS.get(name, {}))


def names() -> list[str]:
    return [f"guest{number}" for number in range(len(USED))]


# the lab


def simulated(policy: str, seed: int, seconds: int = SECONDS) -> Samples:
    """The course in the lab."""
    half = seconds / 2
    specs = [
        VMSpec(
            name,
            SIZE * MIB,
            {
                "kind": "toucher",
                "schedule": [[0, BOOTED * MIB], [WARM - 1, a * MIB], [WARM + half, b * MIB]],
                "rate": PAGES_PER_SECOND,
            },
            guest=GuestSpec(kernel=KERNEL * MIB, swap=0),
            contents="own",
            balloon_max=(SIZE - FLOOR) * MIB,
        )
        for name, (a, b) in zip(names(), USED, strict=True)
    ]
    simulation = Simulation(
        (len(USED) + 1) * SIZE * MIB,
        specs,
        policy=Within(policy_of(policy), SHARE * MIB, WARM),
        seed=seed,
        epoch=1.0,
        host={"sharing": False, "compression": None},
    )
    simulation.host.guard = LIMITS
    result = simulation.run(float(WARM + seconds))
    own = [result.of(name) for name in names()]
    kept = own[0]["time"] > WARM
    columns = {"held": "consumed", "balloon": "balloon", "swapped": "swapped"}
    of = {
        what: np.stack([one[column][kept] / MIB for one in own], 1)
        for what, column in columns.items()
    }
    of["stall"] = np.stack([one["stall"][kept] for one in own], 1)
    of["swap_in"] = np.stack([one["swap_in"][kept] * 4096 / MIB for one in own], 1)
    return Samples(own[0]["time"][kept] - WARM, of)


# real guests


class _NoKnobs:
    """KSM stays as it is."""

    def saved(self) -> dict[str, str]:
        return {}

    def restore(self, saved: Mapping[str, str]) -> None:
        """Nothing was changed."""

    def set_scan_rate(self, rate: float) -> None:
        """It is not."""


class _GuestToucher(threading.Thread):
    """Has a guest's toucher use what the course says, and pass over it at its pace."""

    def __init__(self, guest: Guest, number: int, seconds: float):
        super().__init__(daemon=True)
        self._guest, self._number, self._seconds = guest, number, seconds
        self._uses = USED[number]
        self.begin = threading.Event()
        self.wrong = ""

    def prepare(self) -> None:
        """It has used much, and uses what it does at first."""
        self._guest.fill(FULL, 100 + self._number)
        self._use(0)

    def run(self) -> None:
        try:
            self.begin.wait()
            begun, half = time.monotonic(), self._seconds / 2
            for phase, until in enumerate((half, self._seconds)):
                if phase:
                    self._use(phase)
                pause = self._uses[phase] * 256 / PAGES_PER_SECOND
                while (left := begun + until - time.monotonic()) > 0:
                    self._guest.tell("touch")
                    time.sleep(min(pause, left))
            if self._guest.check() != self._uses[1]:
                self.wrong = f"{self._guest.name}: less is there than was written"
        except Exception as error:  # told at the end, whatever it is
            self.wrong = self.wrong or str(error)

    def _use(self, phase: int) -> None:
        self._guest.tell("drop")
        self._guest.fill(self._uses[phase], 10 * self._number + phase + 1)


def governed(
    policy: str, guests: list[Guest], folder: Path, seconds: int = SECONDS, swap: bool = True
) -> Samples:
    """The course by guests that have just booted. folder: for the governor's files. swap: whether
    there is swap space for what is paged out. Raises LiveError.
    """
    touchers = [_GuestToucher(guest, number, seconds) for number, guest in enumerate(guests)]
    with ThreadPoolExecutor() as pool:
        list(pool.map(_GuestToucher.prepare, touchers))
    settings = [
        GuestSettings(
            name=guest.name,
            kind="qemu",
            at=guest.qmp,
            floor=FLOOR * MIB,
            page_out=swap,
            accessed_bits=True,
        )
        for guest in guests
    ]
    for toucher in touchers:
        toucher.start()
    return asyncio.run(_Governed(policy, settings, folder).run(touchers, seconds))


class _Governed:
    """One governor over the guests of a course."""

    def __init__(self, policy: str, settings: list[GuestSettings], folder: Path):
        self._settings = settings
        self._config = Config(
            path=str(folder / "course.toml"),
            guests={one.name: one for one in settings},
            policy=f"{__name__}:Nothing" if policy == NONE else policy,
            options=OPTIONS.get(policy, {}),
            period=1.0,
            limits=LIMITS.__replace__(may_page_out=[one.name for one in settings if one.page_out]),
            exit="max",
            within=5.0,
            deadline=5.0,
            hands_off=2.0,
            state=str(folder / "state.json"),
            hold=str(folder / "hold"),
            lock=str(folder / "lock"),
            audit=str(folder / f"{policy}.audit.jsonl"),
        )
        self._rows: dict[str, list[list[float]]] = {column: [] for column in COLUMNS}
        self._said: list[str] = []

    async def run(self, touchers: list[_GuestToucher], seconds: int) -> Samples:
        watch = Watch(self._settings)
        first = await watch.look(20.0)
        beside = sum(one.overhead or 0 for one in first.guests.values())
        config = self._config.__replace__(memory=SHARE * MIB + beside)
        governor = Governor(config, watch, enforce=True, knobs=_NoKnobs())
        loop, times = asyncio.get_running_loop(), []
        try:
            for toucher in touchers:
                toucher.begin.set()
            begun = loop.time()
            for number in range(seconds):
                self._take(governor, await governor.step())
                times.append(loop.time() - begun)
                await asyncio.sleep(max(0.0, begun + number + 1 - loop.time()))
            for toucher in touchers:
                await asyncio.to_thread(toucher.join, 120.0)
            released = await governor.release()
        finally:
            await governor.close()
        wrong = [toucher.wrong for toucher in touchers if toucher.wrong]
        late = [f"{one.vm}: {one.state}: {one.why}" for one in released if one.stays]
        lost = any(one.state == "no answer" for one in released)
        of = {what: np.array(rows) for what, rows in self._rows.items()}
        said = tuple(dict.fromkeys([*self._said, *wrong, *late]))
        return Samples(np.array(times), of, not wrong, not lost, said)

    def _take(self, governor: Governor, step: Step) -> None:
        backend = governor.backend
        assert backend is not None
        self._said += step.said
        readings = [backend.last[one.name].reading for one in self._settings]
        row = {
            "held": [(r.granted or 0) / MIB for r in readings],
            "balloon": [(r.size - (r.actual or r.size)) / MIB for r in readings],
            "swapped": [(r.swapped or 0) / MIB for r in readings],
            "stall": [np.nan if r.stall is None else r.stall for r in readings],
            "swap_in": [(r.swap_in_rate or 0.0) / MIB for r in readings],
        }
        for what, values in row.items():
            self._rows[what].append(values)
