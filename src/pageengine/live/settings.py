"""What is agreed about one guest before it is looked at: where it is, and what it is promised."""

from __future__ import annotations

from pageengine.plumbing.frozen import Frozen


class GuestSettings(Frozen):
    """One guest of a host that is looked at or governed.

    Attributes:
        name: [text] its name everywhere
        kind: [text] one of live.guests.KINDS: "qemu", "libvirt", "process"
        at: [text] where it is: the path of a QMP socket, a libvirt domain, a process number
        shares: [number] its weight
        reservation: [bytes] machine memory it is guaranteed
        limit: [bytes] most machine memory it may hold; None: its size
        floor: [bytes] guest memory that its balloon has to leave it; None: the guard's default part
            of its size
        may_pause: [yes or no] whether a plan that blocks it may pause it
        page_out: [yes or no] whether its memory may be paged out
        accessed_bits: [yes or no] whether its working set is found by accessed bits, which are
            cleared for it at each look
        cgroup: [text] folder of its cgroup, whose memory.reclaim then pages it out; "": by
            process_madvise
    """

    name: str
    kind: str
    at: str
    shares: int = 1000
    reservation: int = 0
    limit: int | None = None
    floor: int | None = None
    may_pause: bool = False
    page_out: bool = False
    accessed_bits: bool = False
    cgroup: str = ""
