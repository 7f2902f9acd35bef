"""What a policy sees, and what it answers: Snapshot and Plan. Plain data; no engine object is
reachable from either. Docstrings list the fields with their units in brackets; docs/fields.md is
made from them.

A policy is any object with ``decide(snapshot) -> Plan``. The same snapshot gives the same plan: a
policy keeps nothing between two calls. What it wants to remember (the scanner's rate, the state the
host was in) it puts into ``Plan.memo`` and finds in the next ``Snapshot.memo``.
"""

from collections.abc import Collection, Mapping, Set
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from pageengine.plumbing.frozen import Frozen, fresh

if TYPE_CHECKING:
    from pageengine.policy.states import Thresholds


class GuestView(Frozen):
    """What a guest tells about itself through its balloon driver (virtio-balloon's statistics, and
    what MOM and Proxmox read).

    Attributes:
        total: [bytes] memory it was configured with, less its balloon
        free: [bytes] on its free list
        cache: [bytes] page cache, clean and dirty
        swapped: [bytes] in its own swap space
        major_faults: [pages] read back from there since it started
        available: [bytes] what its programs could use without paging anything out: free memory and
            clean cache (MemAvailable); None where it does not tell
        stall: [share, 0 to 1] of the time since the last decision, what its programs waited for
            memory of its own; None where it does not tell
        swap_in: [bytes] read back from its own swap space since it started; None where it does not
            tell
    """

    total: int
    free: int
    cache: int = 0
    swapped: int = 0
    major_faults: int = 0
    available: int | None = None
    stall: float | None = None
    swap_in: int | None = None

    @property
    def unused(self) -> int:
        """Bytes that it has to spare, or, where it does not tell, that it can have at most."""
        return self.free + self.cache if self.available is None else self.available


class VMView(Frozen):
    """One virtual machine as a policy sees it.

    Attributes:
        name: [text] as it was added
        size: [bytes] configured memory
        consumed: [bytes] machine memory charged to it: private pages, its part of shared ones (1/n
            of a page that n pages share), its slots of the compression cache
        granted: [bytes] guest memory backed by machine memory as pages, private and shared
        shared: [bytes] of granted, pages that are shared, each in full, zero pages included
        swapped: [bytes] in the host's swap space
        compressed: [bytes] guest memory in the compression cache, as large as before
        ballooned: [bytes] what its balloon holds now
        mapped: [bytes] pages accessed at least once, wherever they are now
        shares: [number] its weight
        reservation: [bytes] machine memory it is guaranteed
        limit: [bytes] most machine memory it may hold
        blocked: [yes or no] whether it may not run
        overhead: [bytes] machine memory that running it takes; no part of consumed
        active: [bytes] the estimate of its working set; None where nobody can tell: that is not 0,
            and a policy that goes by it says what it does then
        balloon_target: [bytes] what its driver was last told to hold
        balloon_max: [bytes] most that its driver can give up; 0 while there is none (never
            installed, or the guest is booting)
        stall: [share, 0 to 1] of the time since the last decision, what it waited for memory; when
            no time has passed since, in the middle of a batch of accesses, what that decision was
            shown
        guest: [GuestView] what its guest tells; None when it tells nothing
        stats_age: [seconds] since the guest made what it tells; None when it tells nothing
        progress_age: [seconds] since its balloon last moved towards its target; 0 when it is there;
            None where nobody can tell
        floor: [bytes] guest memory that its balloon has to leave it: no target is above size less
            floor
        busy: [text] what keeps it from being asked for memory: "boot", "migrate", "pause", "save",
            or "" for nothing
        driver: [text] what its balloon driver is: "none", "silent" (tells no statistics),
            "reporting", "stale" (its statistics are old), "counts-balloon" (reporting, with the
            balloon counted as used memory, as Windows does); "" where nobody can tell
        swap_in_rate: [bytes per second] read back from the host's swap space since the last
            decision; None where nobody can tell
    """

    name: str
    size: int
    consumed: int
    granted: int
    shared: int
    swapped: int
    compressed: int
    ballooned: int
    mapped: int
    shares: int
    reservation: int
    limit: int
    blocked: bool
    overhead: int = 0
    active: int | None = None
    balloon_target: int = 0
    balloon_max: int = 0
    stall: float = 0.0
    guest: GuestView | None = None
    stats_age: float | None = None
    progress_age: float | None = None
    floor: int = 0
    busy: str = ""
    driver: str = ""
    swap_in_rate: float | None = None


