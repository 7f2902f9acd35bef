"""Findings: what stands in the way of merging, ballooning and governing on this host. One file per
group, one line here; each looks at the evidence, which is plain data, and reads nothing itself.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable

from pageengine.live.evidence import Evidence
from pageengine.plumbing.frozen import Frozen

#: Group -> what it is about. Each is a module of this package with ``find(evidence)``.
GROUPS = {
    "governor": "who else decides about the memory of guests here",
    "swap": "where memory that was promised twice can go",
    "monitor": "whether guests can be spoken to",
    "balloon": "whether balloons can move",
    "sharing": "why nothing is merged",
    "pressure": "whether it can be told who waits for memory",
}
#: Level -> what it says, the worst first.
LEVELS = {
    "unsafe": "governing would not be safe",
    "warning": "something will not work, or is not known",
    "note": "good to know",
}


class Finding(Frozen):
    """One fact that matters.

    Attributes:
        level: [text] one of LEVELS
        group: [text] one of GROUPS
        rule: [text] which rule of the group's found it
        about: [text] name of the guest; "" for the host
        fact: [text] what is so
        consequence: [text] what follows from it
        mend: [text] the command or setting that changes it; "" where there is none
    """

    level: str
    group: str
    rule: str
    about: str
    fact: str
    consequence: str
    mend: str = ""


def findings_of(evidence: Evidence) -> list[Finding]:
    """All findings, the worst first."""
    found: list[Finding] = []
    for group in GROUPS:
        module = importlib.import_module(f"{__name__}.{group}")
        each: Iterable[Finding] = module.find(evidence)
        found += each
    return sorted(found, key=lambda finding: tuple(LEVELS).index(finding.level))


def line_of(finding: Finding) -> str:
    """A finding in one line of text."""
    mend = f". Mend: {finding.mend}" if finding.mend else ""
    about = finding.about or "host"
    return f"{finding.level.upper():8}{about}: {finding.fact}: {finding.consequence}{mend}"
