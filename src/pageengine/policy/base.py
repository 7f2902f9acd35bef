"""What a policy sees, and what it answers: Snapshot and Plan. Plain data; no engine object is
reachable from either.

A policy is any object with ``decide(snapshot) -> Plan``. The same snapshot gives the same plan: a
policy keeps nothing between two calls. What it wants to remember (the scanner's rate, the state the
host was in) it puts into ``Plan.memo`` and finds in the next ``Snapshot.memo``.
"""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from pageengine.frozen import Frozen, fresh


class GuestView(Frozen):
    """What a guest tells about itself through its balloon driver (virtio-balloon's statistics, and
    what MOM and Proxmox read). Amounts in bytes.

    total: memory it was configured with less its balloon. free: on its free list. cache: page
    cache. swapped: in its own swap space. major_faults: cumulative, pages read back from there.
    """

    total: int
    free: int
    cache: int = 0
    swapped: int = 0
    major_faults: int = 0


class VMView(Frozen):
    """One virtual machine as a policy sees it. Amounts in bytes.

    consumed: machine memory charged to it, of shared pages its part (1/n of a page that n pages
    share). active: the estimate of its working set. balloon_max: most that its driver can give up;
    0 while there is no driver (never installed, or the guest is booting). stall: share of the time
    since the last decision that it waited for memory, 0 to 1; when no time has passed since, in the
    middle of a batch of accesses, what that decision was shown. guest: None when it tells nothing.
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
    active: int = 0
    balloon_target: int = 0
    balloon_max: int = 0
    stall: float = 0.0
    guest: GuestView | None = None


class Snapshot(Frozen):
    """All numbers a policy may see. Amounts in bytes, time in seconds.

    memory: machine memory that the pages of virtual machines may use: the host's, less the overhead
    of its machines. free: of that. state: what the last plan called the host's state ("" before the
    first). memo: what the last plan asked to remember.
    """

    memory: int
    free: int
    swap_free: int
    vms: tuple[VMView, ...]
    time: float = 0.0
    state: str = ""
    memo: Mapping[str, float | tuple[float, ...]] = fresh(factory=dict)


class VMPlan(Frozen):
    """What is to be done with one virtual machine. Amounts in bytes.

    target: machine memory it should come to hold; not under its reservation. balloon: what its
    driver should come to hold; the driver moves there at its own speed. reclaim: machine memory to
    win now, by ``technique`` ("sharing", "compression", "swap" or "ladder": each in turn).
    blocked: whether it must not run. scan: its pages to look at per second for sharing.
    None leaves things as they are.
    """

    target: int | None = None
    balloon: int | None = None
    reclaim: int = 0
    technique: str = "ladder"
    blocked: bool = False
    scan: float | None = None


class Migration(Frozen):
    """Advice: this machine should leave the host, and why."""

    vm: str
    why: str


class Plan(Frozen):
    """A policy's answer. Virtual machines that are not named are left as they are.

    state: the memory state of the host, for the reader and for the next snapshot. wake_below: free
    memory in bytes under which accesses wait and the policy is asked again at once. again: seconds
    after which it wants to be asked in any case (None: the host's own balance period). scan_rule:
    "hint" (ESX: the first equal page merges) or "two-scans" (KSM: a page that equals no shared one
    must be unchanged between two scans). report_free: whether guests hand free blocks back (free
    page reporting).
    """

    state: str = "high"
    vms: Mapping[str, VMPlan] = fresh(factory=dict)
    wake_below: int | None = None
    again: float | None = None
    scan_rule: str = "hint"
    report_free: bool = False
    migrate: tuple[Migration, ...] = ()
    memo: Mapping[str, float | tuple[float, ...]] = fresh(factory=dict)


@runtime_checkable
class Policy(Protocol):
    """Anything that decides. ``reserve(memory)``, where it exists, is the free memory in bytes that
    accesses must not use up before the policy has been asked for the first time.
    """

    def decide(self, snapshot: Snapshot) -> Plan: ...
