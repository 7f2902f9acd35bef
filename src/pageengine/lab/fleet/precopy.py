"""What moving a VM costs while it runs, by the model of pre-copy migration.

All that the VM holds is sent first, then what it wrote meanwhile, then what it wrote during that,
until so little is left that it can be sent while the VM stands still (Clark et al., Live Migration
of Virtual Machines, NSDI 2005, sections 3 and 5). With M bytes held, a link of b bytes per second
and d bytes written anew per second, round i sends

    V(0) = M        V(i + 1) = min(W, V(i) d / b)

for a VM that writes W bytes and no others. Where W does not bind, and r = d / b, that is M r**i:
M (1 - r**(n + 1)) / (1 - r) bytes in all, when the VM stands still for the n-th.
"""

from __future__ import annotations

from dataclasses import dataclass

from pageengine.plumbing import given
from pageengine.units import parse_size


@dataclass(frozen=True)
class Cost:
    """Of one move. bytes: sent. seconds: that the link is taken. downtime: of these, seconds in
    which the VM stands still. rounds: of copying, the last with the VM standing still. waits:
    seconds that the VM loses, standing still and by running slower meanwhile.
    """

    bytes: int
    seconds: float
    downtime: float
    rounds: int
    waits: float


@dataclass(frozen=True)
class Precopy:
    """bandwidth: bytes per second of a host's link to the others, a number or text (10 Gbit/s).
    downtime: seconds for which a VM may stand still; what can be sent in that ends the copying
    (QEMU's default). rounds: after so many it ends in any case, and so it does when more than
    ``most`` times what the VM holds has been sent (Xen's 29 and 3). slowdown: part of its speed
    that a VM loses while it is copied (12 % of a web server's throughput in NSDI 2005, figure 8).
    per_round: VMs that leave a host in one round at the most; None: as many as its link has time
    for.
    """

    bandwidth: int | str = 1_250_000_000
    downtime: float = 0.3
    rounds: int = 29
    most: float = 3.0
    slowdown: float = 0.12
    per_round: int | None = None

    def __post_init__(self) -> None:
        told: dict[str, int | float] = {
            "bandwidth": parse_size(self.bandwidth, "bandwidth"),
            "downtime": given.seconds(self.downtime, "downtime"),
            "rounds": given.whole(self.rounds, "rounds", 1, 1000),
            "most": float(given.real(self.most, "most", 1)),
            "slowdown": float(given.real(self.slowdown, "slowdown", 0, 1)),
        }
        if self.per_round is not None:
            told["per_round"] = given.whole(self.per_round, "per_round", 1)
        if not told["bandwidth"]:
            raise ValueError("bandwidth must be more than nothing: no VM can move over it")
        for key, value in told.items():
            object.__setattr__(self, key, value)

    def cost(self, held: float, dirty: float, writes: float) -> Cost:
        """Of a VM that holds ``held`` bytes and writes ``dirty`` bytes per second, ``writes`` bytes
        in all.
        """
        link, sent, left, copied = float(self.bandwidth), 0.0, max(0.0, float(held)), 0
        while copied < self.rounds and left > self.downtime * link and sent <= self.most * held:
            sent += left
            copied += 1
            left = min(float(writes), float(held), left * dirty / link)
        running, standing = sent / link, left / link
        return Cost(
            round(sent + left),
            running + standing,
            standing,
            copied + 1,
            self.slowdown * running + standing,
        )
