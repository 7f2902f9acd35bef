"""Whether it can be told who waits for memory."""

from __future__ import annotations

from collections.abc import Iterator

from pageengine.live.evidence import Evidence
from pageengine.live.findings import Finding


def find(evidence: Evidence) -> Iterator[Finding]:
    """Findings about pressure stall information."""
    if not evidence.pressure:
        yield Finding(
            "warning",
            "pressure",
            "off",
            "",
            "the kernel does not count pressure (PSI is off)",
            "policies go by free memory alone, and see too late that programs wait",
            "boot with psi=1 on the kernel's command line",
        )
