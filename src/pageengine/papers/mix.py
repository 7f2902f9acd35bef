"""Average eviction time composes: what VMs miss in one memory, from what each does alone."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from pageengine.analysis.mix import mix
from pageengine.analysis.reuse import ReuseTimes
from pageengine.core.guest import Guest
from pageengine.lab import Simulation, VMSpec
from pageengine.lab.costs import EVENTS, make as make_costs
from pageengine.lab.workloads import Accesses, Workload, make
from pageengine.papers.base import Claim, Number, Outcome, PaperTable
from pageengine.units import PAGE_BYTES

TITLE = "A mix of VMs predicted from each alone"
SOURCE = "Hu, Wang, Li, Zhou, Luo, Ding, Jiang, Wang: Kinetic modeling of data eviction in cache, \
USENIX ATC 2016 (AET), section 3; that it composes over VMs needs one clock for all, which is ours"
SETUP = """\
Three VMs share one memory: skewed touches (zipf 0.9, 3,000 per second, 16 MiB), a window that moves
(2,000 per second, 19 MiB) and nearly uniform touches (zipf 0.4, 4,000 per second, 48 MiB). Each is
looked at alone for two minutes; what each misses in memories of twenty sizes is predicted from
that. Held against it: one LRU list that all three share (the guest model's, as the lab has no host
that replaces by LRU), VM by VM, in the second of two minutes; and, at three sizes, hosts of the lab
that replace as hosts do, where waiting costs nothing so that rates stay as they are."""
NOTE = """\
VMs take turns of 20 ms in the shared LRU. A host of the lab does not keep an LRU list: its clock
sees accessed bits between two looks, shares give each VM a part whatever it touches, and balloons
take what guests choose. The prediction is of none of them; the last table says how far off it
is."""

RATES = (3000.0, 2000.0, 4000.0)
WORKLOADS = (
    {"kind": "zipf", "alpha": 0.9, "rate": RATES[0], "memory": 4000 * PAGE_BYTES, "write": 1.0},
    {
        "kind": "moving",
        "rate": RATES[1],
        "memory": 4600 * PAGE_BYTES,
        "every": 20.0,
        "window": 0.4,
        "write": 1.0,
    },
    {"kind": "zipf", "alpha": 0.4, "rate": RATES[2], "memory": 12_000 * PAGE_BYTES, "write": 1.0},
)
NAMES, PAGES = ("skewed", "moving", "uniform"), (4000, 4600, 12_000)
SIZES = np.linspace(1000, 20_000, 20).astype(int)
ON_HOSTS = (6000, 10_000, 16_000)
SECONDS, SLICE, ON_HOST = 120.0, 0.02, 60.0
HOSTS = {"clock": "plain", "shares": "shares", "balloons": "esx6"}


def _accesses(seed: int) -> list[list[np.ndarray]]:
    """What each VM touches, slice by slice."""
    found = []
    for number, told in enumerate(WORKLOADS):
        workload: Workload = make(told)
        workload.start(PAGES[number], np.random.Generator(np.random.Philox(key=[seed, number])))
        found.append(
            [
                np.concatenate(
                    [step.ids for step in workload.step(SLICE, at) if isinstance(step, Accesses)]
                    or [np.zeros(0, np.int64)]
                )
                for at in np.arange(0, SECONDS, SLICE).tolist()
            ]
        )
    return found


def _shared_lru(accesses: list[list[np.ndarray]], size: int) -> np.ndarray:
    """What part of each VM's accesses misses in the second half."""
    guest = Guest(size, swap_pages=sum(PAGES), replacement="lru")
    base = np.cumsum([0, *PAGES[:-1]])
    half, missed, made = len(accesses[0]) // 2, np.zeros(3), np.zeros(3)
    for number in range(len(accesses[0])):
        for vm in range(3):
            ids = accesses[vm][number] + base[vm]
            misses = guest.replay("memory", ids).misses if len(ids) else 0
            if number >= half:
                missed[vm] += misses
                made[vm] += len(ids)
    return missed / made


