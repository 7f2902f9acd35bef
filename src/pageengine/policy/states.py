"""Memory states: which state a host is in by its free memory, with hysteresis, and what each state allows.

Sources. OSDI 2002 section 6.3: four states with default thresholds of 6, 4, 2 and 1 % of memory; a host falls as soon as free
memory is below the lower threshold, and rises one state at a time, only after *significantly* exceeding the higher one
(the margin is not published; here it is a parameter). ESXi 5: thresholds of 64, 32 and 16 % of minfree, which slides with
memory (``minfree``). vSphere 6: a state "clear" at 100 % and "high" at 400 % of minfree (300 % in some texts); what it does
there is break large pages, which this model does not have, so clear allows what high does.
"""

from dataclasses import dataclass

MIB = 2**20
GIB = 2**30

#: From most to least free memory.
STATES = ("high", "clear", "soft", "hard", "low")

#: What may be done in each state. Sharing runs in all of them; "block" stops machines that are above their target.
TECHNIQUES = {
    "high": frozenset({"sharing"}),
    "clear": frozenset({"sharing"}),
    "soft": frozenset({"sharing", "balloon"}),
    "hard": frozenset({"sharing", "compression", "swap"}),
    "low": frozenset({"sharing", "compression", "swap", "block"}),
}


def minfree(memory: int) -> int:
    """Bytes that ESXi 5 and later keep free: 6 % of the first 4 GiB of memory, 4 % of the next 8, 2 % of the next 16 and
    1 % of the rest, rounded down."""
    rest, hundredfold = memory, 0
    for size, percent in ((4 * GIB, 6), (8 * GIB, 4), (16 * GIB, 2)):
        part = min(rest, size)
        hundredfold += part * percent
        rest -= part
    return (hundredfold + rest) // 100


@dataclass(frozen=True)
class Thresholds:
    """Free memory in bytes below which a host is no longer in the state: of ``names[i]`` it is ``bytes[i]``. The last
    state has none."""

    names: tuple[str, ...]
    bytes: tuple[int, ...]

    def __post_init__(self):
        if len(self.names) < 2 or len(self.bytes) != len(self.names) - 1:
            raise ValueError(
                f"{len(self.names)} states need {len(self.names) - 1} thresholds, got {self.bytes}"
            )
        unknown = [name for name in self.names if name not in STATES]
        order = [STATES.index(name) for name in self.names if name in STATES]
        if unknown or order != sorted(set(order)):
            raise ValueError(f"states must be some of {STATES} in this order, got {self.names}")
        if (
            any(a <= b for a, b in zip(self.bytes, self.bytes[1:], strict=False))
            or self.bytes[-1] < 0
        ):
            raise ValueError(f"thresholds must fall from state to state, got {self.bytes}")

    def state(self, free: int) -> str:
        """The state by free memory alone, without hysteresis."""
        for name, threshold in zip(self.names, self.bytes, strict=False):
            if free >= threshold:
                return name
        return self.names[-1]

    def next_state(self, current: str, free: int, margin: float) -> str:
        """The state after ``current``: at once down to what free memory says, up one state at a time and only when free
        memory exceeds the threshold of that state by ``margin`` (a fraction of the threshold)."""
        now, there = self.names.index(current), self.names.index(self.state(free))
        if there > now:
            return self.names[there]
        if now > 0 and free >= self.bytes[now - 1] * (1 + margin):
            return self.names[now - 1]
        return current
