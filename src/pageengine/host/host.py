"""Host: machine memory, swap space and the virtual machines on it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from typing import TYPE_CHECKING, NoReturn, Self

import numpy as np

from pageengine import errors
from pageengine.control.controller import Controller, Decision
from pageengine.control.driver_faults import DriverFaults, read_driver
from pageengine.core.engine import TECHNIQUES, Engine
from pageengine.core.events import Events
from pageengine.core.records import HostStats, Reclaimed, ScanResult
from pageengine.core.status import error_of
from pageengine.host.admission import Promises, ResourceAllocation, read_allocation
from pageengine.host.engine_backend import EngineBackend
from pageengine.host.options import find_estimator, number_of, part_of, salt_number, thread_count
from pageengine.host.saved import SavedHost
from pageengine.host.shows import host_html
from pageengine.host.swap_file import open_swap_file
from pageengine.host.vm import VM
from pageengine.plumbing import given
from pageengine.plumbing.lock import locks_itself, serialised
from pageengine.policy.base import Plan, Policy, Snapshot
from pageengine.stores.codec import Codec
from pageengine.units import PAGE_BYTES, PAGES_MOST, Size, format_size, parse_pages, parse_size

if TYPE_CHECKING:
    import os

    from pageengine.core.guest import Guest
    from pageengine.faults import FaultPlan
    from pageengine.host.engine_backend import Ran
    from pageengine.host.options import Estimator
    from pageengine.plumbing.shapes import Row
    from pageengine.policy.guard import Limits

_EVENT_NAMES = Events.__match_args__
RATE_MOST = 1e15  # bytes per second: no memory is as fast


@serialised
class Host(SavedHost):
    """A host that really holds pages.

    memory: machine memory, bytes or text ("64 MiB"), a multiple of 4096.
    seed: of every random choice; the same calls and seed give the same result, bit for bit.
    contents: "bytes" (4096 real bytes per page) or "tokens" (8 bytes stand for a page; see
    ``pageengine.tokens``).
    sharing: whether equal pages are kept once. compression: codec name (see
    ``pageengine.codecs()``) or None.
    packing: "esx" (half and quarter pages) or "dense" (64-byte classes). cache_limit: of the
    compression cache, None for no limit but the VMs' own.
    swap: size of swap space; None lets it grow with the VMs (size - reservation each, as ESX
    reserves), 0 is none.
    swap_dir: where the temporary swap file goes; it has no name and vanishes with the host.
    reserve_swap: refuse VMs whose size - reservation the swap space could not hold (ESX).
    policy: an object with ``decide(snapshot) -> Plan``, or a name such as "esx6"
    (``policy.POLICIES``); ``policy.Plain()`` by default.
    estimator: of working sets (policy.workingset): "sampling", "accessed-bits", "idle-age", a table
    such as {"kind": "accessed-bits", "period": 300}, or a function that makes one.
    victims: "clock" (second chance) or "random" (as ESX chooses).
    threads: of one call, 1 to 64; None: as docs/embedding.md says. No result depends on it.
    faults: a ``faults.FaultPlan`` that makes operations fail on purpose, or None.

    A context manager; ``close()`` gives everything back. Any thread may call a host and its VMs:
    calls are made one at a time. In a forked child they raise Forked."""

    def __init__(
        self,
        memory: Size,
        *,
        seed: int = 0,
        contents: str = "bytes",
        sharing: bool = True,
        compression: str | None = "word",
        packing: str = "esx",
        cache_limit: Size | None = None,
        swap: Size | None = None,
        swap_dir: str | os.PathLike[str] | None = None,
        policy: Policy | str | None = None,
        victims: str = "clock",
        reserve_swap: bool = False,
        estimator: Estimator = "sampling",
        threads: int | None = None,
        faults: FaultPlan | None = None,
    ):
        frames = parse_pages(memory, "memory", PAGES_MOST)
        if frames == 0:
            raise ValueError(f"memory must be at least one page (4096 bytes), got {memory!r}")
        self.memory, self.seed = frames * PAGE_BYTES, given.whole(seed, "seed", most=2**64 - 1)
        self.contents = given.choice(contents, "contents", ("bytes", "tokens"))
        self.victims = given.choice(victims, "victims", ("clock", "random"))
        self.packing = given.choice(packing, "packing", ("esx", "dense"))
        self.compression, self.sharing = compression, given.flag(sharing, "sharing")
        reserve_swap, self.threads = given.flag(reserve_swap, "reserve_swap"), thread_count(threads)
        self._new_estimator = find_estimator(estimator)
        swap = None if swap is None else parse_pages(swap, "swap", PAGES_MOST) * PAGE_BYTES
        codec = None if compression is None else Codec(given.text(compression, "compression"))
        self._cache_limit = None if cache_limit is None else parse_size(cache_limit, "cache_limit")
        swap_dir = None if swap_dir is None else given.path(swap_dir, "swap_dir")
        has_file = self.contents == "bytes" and swap != 0
        with open_swap_file(swap_dir) if has_file else nullcontext() as file:
            self._engine = Engine(
                frames,
                seed=self.seed,
                tokens=self.contents == "tokens",
                sharing=self.sharing,
                codec=codec,
                dense=self.packing == "dense",
                cache_limit=2**64 - 1 if self._cache_limit is None else self._cache_limit,
                swap_file=-1 if file is None else file.fileno(),
                random_victims=self.victims == "random",
                threads=self.threads,
                faults=faults,
            )
        self._lock = self._engine.lock
        self._promises = Promises(self.memory, swap, reserve_swap)
        self._vms: dict[str, VM] = {}
        try:
            self._engine.grow_swap(self._promises.slots)
            self._backend = EngineBackend(
                self._engine, self.memory, self._vms, self.packing == "dense"
            )
            self._controller = Controller(self._backend, policy)
        except BaseException:
            self._engine.close()  # not when a traceback lets go of it
            raise

    def __repr__(self) -> str:
        there = f"{len(self._vms)} virtual machines" if self._engine.open else "closed"
        return f"<Host: {format_size(self.memory)}, {there}>"

    _repr_html_ = host_html

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a host cannot be sent to another process: send what it is made from, and make it there"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @locks_itself
    def close(self) -> None:
        """Gives memory and swap file back; every later use raises Closed. May be called twice, and
        in a forked child, where it does nothing."""
        if self._lock.forked:
            return
        with self._lock:
            self._engine.close()
            for vm in self._vms.values():
                vm._host = None
            self._vms.clear()

    # virtual machines

    @property
    def vms(self) -> dict[str, VM]:
        """The virtual machines by name, in the order they were added."""
        return dict(self._vms)

    def __contains__(self, vm: object) -> bool:
        """Whether it is one of the virtual machines, or the name of one."""
        if isinstance(vm, VM):
            return self._vms.get(vm.name) is vm
        return isinstance(vm, str) and vm in self._vms

    def __iter__(self) -> Iterator[str]:
        """The names of the virtual machines, in the order they were added."""
        return iter(list(self._vms))

    def __len__(self) -> int:
        """How many virtual machines there are."""
        return len(self._vms)

    def __bool__(self) -> bool:
        """A host is one, however empty."""
        return True

    def __getitem__(self, name: str | VM) -> VM:
        if not self._engine.open:
            raise errors.Closed("the host is closed")
        if isinstance(name, VM):
            return name.of(self)
        if not isinstance(name, str):
            raise TypeError(f"a VM is named by a text or a VM, got {given.shown(name)}")
        if name not in self._vms:
            raise errors.NoSuchVM(
                f"there is no virtual machine {given.shown(name)}; "
                f"there are: {given.listed(self._vms)}"
            )
        return self._vms[name]

    def add_vm(
        self,
        name: str,
        size: Size,
        *,
        shares: Size | None = None,
        reservation: Size = 0,
        limit: Size | None = None,
        salt: str | None = "",
        cache_limit: Size = "10%",
        overhead: Size = 0,
        driver: bool | DriverFaults = True,
        balloon_max: Size = "65%",
        guest: Guest | None = None,
    ) -> VM:
        """Adds a virtual machine whose pages are all absent.

        size, reservation, limit: bytes or text. shares: its weight, a number or "low", "normal"
        (10 per MiB, the default), "high". salt: VMs of equal salt may share pages; None gives
        it one of its own. cache_limit: most that its pages may take of the compression cache, bytes
        or a percentage of its size (ESX: 10 %). overhead: machine memory that running it takes
        beside its own. driver: whether its guest has a balloon driver, or ``DriverFaults`` of
        one that misbehaves; balloon_max: how much that may take. guest: a ``Guest`` that manages
        its memory, or None.

        AdmissionError: what it is promised (reservation + overhead, and swap space) is not there.
        ValueError, TypeError: a name that is taken, a size that is none. Nothing is done then.
        """
        name = given.text(name, "the name of a virtual machine", least=1)
        if name in self._vms:
            raise ValueError(f"there is a virtual machine {name!r} already")
        shares = "normal" if shares is None else shares
        allocation = read_allocation(size, shares, reservation, limit, overhead)
        balloon_limit = part_of(balloon_max, allocation.size, "balloon_max")
        cache = part_of(cache_limit, allocation.size, "cache_limit")
        pages = allocation.size // PAGE_BYTES
        driver = read_driver(driver, allocation.size, guest is not None)
        if guest is not None and not isinstance(getattr(guest, "pages", None), int):
            raise TypeError(f"guest must be a Guest or None, got {given.shown(guest)}")
        if guest is not None and guest.pages != pages:
            raise ValueError(f"{name!r} has {pages} pages and its guest {guest.pages}")
        estimator = self._new_estimator()
        self._admit(name, allocation)
        id = None
        try:
            id = self._engine.add_vm(pages, salt_number(salt, name), cache, number_of(name))
            vm = VM(self, name, id, allocation, guest)
            self._backend.add(vm, estimator, driver, balloon_limit)
        except BaseException:
            self._promises.take_back(allocation)
            if id is not None:
                self._engine.remove_vm(id)
            raise
        self._vms[name] = vm
        self._controller.changed()
        return vm

    def _admit(self, name: str, allocation: ResourceAllocation) -> None:
        """Refuses, or makes sure that there is swap space for the allocation."""
        old = self._vms[name].allocation if name in self._vms else None
        self._promises.admit(name, allocation, old)
        try:
            self._engine.grow_swap(self._promises.slots)
        except BaseException:
            self._promises.take_back(allocation, old)
            raise

    def remove_vm(self, name: str | VM) -> None:
        """Removes a virtual machine (by name or object); all it held goes back to the system."""
        vm = self[name]
        self._engine.remove_vm(vm._id)
        del self._vms[vm.name]
        self._promises.take_back(vm.allocation)
        self._backend.remove(vm)
        self._controller.changed()
        vm._host = None
        self._engine.trim()

    # techniques

    def scan(
        self,
        pages: int | None = None,
        vm: str | VM | None = None,
        order: str = "sequential",
        rule: str = "hint",
    ) -> ScanResult:
        """Looks for equal pages and merges them. Without arguments, one pass over every page of
        every VM; ``pages``: so many pages of each VM, all at most, from where its last
        scan ended (order "random": anywhere). rule: "hint" (ESX: the first equal page merges) or
        "two-scans" (KSM: a page that equals no shared one must be unchanged between two scans).
        MemoryError: no room for the checksums that this takes.
        """
        two_scans = given.choice(rule, "rule", ("hint", "two-scans")) == "two-scans"
        random = given.choice(order, "order", ("sequential", "random")) == "random"
        pages = None if pages is None else given.whole(pages, "pages")
        vms = list(self._vms.values()) if vm is None else [self[vm]]
        result = ScanResult()
        for each in vms:
            amount = each.pages if pages is None else min(pages, each.pages)
            result += ScanResult(**self._engine.scan(each._id, amount, random, two_scans))
        if pages is None and vm is None:
            self._engine.end_scan_pass()
        return result

    def new_scan_pass(self) -> None:
        """Tells the sharing table that a scan pass is over: hints older than one pass expire. A
        full ``scan()`` does it by itself; callers that scan in pieces say it once per pass.
        """
        self._engine.end_scan_pass()

    def reclaim(self, vm: str | VM, pages: int, technique: str = "ladder") -> Reclaimed:
        """Wins up to ``pages`` machine frames from a virtual machine (by name or object).

        technique: "sharing", "compression", "swap", or "ladder" (each in turn). Every victim is
        first tried against the sharing table. Raises SwapFull or SwapError when pages could not go
        out; what was done until then stays done.
        """
        vm = self[vm]
        technique = given.choice(technique, "technique", TECHNIQUES)
        frames = given.whole(pages, "pages")
        result, status = self._backend.reclaim_frames(vm, frames, technique)
        if status:
            done = result.swapped + result.evicted
            raise error_of(status, self._engine, vm.name, done, self._vms.values())
        return result

    def trim(self) -> int:
        """Gives the memory of idle frames back to the operating system; returns the bytes."""
        return self._engine.trim() * PAGE_BYTES

    # policy, plans and time

    @property
    def policy(self) -> Policy:
        """The object that decides: ``decide(snapshot) -> Plan``."""
        return self._controller.policy

    @policy.setter
    def policy(self, policy: Policy | str | None) -> None:
        self._controller.set_policy(policy)

    @property
    def guard(self) -> Limits | None:
        """``policy.Limits`` that every plan is held to before it is carried out, from the next one
        on; None for no guard, as at first.
        """
        return self._controller.limits

    @guard.setter
    def guard(self, limits: Limits | None) -> None:
        self._controller.limits = limits

    @property
    def swap_bandwidth(self) -> float | None:
        """Bytes per second of ``advance`` that plans may write to swap; None: as much as they like,
        at once. A host whose swap is slow falls to lower states before it recovers.
        """
        return self._backend.swap_rate.bandwidth

    @swap_bandwidth.setter
    def swap_bandwidth(self, value: float | None) -> None:
        if value is not None:
            value = given.real(value, "swap_bandwidth", 0, RATE_MOST, "(]", "bytes per second")
        self._backend.swap_rate.bandwidth = value

    def swap_was_read(self, seconds: float) -> None:
        """Tells that reads kept the swap device busy for so long since the last ``advance``: what
        plans may write in the next one is as much less, but not less than half.
        """
        self._backend.swap_rate.was_read(given.seconds(seconds, "seconds"))

    @property
    def headroom(self) -> tuple[int, int]:
        """(pages that accesses may take before the policy is asked, pages kept below that)."""
        return self._backend.headroom()

    @property
    def due(self) -> float:
        """The time (seconds) of what comes next: a decision, a poll of a driver at work, a reading
        of an estimator. A clock that stops there misses nothing.
        """
        return self._controller.due()

    @property
    def time(self) -> float:
        """Seconds that have passed, as ``advance`` was told."""
        return self._controller.time

    @property
    def state(self) -> str:
        """The state by the last plan: high, clear, soft, hard or low; "" before the first."""
        return self._controller.plan.state

    def on_plan(self, told: Callable[[Plan], object]) -> None:
        """Has this called with every plan that comes into force: states that pass between two looks
        are seen, too.
        """
        self._controller.on_plan(told)

    def on_decision(self, told: Callable[[Decision], object]) -> None:
        """Has this called with every decision: snapshot, plan, and what the guard made of it."""
        self._controller.on_decision(told)

    @property
    def last_plan(self) -> Plan:
        """The plan in force: what the policy said last, and the guard let pass."""
        return self._controller.plan

    def columns(self, names: Iterable[str | VM] | None = None) -> dict[str, Row[np.int64]]:
        """All numbers of all VMs at once: by name an int64 array with an entry per VM, in
        the order of ``vms``, or of these ``names``. They are those of ``VM.stats`` but
        for what a VM is promised (shares, reservation, limit), and of each its ``active``,
        ``balloon_target``, and the plan's ``target`` (its size, where the plan does not say); bytes
        are bytes. Far cheaper than ``stats`` of each.
        """
        rows = (
            None if names is None else [self[name].name for name in given.several(names, "names")]
        )
        return self._backend.columns(rows)

    def counts(self) -> dict[str, Row[np.int64]]:
        """Those of ``columns`` that the core keeps, of all VMs: cheaper still."""
        return self._backend.counts()

    def snapshot(self) -> Snapshot:
        """What a policy sees now."""
        return self._controller.snapshot()

    def apply(self, plan: Plan) -> Reclaimed:
        """Does what a plan says; returns what was won. PlanError: it breaks a rule, and nothing was
        done. Pages that cannot go out (swap full) stay where they are; when the swap file itself
        fails, the rest of the plan is still done and then SwapError is raised.
        """
        return self._controller.apply(plan)

    def balance(self) -> Reclaimed:
        """Asks the policy and does what it says."""
        return self._controller.balance()

    def advance(self, seconds: float, ran: Ran | None = None) -> None:
        """Lets time pass: sampling periods, the sharing scan at the plan's rates, balloon drivers,
        free page reports, and decisions when they are due. ran: seconds that each VM really
        ran (a VM that waits does not look idle), by name or float64 [n] in order; all the time by
        default. The policy is asked at most once, at the end: steps should be no longer than the
        balance period (15 s).
        """
        seconds = given.seconds(seconds, "seconds", ends="(]")
        self._controller.advance(seconds, self._backend.seconds_of_each(seconds, ran))

    def _enforce_limit(self, vm: VM) -> None:
        """A virtual machine above its limit gives back what is above it."""
        if vm.limit < vm.size and vm.stats.consumed > vm.limit:
            self._controller.balance()

    # what is there

    def numbers(self) -> dict[str, int]:
        """What ``stats`` says of the host itself, without its VMs' events, by name: bytes and
        counts as there, cheaper.
        """
        return self._engine.host_numbers()

    @property
    def stats(self) -> HostStats:
        """All numbers of the host, and the events of its VMs added up."""
        vms = [self._engine.vm_events(vm._id) for vm in self._vms.values()]
        events = dict(zip(_EVENT_NAMES, map(sum, zip(*vms)), strict=False))
        return HostStats(
            **self._engine.host_numbers(),
            **events,
            vms=len(self._vms),
            configured=sum(vm.size for vm in self._vms.values()),
        )

    def check(self, deep: bool = False) -> None:
        """Walks every structure and raises CorruptState with the first rule that does not hold.
        deep: reads every swap slot and decodes every compressed page as well.
        """
        self._engine.check(given.flag(deep, "deep"))
