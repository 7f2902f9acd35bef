"""What an overcommit experiment found: frozen records, and how the memory that was saved is
accounted for."""

from dataclasses import asdict, dataclass
from typing import Any

from pageengine.core.records import HostStats, VMStats
from pageengine.units import PAGE_BYTES

EVENTS = (
    "accesses",
    "faults_absent",
    "cow_breaks",
    "scanned",
    "merged",
    "zero_merged",
    "compressions",
    "decompressions",
    "incompressible",
    "cache_evictions",
    "swap_out",
    "swap_in",
    "discarded",
)


@dataclass(frozen=True)
class Phase:
    """A phase and the host after it. seconds: the engine's own, without reading the image files;
    reading_seconds: reading them. events: what was counted during the phase, in pages."""

    name: str
    seconds: float
    reading_seconds: float
    resident: int | None
    stats: dict[str, Any]
    events: dict[str, int]


@dataclass(frozen=True)
class VMOutcome:
    """One image as a virtual machine. size: its memory, in bytes: what the image stores (data) and
    its holes (hole), which are zero. Beside these, unknown: memory that the image does not store;
    gap: addresses that have no memory; the VM has neither. places: bytes by place, before the
    verification. differing: pages that did not read back as they are in the file; first_differing:
    the first of them, or None."""

    name: str
    path: str
    group: str
    size: int
    data: int
    hole: int
    unknown: int
    gap: int
    places: dict[str, int]
    compared: int
    differing: int
    first_differing: int | None


@dataclass(frozen=True)
class Overcommit:
    """The whole experiment. given_back: configured memory that needs no machine memory, by
    technique; its sum is configured - consumed. resident_peak: most memory the process had beyond
    what it had before."""

    memory: int
    configured: int
    compression: str | None
    packing: str
    phases: tuple[Phase, ...]
    vms: tuple[VMOutcome, ...]
    given_back: dict[str, int]
    resident_peak: int | None
    swap_peak: int

    @property
    def same(self) -> bool:
        """Whether every byte of every image was read back."""
        return not any(vm.differing for vm in self.vms)

    @property
    def engine_seconds(self) -> float:
        """Seconds in the engine, all phases together."""
        return sum(phase.seconds for phase in self.phases)

    def phase(self, name: str) -> Phase:
        """The phase of that name; StopIteration where there is none."""
        return next(phase for phase in self.phases if phase.name == name)

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain data, ready for JSON."""
        return {"same": self.same, "engine_seconds": self.engine_seconds, **asdict(self)}


def account(stats: HostStats) -> dict[str, int]:
    """Configured memory that needs no machine memory, by technique, in bytes: never touched,
    sharing (zero pages and equal pages), compression, swap, balloon. The parts add up to configured
    - consumed."""
    zero = min(stats.zero, stats.saving)  # the zero page's own frame is charged to the equal pages
    return {
        "never touched": _absent(stats),
        "zero pages": zero,
        "equal pages": stats.saving - zero,
        "compression": stats.zip_saved,
        "swap": stats.swapped,
        "balloon": stats.ballooned,
    }


def _absent(stats: HostStats) -> int:
    return stats.configured - stats.granted - stats.compressed - stats.swapped - stats.ballooned


def places_of(stats: VMStats) -> dict[str, int]:
    """Guest memory of one VM by place, in bytes."""
    quarter = stats.quarter_pages * PAGE_BYTES
    half = stats.half_pages * PAGE_BYTES
    return {
        "private": stats.private,
        "shared": stats.shared - stats.zero,
        "zero": stats.zero,
        "compressed 2:1": half,
        "compressed 4:1": quarter,
        "compressed dense": stats.compressed - half - quarter,
        "swapped": stats.swapped,
        "ballooned": stats.ballooned,
        "absent": stats.absent,
    }
