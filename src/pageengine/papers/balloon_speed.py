"""How fast a balloon grows: the adaptive rates of VMware's driver."""

import numpy as np

from pageengine.driver import BalloonDriver
from pageengine.guest import Guest
from pageengine.papers.base import Claim, Number, Outcome
from pageengine.units import MIB, PAGE_BYTES

TITLE = "Speed of the balloon driver"
SOURCE = "VMware's driver for Linux, vmw_balloon.c 1.2 (2010), its rate constants"
SETUP = """\
Guests of 2 GiB: one all free, one full of a program's pages with swap space, one full and without.
Their drivers are asked for 1.5 GiB, poll once a second, and are later told to give all back."""
NOTE = """\
The driver of 2002 is not published; this is the one that came after it. Which of its constants
binds depends on the guest: what is measured here is that ours binds where theirs does."""

PAGES, WANT, SECONDS = 2048 * MIB // PAGE_BYTES, 1536 * MIB // PAGE_BYTES, 120


class _Balloon:
    def __init__(self, guest):
        self._guest = guest

    def inflate(self, pages, sleeping):
        return len(self._guest.inflate(pages, sleeping)[0])

    def deflate(self, pages):
        return len(self._guest.deflate(pages))


def _grow(used: int, swap: int):
    """Balloon size in bytes after every poll; then while it deflates."""
    guest = Guest(PAGES, swap_pages=swap)
    guest.access("memory", np.arange(used), True)
    driver = BalloonDriver(_Balloon(guest))
    sizes = []
    for second in range(2 * SECONDS):
        driver.poll(WANT if second < SECONDS else 0)
        sizes.append(driver.size)
    return np.array([0, *sizes]) * PAGE_BYTES, driver.slow_rate


def run(seed: int) -> Outcome:
    free, _ = _grow(0, 0)
    full, _ = _grow(PAGES, PAGES)
    stuck, rate = _grow(PAGES, 0)
    steps = {name: np.diff(sizes) / MIB for name, sizes in (("free", free), ("full", full))}
    numbers = [
        Number("most per second, guest with free pages", steps["free"].max(), 64, "MB", 1e-9),
        Number("most per second, guest that must reclaim", steps["full"].max(), 8, "MB", 1e-9),
        Number("most given back per second", -steps["free"].min(), 64, "MB", 1e-9),
        Number("slowest rate, after failures", rate * PAGE_BYTES / MIB, 2, "MB", 1e-9),
        Number("minutes to 4 GB of busy memory", 4096 / steps["full"].max() / 60, (8.5, 34), "min",
               0.01, "derived"),
    ]  # fmt: skip
    claims = [Claim("a guest without free pages or swap gives nothing", stuck.max() == 0)]
    return Outcome(numbers, claims, {"free": free, "full": full, "stuck": stuck})


def draw(figure, data) -> None:
    from pageengine.report import style

    axes = figure.subplots()
    shown = (
        ("free", style.BLUE, "free memory"),
        ("full", style.VERMILION, "must page out to its own swap"),
        ("stuck", style.BLACK, "full, no swap"),
    )
    time = np.arange(len(data["free"]), dtype=float)
    for key, color, label in shown:
        axes.plot(time, data[key], color=color, label=label, drawstyle="steps-post")
    axes.axvline(SECONDS, color=style.GREY, lw=0.9, ls="--")
    axes.annotate("told to give all back", (SECONDS, WANT * PAGE_BYTES), (6, -4),
                  textcoords="offset points", color=style.GREY)  # fmt: skip
    style.size_axis(axes, float(WANT * PAGE_BYTES), "balloon")
    axes.set_xlim(0, time[-1])
    axes.set_xlabel("time (seconds)")
    figure.legend(loc="outside lower center", ncols=3)
