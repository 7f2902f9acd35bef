"""Who else decides about the memory of guests here: two that do undo each other's work."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath

from pageengine.live.evidence import Evidence, Running
from pageengine.live.findings import Finding

#: Program -> what it governs, and how it is stopped. A program is found by its own name, or as a
#: script that an interpreter runs.
GOVERNORS = {
    "momd": ("MOM: balloons and KSM", "systemctl disable --now momd"),
    "ksmtuned": ("KSM's scan rate", "systemctl disable --now ksmtuned"),
    "pvestatd": (
        "Proxmox: balloons of guests with balloon: above 0",
        "qm set VMID --balloon 0 for every guest that is governed here",
    ),
    "qubes-qmemman": ("QubesOS: Xen targets", "systemctl stop qubes-qmemman"),
    "qmemman-daemon": ("QubesOS: Xen targets", "systemctl stop qubes-qmemman"),
    "squeezed": ("xapi: Xen targets", "systemctl stop squeezed"),
    "hypeman": ("balloons of its guests", "systemctl stop hypeman"),
    "balloon.py": ("qemus/qemu: the balloon of its guest", "start its container without BALLOON"),
    "vm0-runner": ("balloons of its guests", "systemctl stop vm0-runner"),
}
_INTERPRETERS = ("python", "perl", "bash", "sh")
_KERNEL_NAME = 15  # characters of a program's name that the kernel keeps


def find(evidence: Evidence) -> Iterator[Finding]:
    """Findings about other governors."""
    if evidence.governor:
        yield Finding(
            "unsafe",
            "governor",
            "lock",
            "",
            f"a governor of ours runs already ({evidence.governor})",
            "a second one is refused",
            "stop that one first: systemctl stop pageengine-govern",
        )
    for running in evidence.processes:
        program = _program(running)
        if program in GOVERNORS:
            governs, mend = GOVERNORS[program]
            yield Finding(
                "unsafe",
                "governor",
                "daemon",
                "",
                f"{program} runs (process {running.pid}), which governs {governs}",
                "two governors undo each other's work, and neither keeps its limits",
                mend,
            )


def _program(running: Running) -> str:
    """The name of a governor's program that this process runs, or its own."""
    words = [PurePath(word).name for word in running.command[:3]]
    names = words[:1]
    if words and words[0].rstrip("0123456789.").startswith(_INTERPRETERS):
        names = words[1:]
    if not running.command:
        names = [running.name]
    for name in names:
        if name in GOVERNORS:
            return name
    cut = {name[:_KERNEL_NAME]: name for name in GOVERNORS}
    return cut.get(running.name, "")
