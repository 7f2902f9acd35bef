"""How an order made from what a balloon holds pinned it there, and what came after."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from pageengine.lab import GuestSpec, Simulation, VMSpec
from pageengine.lab.events import Event
from pageengine.lab.results import Result
from pageengine.papers.base import Claim, Number, Outcome
from pageengine.policy import GuestView, Hysteresis, VMView
from pageengine.policy.hysteresis import PERIOD, RELEASES
from pageengine.units import GIB, MIB

TITLE = "A pinned balloon"
SOURCE = "vm0, issue 30221 and pull requests 3700, 26040 and 30227 (2026): balloon.rs"
SETUP = """\
First the incident's own numbers: a guest of 4 GiB, 3306 MiB of it in its balloon and as much
ordered, 118 MiB available, and a driver that gives back 13 MiB and then stands still for ten
minutes. Then a guest whose driver works, an eighth as large, and so are all sizes of the policy:
its program uses 24 MiB for two minutes, so that the balloon takes the most it may, and 400 MiB from
then on. It has swap space on a SATA SSD, and the host has memory for all of it."""
NOTE = """\
Why that driver stood still is not known; here it simply does. The guest of the second part reads no
files: what is available of its memory is then what is free. Marks are those of March 2026; since
September a guest keeps 1 GiB, not 512 MiB."""

HOLDS, MOVED, AVAILABLE, MINUTES = 3306, 13, 118, 10  # MiB, and minutes of the incident
EIGHTH = {"free": 32, "above": 16, "under": 8, "step": 32, "keep": 64}  # MiB
VM, HOST, CALM, BUSY = 512 * MIB, 1024 * MIB, 24, 400
GROWS, END, EPOCH = 120.0, 300.0, 1.0


def _incident(release: str) -> list[int]:
    """MiB ordered after each look."""
    policy, ordered, orders = Hysteresis(release=release), HOLDS, []
    size = 4 * GIB
    guest = VMView(
        name="guest",
        size=size,
        consumed=0,
        granted=0,
        shared=0,
        swapped=0,
        compressed=0,
        ballooned=0,
        mapped=0,
        shares=1000,
        reservation=0,
        limit=size,
        blocked=False,
        balloon_max=size,
    )
    for look in range(int(MINUTES * 60 / PERIOD)):
        moved = MOVED if look else 0
        free = (AVAILABLE + moved) * MIB
        seen = replace(
            guest,
            ballooned=(HOLDS - moved) * MIB,
            balloon_target=ordered * MIB,
            guest=GuestView(total=size - (HOLDS - moved) * MIB, free=free, available=free),
        )
        told = policy.target(seen)
        ordered = ordered if told is None else told
        orders.append(ordered)
    return orders


def _work(mib: int) -> dict[str, Any]:
    return {"kind": "zipf", "memory": mib * MIB, "alpha": 0.3, "rate": 4000}


def _result(release: str, seed: int) -> Result:
    policy = Hysteresis(release=release, **{key: mib * MIB for key, mib in EIGHTH.items()})
    guest = GuestSpec(kernel="16 MiB")
    spec = VMSpec("guest", VM, _work(CALM), guest=guest, contents="own", balloon_max="100%")
    grows = Event(GROWS, "set", "guest", "workload", _work(BUSY))
    simulation = Simulation(
        HOST, [spec], policy=policy, costs="sata-ssd", seed=seed, epoch=EPOCH, events=[grows]
    )
    return simulation.run(END)


class _Growth:
    """What a guest got back, from the moment on that it needs it. time in seconds since then,
    balloon in bytes, waited: seconds of waiting until then.
    """

    def __init__(self, result: Result):
        own = result.of("guest")
        since = own["time"] > GROWS
        self.time, self.balloon = own["time"][since] - GROWS, own["balloon"][since]
        self.waited = np.cumsum(own["stall"][since]) * EPOCH
        self.before = int(own["balloon"][~since][-1])

    @property
    def half(self) -> float:
        """Seconds until half of the balloon is back; infinite: never."""
        there = self.time[self.balloon <= self.before / 2]
        return float(there[0]) if len(there) else np.inf


def run(seed: int) -> Outcome:
    orders = {release: _incident(release) for release in RELEASES}
    growth = {release: _Growth(_result(release, seed)) for release in RELEASES}
    full, pending = growth["full"], growth["pending"]
    numbers = [
        Number(f"{release}: ordered after ten minutes", orders[release][-1], told, "MiB", within)
        for release, told, within in (
            ("actual", None, None),
            ("pending", 3167, 0.001),
            ("full", 0, 0.0),
        )
    ]
    for name, form in growth.items():
        numbers += [
            Number(f"{name}: half of the balloon is back after", form.half, None, "s"),
            Number(f"{name}: waited in three minutes", form.waited[-1], None, "s"),
        ]
    claims = _claims(orders, growth)
    answer = (
        f"What the incident's balloon holds, less what is missing, is {orders['pending'][-1]} MiB "
        f"at every look, for ten minutes, since each MiB given back is one that is not missing. "
        f"Where the driver works nothing is pinned, but a guest that needs all gets at most "
        f"{EIGHTH['step']} MiB a look, the deficit that can be seen: it waits "
        f"{pending.waited[-1]:.1f} s in three minutes, against {full.waited[-1]:.1f} s. The price "
        f"of the full release is a balloon that swings: five seconds later much of what was given "
        f"back is free, the guest looks rich, and the balloon grows again by {EIGHTH['step']} MiB "
        f"a look until the next release."
    )
    data = {name: (form.time, form.balloon, form.waited) for name, form in growth.items()}
    return Outcome(numbers, claims, data, answer)


def _claims(orders: Mapping[str, list[int]], growth: Mapping[str, _Growth]) -> list[Claim]:
    full, pending, actual = (growth[release] for release in RELEASES)
    turns = int(np.sum(np.diff(np.sign(np.diff(full.balloon))) != 0))
    return [
        Claim(
            "an order from what the balloon holds is the same however far the driver came: what it "
            "holds and what is available have the same sum",
            len(set(orders["pending"])) == len(set(orders["actual"])) == 1,
        ),
        Claim("released fully, nothing is ordered any more", set(orders["full"]) == {0}),
        Claim(
            "with a driver that works, too, half of the balloon is back several times sooner",
            min(pending.half, actual.half) > 3 * full.half,
            "derived",
        ),
        Claim(
            "and the guest waits less",
            bool(full.waited[-1] < 0.7 * min(pending.waited[-1], actual.waited[-1])),
            "derived",
        ),
        Claim(
            "while a driver keeps up, the two older forms are one",
            bool((pending.balloon == actual.balloon).all()),
            "derived",
        ),
        Claim(
            "the full release overshoots: the balloon grows again and is let go again",
            turns > 4,
            "derived",
        ),
    ]


def draw(figure: Any, data: Mapping[str, Any]) -> None:
    from pageengine.report import style

    left, right = figure.subplots(1, 2)
    looks = {
        "full": (style.BLUE, "-"),
        "pending": (style.VERMILION, "-"),
        "actual": (style.BLACK, ":"),
    }
    for name, (color, dash) in looks.items():
        time, balloon, waited = data[name]
        left.plot(time, balloon / MIB, dash, color=color, label=name)
        right.plot(time, waited, dash, color=color)
    left.set_ylabel("balloon (MiB)")
    right.set_ylabel("waited so far (s)")
    for axes in (left, right):
        axes.set_xlabel("seconds since the program grew")
        axes.set_ylim(0)
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=3)
