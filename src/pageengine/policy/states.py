"""Memory states: which state a host is in by its free memory, with hysteresis, and what each state
allows.

Sources. OSDI 2002 section 6.3: four states with default thresholds of 6, 4, 2 and 1 % of memory; a
host falls as soon as free memory is below the threshold of a lower state, and rises one state at a
time, only after *significantly* exceeding the threshold of the higher one (the margin is not
published; here it is a parameter). ESXi 5: 100, 64, 32 and 16 % of minfree, which slides with
memory (``minfree``). vSphere 6: "clear" at 100 % and "high" at 400 % of minfree (300 % in some
texts); what it does there is break large pages, which this model does not have, so clear allows
what high does.
"""

import math
from dataclasses import dataclass
from itertools import pairwise

MIB = 2**20
GIB = 2**30

#: From most to least free memory.
STATES = ("high", "clear", "soft", "hard", "low")

#: What may be done in each state. Sharing runs in all of them; "block" stops VMs that are
#: above their target.
TECHNIQUES = {
    "high": frozenset({"sharing"}),
    "clear": frozenset({"sharing"}),
    "soft": frozenset({"sharing", "balloon"}),
    "hard": frozenset({"sharing", "balloon", "compression", "swap"}),
    "low": frozenset({"sharing", "balloon", "compression", "swap", "block"}),
}


def rank(state: str) -> int:
    """How low a state is; those of no known name count as high."""
    return STATES.index(state) if state in STATES else 0


def minfree(memory: int) -> int:
    """Bytes that ESXi 5 and later keep free: 6 % of the first 4 GiB of memory, 4 % of the next 8,
    2 % of the next 16 and 1 % of the rest, rounded down.
    """
    rest, hundredfold = memory, 0
    for size, percent in ((4 * GIB, 6), (8 * GIB, 4), (16 * GIB, 2)):
        part = min(rest, size)
        hundredfold += part * percent
        rest -= part
    return (hundredfold + rest) // 100


@dataclass(frozen=True)
class Thresholds:
    """Free memory in bytes for each state of ``names``, falling: a state other than the first is
    entered when free memory is below its own threshold. The first one's matters on the way up.
    """

    names: tuple[str, ...]
    bytes: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.names) < 2 or len(self.bytes) != len(self.names):
            raise ValueError(
                f"thresholds must be one per state, and there are {len(self.names)} states: "
                f"{self.bytes}"
            )
        known = [STATES.index(name) for name in self.names if name in STATES]
        if len(known) < len(self.names) or known != sorted(set(known)) or self.names[0] != "high":
            raise ValueError(
                f"states must be high and some of {STATES[1:]} in this order, got {self.names}"
            )
        falling = all(a > b for a, b in pairwise(self.bytes))
        if not falling or self.bytes[-1] < 0:
            raise ValueError(f"thresholds must fall from state to state, got {self.bytes}")

    def state(self, free: int) -> str:
        """The state by free memory alone, without hysteresis."""
        below = [name for name, limit in zip(self.names, self.bytes, strict=True) if free < limit]
        return below[-1] if below else self.names[0]

    def next_state(self, current: str, free: int, margin: float) -> str:
        """The state after ``current``: at once down to what free memory says; up one state at a
        time, and only when free memory exceeds the threshold of that state by ``margin`` (a
        fraction of it).
        """
        if current not in self.names:
            return self.state(free)
        now, there = self.names.index(current), self.names.index(self.state(free))
        if there > now:
            return self.names[there]
        up = self.above(current, margin)
        return self.names[now - 1] if up is not None and free >= up else current

    def below(self, state: str) -> int:
        """Free memory under which the next lower state begins; 0 in the lowest."""
        i = self.names.index(state) + 1
        return self.bytes[i] if i < len(self.bytes) else 0

    def above(self, state: str, margin: float) -> int | None:
        """Free memory from which on the next higher state begins, which exceeds that state's
        threshold by ``margin`` (a fraction of it); None in the highest.
        """
        i = self.names.index(state) - 1
        return self.bytes[i] + math.ceil(self.bytes[i] * margin) if i >= 0 else None

    @property
    def goal(self) -> int:
        """Free memory that reclaiming aims at: the threshold of the last state without reclaim."""
        return [
            limit
            for name, limit in zip(self.names, self.bytes, strict=True)
            if name in ("high", "clear")
        ][-1]


def _parts(names: tuple[str, ...], whole: int, *fractions: float) -> Thresholds:
    return Thresholds(names, tuple(int(whole * fraction) for fraction in fractions))


#: Presets: memory in bytes -> Thresholds.
PRESETS = {
    "esx2002": lambda memory: _parts(
        ("high", "soft", "hard", "low"), memory, 0.06, 0.04, 0.02, 0.01
    ),
    "esx5": lambda memory: _parts(
        ("high", "soft", "hard", "low"), minfree(memory), 1.0, 0.64, 0.32, 0.16
    ),
    "esx6": lambda memory: _parts(
        ("high", "clear", "soft", "hard", "low"), minfree(memory), 4.0, 1.0, 0.64, 0.32, 0.16
    ),
}