def _on_host(policy: str, size: int, seed: int) -> np.ndarray:
    """The same on a host of the lab, of which so many pages hold pages of VMs."""
    specs = [
        VMSpec(name, pages * PAGE_BYTES, dict(told), contents="random", warm=True)
        for name, pages, told in zip(NAMES, PAGES, WORKLOADS, strict=True)
    ]
    simulation = Simulation(
        size * PAGE_BYTES,
        specs,
        policy=policy,
        seed=seed,
        costs=make_costs(dict.fromkeys(EVENTS, 0.0)),
        host={"compression": None, "sharing": False},
    )
    result = simulation.run(ON_HOST)
    found = []
    for name in NAMES:
        own = result.of(name)
        late = np.asarray(own["time"]) > ON_HOST / 2
        found.append(own["swap_in"][late].sum() / max(1, own["accesses"][late].sum()))
    return np.array(found)


def run(seed: int) -> Outcome:
    accesses = _accesses(seed)
    seen = []
    for own in accesses:
        times = ReuseTimes(seed=seed)
        times.see(np.concatenate(own))
        seen.append(times)
    told = mix(seen, RATES, SIZES)
    lru = np.array([_shared_lru(accesses, int(size)) for size in SIZES])
    error = np.abs(told.missed - lru)
    hosts = {
        name: np.array([_on_host(policy, size, seed) for size in ON_HOSTS])
        for name, policy in HOSTS.items()
    }
    there = mix(seen, RATES, ON_HOSTS).missed
    apart = {name: np.abs(found - there) for name, found in hosts.items()}
    numbers = [
        Number("largest error of a VM's miss ratio, twenty sizes", float(error.max())),
        Number("mean error", float(error.mean())),
    ]
    claims = [
        Claim(
            "each VM's miss ratio is within .02 of the shared LRU's, at each of twenty sizes",
            bool(error.max() < 0.02),
            "derived",
        ),
    ]
    tables = [
        PaperTable(
            "Miss ratio, predicted / of the shared LRU",
            ("pages", *NAMES),
            [
                (f"{size:,}", *(f"{a:.3f} / {b:.3f}" for a, b in zip(one, two, strict=True)))
                for size, one, two in zip(SIZES, told.missed, lru, strict=True)
            ],
        ),
        PaperTable(
            "How far off it is on hosts of the lab, largest of the three VMs",
            ("pages", *HOSTS),
            [
                (f"{size:,}", *(f"{apart[name][at].max():.3f}" for name in HOSTS))
                for at, size in enumerate(ON_HOSTS)
            ],
        ),
    ]
    worst = {name: float(each.max()) for name, each in apart.items()}
    answer = (
        "The misses of a mix follow from what was seen of each VM alone, at any size and without "
        f"simulating it. That is of LRU alone: it is off by up to {worst['clock']:.2f} under a "
        f"clock, {worst['shares']:.2f} under shares and "
        f"{worst['balloons']:.2f} with balloons. It says where to look, not what a host will do."
    )
    data = {
        "sizes": SIZES,
        "told": told.missed,
        "lru": lru,
        "on": np.array(ON_HOSTS),
        "hosts": hosts,
    }
    return Outcome(numbers, claims, data, answer, tables=tables)


def draw(figure: Any, data: Mapping[str, Any]) -> None:
    from pageengine.report import style

    left, right = figure.subplots(1, 2, sharey=True)
    colors = (style.BLUE, style.ORANGE, style.GREEN)
    for vm, color in enumerate(colors):
        for axes in (left, right):
            axes.plot(data["sizes"], data["told"][:, vm], color=color, lw=1.3, label=NAMES[vm])
        left.plot(data["sizes"], data["lru"][:, vm], "o", color=color, ms=4, mfc="none")
        for mark, name in zip("s^x", HOSTS, strict=True):
            right.plot(data["on"], data["hosts"][name][:, vm], mark, color=color, ms=5, mfc="none")
    for axes, title in ((left, "predicted (lines), shared LRU"), (right, "and hosts of the lab")):
        axes.set_xlabel("memory (pages)")
        axes.set_title(title)
    style.percent_axis(left, "accesses that miss (%)")
    left.legend()
    for mark, name in zip("s^x", HOSTS, strict=True):
        right.plot([], [], mark, color=style.GREY, ms=5, mfc="none", label=name)
    right.legend(handles=right.get_legend_handles_labels()[0][3:])
