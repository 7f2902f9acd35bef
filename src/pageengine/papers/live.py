"""Does the lab rank policies as real guests do? One course, governed for real and simulated."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from importlib.util import find_spec
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from pageengine.errors import LiveError
from pageengine.papers import course, tcg_guests
from pageengine.papers.base import Claim, Outcome, PaperTable
from pageengine.papers.course import (
    NONE,
    SECONDS,
    SHARE,
    USED,
    Samples,
    governed,
    names,
    simulated,
)

TITLE = "The lab beside real guests"
SOURCE = "This package: pageengine govern --enforce on QEMU guests (TCG), and the lab"
SETUP = f"""\
Four guests of {course.SIZE} MiB on a share of {SHARE} MiB, which the policy alone keeps: both
hosts have more. Touchers use 48, 48, 12 and 12 MiB, and 12, 12, 48 and 48 from the middle of
{SECONDS} s on; all memory was used before. Once QEMU guests with Debian's kernel, which the
governor governs (period 1 s, the guard without its limit of speed, swap space in zram), once VMs of
the lab with the same touchers, policy, options and guard."""
NOTE = """\
TCG says nothing of how fast guests are: what is compared is who holds what. KSM is left as it is
and the lab shares nothing. Live guests have no swap space of their own, and give memory back in
need (deflate-on-oom). How long a guest waited for memory is told by its cgroup; where it has none
of its own, live stall is not known. qmemman, hypeman and pi have amounts
in bytes for guests of GiBs: they are scaled to these guests on both sides."""

SIZE = (9.0, 5.6)  # inches of the picture
POLICIES = (NONE, "esx6", "kvm", "proxmox", "qmemman", "hypeman", "pi")
IN_DETAIL = "kvm"  # which both balloons and pages out
TIE = 4.0  # MiB, of two policies that do equally well
SWAP = 512  # MiB of swap space in zram
Pair = tuple[Samples, Samples]  # the lab, live


def missing() -> str:
    """Why it cannot be run here; "" if it can."""
    if os.name != "posix" or not Path("/proc/self/smaps_rollup").exists():
        return "real guests are governed on Linux"
    if os.geteuid() != 0:
        return "real guests: paging out and reading what QEMU holds are root's"
    if find_spec("qemu") is None:
        return 'no package qemu.qmp: pip install "pageengine[live]"'
    return tcg_guests.missing(tcg_guests.cache())


def fetch() -> None:
    """Has what the guests boot from fetched. LiveError: it cannot be."""
    if why := tcg_guests.no_programs():
        raise LiveError(why)
    tcg_guests.fetch(tcg_guests.cache())


def run(seed: int) -> Outcome:
    if why := missing():
        raise LiveError(why)
    return compared({policy: (simulated(policy, seed), real(policy)) for policy in POLICIES})


def real(policy: str, seconds: int = SECONDS, files: Path | None = None) -> Samples:
    """The course by guests that are booted for it. files: what they boot from."""
    with ExitStack() as ends:
        folder = Path(ends.enter_context(tempfile.TemporaryDirectory()))
        said: tuple[str, ...] = ()
        try:
            ends.enter_context(tcg_guests.swap_in_memory(SWAP))
        except LookupError as error:
            said = (f"nothing could be paged out: {error}",)
        guests = ends.enter_context(tcg_guests.boot(folder, len(USED), course.SIZE, files=files))
        found = governed(policy, guests, folder, seconds, swap=not said)
    return found.__replace__(said=found.said + said)


# what is measured: MiB


def over(samples: Samples) -> float:
    """MiB that the guests held above their share, mean over time."""
    return float(np.maximum(0, samples.of["held"].sum(1) - SHARE).mean())


def read_back(samples: Samples) -> float:
    """MiB that were read back from swap space, of all guests."""
    return float(samples.of["swap_in"].sum())


def mean(samples: Samples, what: str) -> float:
    """MiB of all guests, mean over time."""
    return float(samples.of[what].sum(1).mean())


#: What policies are put in order by.
MEASURES: dict[str, Callable[[Samples], float]] = {
    "what is held above the share": over,
    "what balloons hold": lambda samples: mean(samples, "balloon"),
    "what is in swap space": lambda samples: mean(samples, "swapped"),
    "what is read back": read_back,
}


def apart(pair: Pair, what: str) -> float:
    """MiB by which a guest of the lab and its live one differ, mean over time and guests."""
    lab, live = (one.of[what] for one in pair)
    n = min(len(lab), len(live))
    return float(np.abs(lab[:n] - live[:n]).mean())


def ranks(values: Sequence[float], tie: float = TIE) -> list[int]:
    """1 for the least; those within ``tie`` of the first of a rank share it."""
    found, rank, first = [0] * len(values), 0, -np.inf
    for place, i in enumerate(sorted(range(len(values)), key=values.__getitem__), 1):
        if values[i] - first > tie:
            rank, first = place, values[i]
        found[i] = rank
    return found


def in_order(lab: Sequence[float], live: Sequence[float], tie: float = TIE) -> tuple[int, int, int]:
    """Pairs of policies that both sides put in the same order, in the opposite order, and that
    differ by no more than ``tie`` on either side.
    """
    same = opposite = tied = 0
    for i, j in combinations(range(len(lab)), 2):
        a, b = lab[i] - lab[j], live[i] - live[j]
        if min(abs(a), abs(b)) <= tie:
            tied += 1
        elif a * b > 0:
            same += 1
        else:
            opposite += 1
    return same, opposite, tied


def compared(pairs: Mapping[str, Pair]) -> Outcome:
    """What the runs come to."""
    tables = [_ranking(pairs), _by_policy(pairs)]
    if IN_DETAIL in pairs:
        tables.append(_in_detail(pairs[IN_DETAIL]))
    live = [pair[1] for pair in pairs.values()]
    claims = [
        Claim(
            "what touchers wrote is as it was at the end", all(s.intact for s in live), "derived"
        ),
        Claim(
            "every guest had its memory back at the end, or is named as held back by the share",
            all(s.back for s in live),
            "derived",
        ),
    ]
    return Outcome((), claims, {"pairs": pairs}, _answer(pairs), tables=tables)


def _columns(pairs: Mapping[str, Pair], measure: Any) -> tuple[list[float], list[float]]:
    lab, live = zip(*((measure(a), measure(b)) for a, b in pairs.values()), strict=True)
    return list(lab), list(live)


def _ranking(pairs: Mapping[str, Pair]) -> PaperTable:
    rows = [[policy] for policy in pairs]
    for measure in (over, read_back):
        lab, live = _columns(pairs, measure)
        for row, *cells in zip(rows, lab, ranks(lab), live, ranks(live), strict=True):
            row += [f"{cells[0]:.0f} ({cells[1]})", f"{cells[2]:.0f} ({cells[3]})"]
    columns = ("policy", "above, lab", "above, live", "read back, lab", "read back, live")
    return PaperTable(
        "MiB above the share (mean), MiB read back in all; rank in brackets", columns, rows
    )


def _by_policy(pairs: Mapping[str, Pair]) -> PaperTable:
    kinds = ("held", "balloon", "swapped")
    rows = [
        [
            policy,
            *(f"{mean(pair[0], what):.0f} / {mean(pair[1], what):.0f}" for what in kinds),
            *(f"{apart(pair, what):.0f}" for what in kinds),
        ]
        for policy, pair in pairs.items()
    ]
    columns = ("policy", *kinds, *(f"{what}, apart" for what in kinds))
    return PaperTable(
        "MiB of all guests, mean over time, lab / live; and by how much a guest is apart",
        columns,
        rows,
    )


def _in_detail(pair: Pair) -> PaperTable:
    lab, live = pair
    n = min(len(lab.time), len(live.time))
    times = [int(part * (n - 1)) for part in (0.02, 0.25, 0.48, 0.6, 0.8, 1.0)]
    rows = [
        [
            f"{guest} {what}",
            *(f"{lab.of[what][t, i]:.0f} / {live.of[what][t, i]:.0f}" for t in times),
        ]
        for i, guest in enumerate(names()[: lab.of["held"].shape[1]])
        for what in ("held", "balloon", "swapped")
    ]
    columns = ("MiB, lab / live", *(f"{lab.time[t]:.0f} s" for t in times))
    return PaperTable(f"Guest by guest under {IN_DETAIL}", columns, rows)


def _answer(pairs: Mapping[str, Pair]) -> str:
    text = []
    for what, measure in MEASURES.items():
        same, opposite, tied = in_order(*_columns(pairs, measure))
        text.append(
            f"By {what}, {same} pairs of policies are in the same order in the lab and live, "
            f"{opposite} in the opposite one, and {tied} differ by no more than {TIE:g} MiB on "
            "one side or both."
        )
    stalls = [live.of["stall"] for _, live in pairs.values()]
    if all(np.isnan(stall).all() for stall in stalls):
        text.append("Live stall was not known here.")
    for policy, (_, live) in pairs.items():
        if live.said:
            text.append(
                f"Under {policy} the governor said {len(live.said)} things, the first: "
                f"{live.said[0]}."
            )
    return " ".join(text)


def draw(figure: Any, data: Mapping[str, Any]) -> None:
    from pageengine.report import style

    colors = (
        style.BLACK,
        style.BLUE,
        style.VERMILION,
        style.GREEN,
        style.ORANGE,
        style.PURPLE,
        style.SKY,
    )
    kinds = {"held": "held by all four", "balloon": "in balloons", "swapped": "in swap space"}
    grid = figure.subplots(2, 3, sharex=True, sharey="col")
    for row, side in enumerate(("lab", "live")):
        for axes, (what, title) in zip(grid[row], kinds.items(), strict=True):
            for color, (policy, pair) in zip(colors, data["pairs"].items(), strict=False):
                samples = pair[row]
                axes.plot(samples.time, samples.of[what].sum(1), color=color, label=policy)
            axes.set_title(f"{side}: {title}")
            axes.set_ylabel("MiB")
        grid[row][0].axhline(SHARE, color=style.GREY, linestyle="--")
    for axes in grid[1]:
        axes.set_xlabel("seconds")
    figure.legend(*grid[0][1].get_legend_handles_labels(), loc="outside lower center", ncols=7)
