"""Whether guests can be spoken to. A QMP socket serves one client at a time."""

from __future__ import annotations

from collections.abc import Iterator

from pageengine.live.evidence import Evidence
from pageengine.live.findings import Finding


def find(evidence: Evidence) -> Iterator[Finding]:
    """Findings about monitors, and about guests that do not answer."""
    for guest in evidence.guests:
        name = guest.settings.name
        for pid, program in guest.holders:
            yield Finding(
                "unsafe",
                "monitor",
                "held",
                name,
                f"{program or 'a program'} (process {pid}) is connected to its monitor",
                "a monitor serves one client: nobody else is answered, and who is there may govern",
                "give QEMU one more: -qmp unix:PATH,server=on,wait=off",
            )
        if guest.reading is None and not guest.holders:
            yield Finding(
                "warning",
                "monitor",
                "silent",
                name,
                f"it is {guest.state} ({guest.why})" if guest.why else f"it is {guest.state}",
                "nothing is known of it, and it is left as it is",
            )
        if guest.reading is not None and guest.reading.granted is None:
            yield Finding(
                "warning",
                "monitor",
                "hidden",
                name,
                "the memory of its process may not be looked into",
                "what it holds, shares and swaps is not known, and it is not paged out",
                "run this as the owner of its process, or with CAP_SYS_PTRACE",
            )
