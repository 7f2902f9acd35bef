"""How a process has its memory mapped, and what it asked of the kernel for it (proc/PID/smaps): by
that KSM can merge it, or not.
"""

from __future__ import annotations

import re
from pathlib import Path

from pageengine.live.sources import files
from pageengine.plumbing.frozen import Frozen

_MAPPING = re.compile(r"^[0-9a-f]+-[0-9a-f]+ (\S{4}) \S+ \S+ (\d+)", re.M)


class Mapped(Frozen):
    """Memory that a process may write to, in machine memory now.

    Attributes:
        anonymous: [bytes] of its own, of no file: what KSM could merge
        mergeable: [bytes] of that, what it asked to have merged (MADV_MERGEABLE, mem-merge=on)
        shared: [bytes] mapped as shared (memory-backend share=on), which KSM leaves alone
        huge: [bytes] of anonymous, in huge pages that the kernel made
        hugetlb: [bytes] in huge pages that were set aside; neither merged nor paged out
    """

    anonymous: int = 0
    mergeable: int = 0
    shared: int = 0
    huge: int = 0
    hugetlb: int = 0


def read_mapped(pid: int, root: Path = Path("/")) -> Mapped | None:
    """None: it may not be looked into, or is gone."""
    said = files.text(root / f"proc/{pid}/smaps")
    if not said:
        return None
    sums = dict.fromkeys(Mapped.__match_args__, 0)
    all_of_it = re.search(
        r"^ksm_merge_any: yes", files.text(root / f"proc/{pid}/ksm_stat") or "", re.M
    )
    parts = _MAPPING.split(said)[1:]  # rights, inode, body; and again
    for rights, inode, body in zip(parts[::3], parts[1::3], parts[2::3], strict=True):
        sizes = files.kilobytes(body.encode())
        flags = re.search(r"^VmFlags: (.*)$", body, re.M)
        asked = flags[1].split() if flags else []
        resident = sizes.get("Rss", 0)
        sums["hugetlb"] += sizes.get("Private_Hugetlb", 0) + sizes.get("Shared_Hugetlb", 0)
        if rights[1] != "w":
            continue
        if rights[3] == "s":
            sums["shared"] += resident
        elif inode == "0":
            sums["anonymous"] += resident
            sums["huge"] += sizes.get("AnonHugePages", 0)
            if all_of_it or "mg" in asked:
                sums["mergeable"] += resident
    return Mapped(**sums)
