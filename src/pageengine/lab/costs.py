"""What memory events cost a virtual machine in time. The one place where counts become seconds."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from math import fsum
from typing import TYPE_CHECKING, Any

import numpy as np

from pageengine.core.records import Faults
from pageengine.lab.counting import weighed
from pageengine.plumbing import given
from pageengine.units import PAGE_BYTES

if TYPE_CHECKING:
    from numpy.typing import NDArray

US, MS = 1e-6, 1e-3
EVENTS = (
    "faults_absent",
    "cow_breaks",
    "decompressions",
    "swap_in",
    "swap_out",
    "sample_faults",
    "guest_reads",
    "guest_writes",
)


#: Events that are requests of the device: a VM waits in its queue and then for the answer.
REQUESTS = ("swap_in", "guest_reads")
#: Events that the device does for nobody who waits for them.
WRITES = ("swap_out", "guest_writes")


#: The slowest and the fastest device: bytes per second, and pages per second.
RATES = {"swap_bandwidth": (PAGE_BYTES, 1e15), "read_rate": (1e-3, 1e12)}
CLUSTER = (1e-6, 1e6)  # pages of one write, the fewest and the most


@dataclass(frozen=True)
class CostModel:
    """Seconds that a VM waits per event, on a device that is idle.

    faults_absent: first touch of a page, which is zeroed. cow_breaks: a write to a shared page,
    which is copied. decompressions: a page comes back from the compression cache. swap_in: from
    swap space, device and hypervisor together. swap_out: its part of a clustered write, which the
    VM waits for only when memory is short. sample_faults: an access to a sampled page.
    guest_reads, guest_writes: pages that the guest itself reads from and writes to its disk; it
    does not wait for most writes.

    One device holds the swap space and the guests' disks, as hypervisors keep a VM's swap file
    beside its disk. read_rate: page reads per second that it can serve, however many wait; it does
    one after another, so whoever comes while it is busy waits in a queue first. swap_bandwidth:
    bytes per second that it can write. cluster: pages of one write, behind which a read waits.

    Sources of the defaults: copy-on-write 1-3 us; decompression about 20 us, "an order of
    magnitude" faster than a disk (WP41); swap-in 5-10 ms from a disk, 100-300 us from SATA flash,
    80-100 us from NVMe; a disk reads a page per seek, SATA flash some 90,000 pages per second and
    NVMe some 400,000. They are recalled from practice, not measured here; ``measure`` replaces
    those of the processor by this computer's.
    """

    faults_absent: float = 1.0 * US
    cow_breaks: float = 2.0 * US
    decompressions: float = 20.0 * US
    swap_in: float = 90.0 * US
    swap_out: float = 4.0 * US
    sample_faults: float = 1.0 * US
    guest_reads: float = 80.0 * US
    guest_writes: float = 4.0 * US
    read_rate: float = 400e3
    swap_bandwidth: float = 1000e6
    cluster: float = 32.0
    name: str = "nvme"

    def __post_init__(self) -> None:
        for key, (least, most) in RATES.items():
            object.__setattr__(self, key, given.real(getattr(self, key), key, least, most))
        object.__setattr__(self, "cluster", given.real(self.cluster, "cluster", *CLUSTER))
        for key, value in self._seconds().items():
            object.__setattr__(self, key, given.real(value, key, 0, 1e3, "[)", "seconds"))
        given.text(self.name, "the name of costs")

    def _seconds(self) -> dict[str, float]:
        return {key: value for key, value in asdict(self).items() if key in EVENTS}

    @property
    def service(self) -> float:
        """Seconds that a read keeps the device busy: no longer than a swap-in takes on an idle
        one.
        """
        return min(max(1 / self.read_rate, self.writing(1)), self.swap_in)

    def writing(self, pages: float) -> float:
        """Seconds that the device is busy writing so many pages."""
        return pages * PAGE_BYTES / self.swap_bandwidth

    def stall(self, events: Mapping[str, int] | Faults) -> float:
        """Seconds for so many of each event, by the names of ``VM.events`` and ``Faults``; names
        that cost nothing are passed over. (fsum: what
        ``sum`` makes of fractions depends on the version of Python.)"""
        if isinstance(events, Faults):
            events = {key: getattr(events, key, 0) for key in EVENTS}
        return fsum(getattr(self, key) * events.get(key, 0) for key in EVENTS)

    def stalls(
        self, events: Mapping[str, NDArray[np.int64]], names: Iterable[str] = EVENTS
    ) -> NDArray[np.float64]:
        """``stall`` of many VMs, of these events: an entry per VM in each array, and in
        the result.
        """
        known = [key for key in names if key in events]
        each = np.array([getattr(self, key) for key in known], np.float64)
        return weighed([events[key] for key in known], each)

    def of_pages(self, pages: float) -> CostModel:
        """The costs of a model to scale, in which a page stands for so many: each event is as many
        of them, so it takes as many times as long, and the device does as many times fewer. One
        write is of as many bytes as before, and holds up a read for no longer.
        """
        pages = given.real(pages, "pages", 1, 1e6)
        cluster, name = self.cluster / pages, f"{self.name}, a page for {pages:g}"
        return replace(self.slowed(pages), cluster=cluster, name=name)

    def slowed(self, factor: float) -> CostModel:
        """Each event takes so many times as long, and the device does as many times fewer."""
        changed: dict[str, Any] = {key: each * factor for key, each in self._seconds().items()}
        changed |= {key: getattr(self, key) / factor for key in RATES}
        return replace(self, **changed)

    @classmethod
    def measure(cls, storage: str = "nvme") -> CostModel:
        """A preset with the costs of the processor measured on this computer: what the engine takes
        for a first touch, a copy and a decompression, plus 1 us for the fault itself.
        """
        return replace(PRESETS[storage], name=f"{storage}, measured", **_measured())


PRESETS = {
    "hdd": CostModel(
        swap_in=7 * MS,
        swap_out=40 * US,
        guest_reads=7 * MS,
        guest_writes=40 * US,
        read_rate=1 / (7 * MS),
        swap_bandwidth=100e6,
        name="hdd",
    ),
    "sata-ssd": CostModel(
        swap_in=200 * US,
        swap_out=10 * US,
        guest_reads=180 * US,
        guest_writes=10 * US,
        read_rate=90e3,
        swap_bandwidth=400e6,
        name="sata-ssd",
    ),
    "nvme": CostModel(),
}


def make(costs: CostModel | Mapping[str, Any] | str) -> CostModel:
    """A preset by name, a CostModel as it is, or a table: seconds per event over a preset, which
    ``storage`` names.
    """
    if isinstance(costs, CostModel):
        return costs
    if isinstance(costs, str):
        if costs not in PRESETS:
            raise ValueError(given.unknown("cost preset", costs, PRESETS))
        return PRESETS[costs]
    if not isinstance(costs, Mapping):
        raise TypeError(
            f"costs must be the name of a preset or a table of seconds, got {given.shown(costs)}"
        )
    told = dict(costs)
    base = make(told.pop("storage", "nvme"))
    known = [field.name for field in fields(CostModel)]
    for key in told:
        if key not in known:
            raise ValueError(given.unknown("cost", key, known))
    return replace(base, **told)


def _measured() -> dict[str, float]:
    from pageengine.host.host import Host
    from pageengine.stores.codec import Codec

    n = 8192
    ppns = np.arange(n)
    with Host(4 * n * 4096, swap=0) as host:
        vm, other = host.add_vm("a", n * 4096), host.add_vm("b", n * 4096)
        first = _time(lambda: vm.touch(ppns, True))
        other.touch(ppns, True)
        host.scan()
        copy = _time(lambda: vm.touch(ppns, True))
    pages = np.zeros((n, 4096), np.uint8)
    pages[:, :1200] = np.random.default_rng(0).integers(0, 256, (n, 1200), dtype=np.uint8)
    codec = Codec("word")
    blobs = [blob for blob in codec.compress(pages, 2048) if blob is not None]
    back = _time(lambda: codec.decompress(blobs, pages))
    fault = 1 * US
    return {
        "faults_absent": fault + first / n,
        "cow_breaks": fault + copy / n,
        "decompressions": fault + back / n,
    }


def _time(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