class Snapshot(Frozen):
    """All numbers a policy may see.

    Attributes:
        memory: [bytes] machine memory that the pages of virtual machines may use: the host's, less
            the overhead of its VMs
        free: [bytes] of memory, what nobody holds
        swap_free: [bytes] room in the host's swap space
        vms: [VMView each] the VMs, in the order they were added
        time: [seconds] that have passed since the host was made, as ``Host.advance`` was told
        state: [text] what the last plan called the host's state; "" before the first
        memo: [by name] what the last plan asked to remember
        available: [bytes] of memory, what could be used without paging anything out; None where
            nobody can tell
        pressure_some: [share, 0 to 1] of the time since the last decision, how long at least one
            virtual machine waited for memory (the kernel's pressure stall information); None where
            nobody can tell
        pressure_full: [share, 0 to 1] how long all that could run waited at once
        swap_in_rate: [bytes per second] read back from the host's swap space since the last
            decision; None where nobody can tell
    """

    memory: int
    free: int
    swap_free: int
    vms: tuple[VMView, ...]
    time: float = 0.0
    state: str = ""
    memo: Mapping[str, float | tuple[float, ...]] = fresh(factory=dict)
    available: int | None = None
    pressure_some: float | None = None
    pressure_full: float | None = None
    swap_in_rate: float | None = None

    @property
    def unused(self) -> int:
        """Bytes that could be used without paging anything out; what nobody holds, where more
        cannot be told.
        """
        return self.free if self.available is None else self.available


class VMPlan(Frozen):
    """What is to be done with one virtual machine. None leaves things as they are.

    Attributes:
        target: [bytes] machine memory it should come to hold, not under its reservation; the
            targets of all VMs add up to no more than ``Snapshot.memory``
        balloon: [bytes] what its driver should come to hold, not above ``VMView.balloon_max``; the
            driver moves there at its own speed
        reclaim: [bytes] machine memory to win now, in whole pages, not from what is reserved
        technique: [text] by which: "sharing", "compression", "swap", or "ladder" (each in turn)
        blocked: [yes or no] whether it must not run until another plan lets it
        scan: [pages per second] to look at for sharing
    """

    target: int | None = None
    balloon: int | None = None
    reclaim: int = 0
    technique: str = "ladder"
    blocked: bool = False
    scan: float | None = None

    def _repr_html_(self) -> str:
        from pageengine.inline import markup, plans  # where there is a notebook only

        return markup.shown(lambda: plans.vm_plan(self), self)


class Migration(Frozen):
    """Advice: this VM should leave the host. Nothing is done about it.

    Attributes:
        vm: [text] name of the VM
        why: [text] the reason, in words
    """

    vm: str
    why: str


class Plan(Frozen):
    """A policy's answer. Virtual machines that are not named are left as they are.

    Attributes:
        state: [text] the memory state of the host, for the reader and for the next snapshot: high,
            clear, soft, hard or low
        vms: [VMPlan by name] what is to be done with which VM
        wake_below: [bytes] free memory under which accesses wait and the policy is asked again at
            once; less than ``Snapshot.memory``; None leaves the mark as it is
        wake_above: [bytes] free memory from which on it is asked at the next step of time; None:
            not before it is due
        again: [seconds] after which it wants to be asked in any case, above 0; None: the host's
            balance period, 15 s
        scan_rule: [text] "hint" (ESX: the first equal page merges) or "two-scans" (KSM: a page that
            equals no shared one must be unchanged between two scans)
        report_free: [yes or no] whether guests hand free blocks back (free page reporting)
        migrate: [Migration each] VMs that should leave
        memo: [by name] numbers to find in the next snapshot
    """

    state: str = "high"
    vms: Mapping[str, VMPlan] = fresh(factory=dict)
    wake_below: int | None = None
    wake_above: int | None = None
    again: float | None = None
    scan_rule: str = "hint"
    report_free: bool = False
    migrate: tuple[Migration, ...] = ()
    memo: Mapping[str, float | tuple[float, ...]] = fresh(factory=dict)

    def _repr_html_(self) -> str:
        from pageengine.inline import markup, plans  # where there is a notebook only

        return markup.shown(lambda: plans.plan(self), self)


@runtime_checkable
class Policy(Protocol):
    """Anything that decides. What else it may say of itself is in ``Hooks``."""

    def decide(self, snapshot: Snapshot) -> Plan:
        """The plan for what it sees; equal snapshots get equal plans. A plan that breaks a rule
        (policy/rules.py) is refused whole, with PlanError.
        """


class Hooks:
    """What a policy may say of itself beside ``decide``, each of it by an attribute of that name;
    here is what holds for one that does not say. A policy need not be of this class.

    name: what it is called. promises: what it keeps to: "reservation", "limit", "entitlement".
    """

    name = ""
    promises: Set[str] = frozenset()

    def reserve(self, memory: int) -> int:
        """Free memory in bytes that accesses must not use up before the policy has been asked for
        the first time, on a host of so much machine memory.
        """
        return 0

    def admits(self, memory: int, sizes: Collection[int]) -> bool:
        """Whether virtual machines of these sizes in bytes may be together on such a host."""
        return True

    def thresholds(self, memory: int) -> "Thresholds | None":
        """The thresholds of its memory states on such a host; None: it has none."""
        return None


def hooks(policy: object) -> Hooks:
    """What this policy says of itself, and the defaults for what it does not say."""
    found = Hooks()
    found.name = type(policy).__name__
    for what in ("name", "promises", "reserve", "admits", "thresholds"):
        if hasattr(policy, what):
            setattr(found, what, getattr(policy, what))
    return found
