"""How fast a balloon grows: the adaptive rates of VMware's driver."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from pageengine.control.balloon_driver import BalloonDriver
from pageengine.core.guest import Guest
from pageengine.papers.base import Claim, Number, Outcome
from pageengine.units import MIB, PAGE_BYTES

TITLE = "Speed of the balloon driver"
SOURCE = "VMware's driver for Linux, vmw_balloon.c 1.2 (2010), its rate constants and their use"
SETUP = """\
Guests of 2 GiB, whose drivers are asked for 1.5 GiB, poll once a second, and are later told to give
all back: one all free; one half free, half full of a program's pages; one full, with swap space;
and one full, without. The last one's program ends after 20 s, and cached files take its place."""
NOTE = """\
The driver of 2002 is not published; this is the one that came after it. Rates are measured as pages
that the guest gave in a second, so what is tested is that ours binds where theirs does. Refusals by
the host, which slow theirs down too, do not happen here. MB are of 2 ** 20 bytes, as its pages
are."""

PAGES, WANT = 2048 * MIB // PAGE_BYTES, 1536 * MIB // PAGE_BYTES
ENDS, BACK, END = 20, 300, 330
#: Polls from the slowest rate to the fastest: 512 to 2048 pages, by 16.
CREEP = (2048 - 512) / 16


class _Balloon:
    def __init__(self, guest: Guest):
        self._guest = guest

    def inflate(self, pages: int, sleeping: bool) -> int:
        return len(self._guest.inflate(pages, sleeping)[0])

    def deflate(self, pages: int) -> int:
        return len(self._guest.deflate(pages))


def _sizes(used: int, swap: int, ends: int = END) -> np.ndarray:
    """Balloon size in MiB after every poll. The program of so many pages ends at ``ends``."""
    guest = Guest(PAGES, swap_pages=swap)
    guest.access("memory", np.arange(used), True)
    driver = BalloonDriver(_Balloon(guest))
    sizes = [0]
    for second in range(END):
        if second == ends:
            guest.release("memory", np.arange(used))
            guest.access("file", np.arange(PAGES))
        driver.poll(WANT if second < BACK else 0)
        sizes.append(driver.size)
    return np.array(sizes) * (PAGE_BYTES / MIB)


def run(seed: int) -> Outcome:
    sizes = {
        "free": _sizes(0, 0),
        "half": _sizes(PAGES // 2, PAGES),
        "full": _sizes(PAGES, PAGES),
        "stuck": _sizes(PAGES, 0, ENDS),
    }
    steps = {name: np.diff(size)[:BACK] for name, size in sizes.items()}
    growing = {name: step[step > 0] for name, step in steps.items()}
    slow = growing["stuck"]
    creep = float(np.argmax(slow == slow.max()))
    slowest, fastest = float(slow[0]), float(growing["full"].max())
    half = growing["half"]
    numbers = [
        Number("most a second, all free", growing["free"].max(), 64, "MB", 0.0),
        Number("most a second, half free: at first", half.max(), 64, "MB", 0.0),
        Number("the same, once nothing is free", float(np.median(half[half < 64])), 8, "MB", 0.0),
        Number("most a second, full", fastest, 8, "MB", 0.0),
        Number("first second after failures", slowest, 2, "MB", 0.0),
        Number("seconds from there to the most", creep, CREEP, "s", 0.0, "derived"),
        Number("most after failures", slow.max(), 8, "MB", 0.0),
        Number("most given back a second", -np.diff(sizes["free"]).min(), 64, "MB", 0.0),
        Number(
            "4 GB of busy memory, at the fastest", 4096 / fastest / 60, 8.5, "min", 0.01, "derived"
        ),
        Number(
            "4 GB of busy memory, at the slowest", 4096 / slowest / 60, 34, "min", 0.01, "derived"
        ),
    ]
    claims = [
        Claim(
            "a guest with neither free pages nor cache nor swap gives nothing",
            sizes["stuck"][ENDS] == 0,
            "derived",
        ),
        Claim(
            "what can be freed only by work comes at 2 to 8 MB a second, never faster",
            bool((growing["full"] <= 8).all() and ((slow >= 2) & (slow <= 8)).all()),
        ),
    ]
    taken = {name: float(size[60]) for name, size in sizes.items()}
    answer = (
        f"A minute after the order the guest that was all free has given {taken['free']:.0f} MB, "
        f"the one half free {taken['half']:.0f}, the full one {taken['full']:.0f}, and the one "
        f"whose allocations failed {taken['stuck']:.0f}: why a host that is short of memory now "
        "cannot wait for balloons."
    )
    return Outcome(numbers, claims, sizes, answer)


def draw(figure: Any, data: Mapping[str, Any]) -> None:
    from pageengine.report import style

    axes = figure.subplots()
    shown = (
        ("free", style.BLUE, "all free"),
        ("half", style.GREEN, "half free"),
        ("full", style.VERMILION, "full, pages out to its own swap"),
        ("stuck", style.BLACK, "full, no swap"),
    )
    time = np.arange(len(data["free"]), dtype=float)
    for key, color, label in shown:
        axes.plot(time, data[key], color=color, label=label, drawstyle="steps-post")
    most = float(data["free"].max())
    for at, text, side in (
        (ENDS, "program of the last one\nends, files are cached", "left"),
        (BACK, "told to give\nall back", "right"),
    ):
        axes.axvline(at, color=style.GREY, lw=0.9, ls="--")
        axes.annotate(
            text,
            (at, most),
            (6 if side == "left" else -6, 8),
            color=style.GREY,
            textcoords="offset points",
            va="bottom",
            ha=side,
        )
    axes.set_xlim(0, time[-1])
    axes.set_ylim(-20, 1.2 * most)
    axes.set_xlabel("time (seconds)")
    axes.set_ylabel("balloon (MiB)")
    figure.legend(loc="outside lower center", ncols=4)
