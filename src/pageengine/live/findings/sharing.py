"""Why nothing is merged: KSM is off or too slow, or the memory of guests is not what it merges."""

from __future__ import annotations

from collections.abc import Iterator

from pageengine.live.evidence import Evidence, GuestEvidence
from pageengine.live.findings import Finding
from pageengine.units import PAGE_BYTES, format_size

KSM = "/sys/kernel/mm/ksm"
HUGE = "/sys/kernel/mm/transparent_hugepage/enabled"
PASS_MOST = 1800.0  # seconds for all pages; a page is merged in the second look at it
_PART = 0.5  # of a guest's memory, from which on it is the guest's


def find(evidence: Evidence) -> Iterator[Finding]:
    """Findings about KSM, and about guests whose memory it leaves alone."""
    yield from _ksm(evidence)
    for guest in evidence.guests:
        yield from _guest(guest)


def _ksm(evidence: Evidence) -> Iterator[Finding]:
    ksm = evidence.ksm
    if ksm.run is None:
        yield _of("", "note", "kernel", "this kernel has no KSM", "equal pages are not merged")
    elif ksm.run != 1:
        yield _of(
            "",
            "warning",
            "run",
            f"KSM is stopped (run is {ksm.run})",
            "no more pages are merged",
            f"echo 1 > {KSM}/run",
        )
    elif ksm.scan_rate:
        pages = sum(_granted(guest) for guest in evidence.guests) // PAGE_BYTES
        if pages / ksm.scan_rate > PASS_MOST:
            wanted = -(-pages * (ksm.sleep_millisecs or 0) // int(PASS_MOST * 1000))
            yield _of(
                "",
                "warning",
                "rate",
                f"KSM looks at {ksm.scan_rate:,.0f} pages per second of the {pages:,} of these "
                "guests",
                f"a pass takes {pages / ksm.scan_rate / 60:,.0f} min, and pages are merged in the "
                "second",
                f"echo {wanted} > {KSM}/pages_to_scan",
            )


def _guest(guest: GuestEvidence) -> Iterator[Finding]:
    name, mapped = guest.settings.name, guest.mapped
    if mapped is None:
        return
    held = mapped.anonymous + mapped.shared + mapped.hugetlb
    if mapped.hugetlb > _PART * held:
        yield _of(
            name,
            "warning",
            "hugetlb",
            "its memory is in huge pages that were set aside (hugetlbfs)",
            "they are neither merged nor paged out, and a balloon frees nothing of them",
            "start it without mem-path=/dev/hugepages",
        )
    elif mapped.shared > _PART * held:
        yield _of(
            name,
            "warning",
            "shared",
            f"{format_size(mapped.shared)} of its memory is mapped as shared",
            "KSM merges private memory only",
            "start it with share=off in its -object memory-backend, unless vhost-user needs it",
        )
    elif mapped.anonymous and not mapped.mergeable:
        yield _of(
            name,
            "warning",
            "madvise",
            "it has not asked for merging (MADV_MERGEABLE)",
            "KSM does not look at its memory",
            _ask_for_merging(guest),
        )
    if mapped.huge > _PART * max(held, 1):
        yield _of(
            name,
            "note",
            "huge",
            f"{format_size(mapped.huge)} of its memory is in huge pages",
            "KSM splits one only when it finds an equal page, and accessed bits tell 2 MiB at once",
            f"echo madvise > {HUGE}, or start it with PR_SET_THP_DISABLE",
        )


def _ask_for_merging(guest: GuestEvidence) -> str:
    if guest.settings.kind == "process":
        return "start it with prctl PR_SET_MEMORY_MERGE, or MemoryKSM=yes in its systemd unit"
    if guest.settings.kind == "libvirt":
        return "in its domain: no <nosharepages/> in <memoryBacking>"
    return "start it with -machine mem-merge=on"


def _granted(guest: GuestEvidence) -> int:
    return (guest.reading.granted if guest.reading is not None else None) or 0


def _of(about: str, level: str, rule: str, fact: str, consequence: str, mend: str = "") -> Finding:
    return Finding(level, "sharing", rule, about, fact, consequence, mend)
