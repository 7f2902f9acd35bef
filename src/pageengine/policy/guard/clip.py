"""What the guard changed of a plan, and by which rule."""

from __future__ import annotations

from pageengine.plumbing.frozen import Frozen

#: Every rule by name, in the order in which they are applied, and what it says.
RULES: dict[str, str] = {
    "busy": "a VM that boots, migrates, is paused or is saved is left alone",
    "driver": "a guest without a balloon driver gets no balloon target",
    "pressure": "a guest that is short of memory gets its balloon back, all of it at once",
    "floor": "a guest keeps what is agreed or reserved, and what it uses and a margin",
    "ceiling": "a VM does not grow beyond its limit",
    "stuck": "a driver that does not move is asked for nothing more and given nothing more",
    "stale": "nothing is taken by statistics that are too old",
    "silent": "nothing is taken by a balloon from a guest that tells nothing",
    "gain": "a balloon that won the host nothing does not grow further",
    "rate": "no more is taken in any window of time than the limit allows",
    "reserve": "no more is given than is free beyond the reserve; what donors give counts when "
    "it is there",
    "donor": "idle guests give what guests under pressure lack",
    "block": "only VMs that may be blocked are blocked",
    "page-out": "only VMs whose memory may be paged out lose some to it",
    "scan": "all scanning together keeps to its limit",
}


class Clip(Frozen):
    """One number of a plan that a rule changed. Where several rules changed it, there is one for
    each, in the order of RULES, and each wanted what the one before gave.

    Attributes:
        vm: [text] whose; "" for the host
        rule: [text] one of RULES
        what: [text] "balloon", "reclaim", "blocked", "scan" or "target"
        wanted: [number] what the plan said, or what was to stay: bytes, pages per second (scan), 1
            or 0 (blocked)
        given: [number] what holds instead
    """

    vm: str
    rule: str
    what: str
    wanted: float | None
    given: float | None
