"""Figure 4 of OSDI 2002: what page sharing gives back among 1 to 10 identical VMs."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from pageengine import Host
from pageengine.lab.contents import ContentProfile
from pageengine.papers.base import Claim, Number, Outcome
from pageengine.papers.real import sharing_in_copies
from pageengine.units import MIB

TITLE = "Page sharing among identical VMs"
SOURCE = "Waldspurger, OSDI 2002, section 4.4, figure 4 (Red Hat Linux 7.2, SPEC95)"
SETUP = """\
1 to 10 VMs of 40 MB with contents of one profile, on a host with memory enough, scanned until
nothing more is found; the mean of 32 drawings of the contents. Dashed: the real memory of one
program started 10 times (`arrays`, a calculation with numpy; `records`, Python objects), loaded
byte by byte, one copy after the other, each with the addresses that its system gave it."""
NOTE = """\
The profile is made from three numbers of the paper: what one VM alone gives back, the part of
it that is zero, and the part shared by many VMs. That these three come out shows that the
engine finds everything there is. What ten VMs give back, its growth and the single copies that
remain follow, and are not put in; content that repeats within a VM is taken to be its own (if
all of it were common too, ten VMs would give back 61.5 %, and keep 22 MB of single copies). 28
MB is the difference of two percentages printed without decimals, so it is only shown. Points
between the ends are not printed in the paper. Real programs are not a whole guest of 2001: they
have few zero pages, and the addresses in their objects differ from copy to copy, so `records` has
less in common. Their numbers vary from run to run and VM to VM, so they are drawn and not
compared; where the memory of processes may not be read, they are left out. Throughput is not
modelled."""

PAGES, MOST, DRAWINGS = 40 * MIB // 4096, 10, 32
MEMORY = 512 * MIB  # more than all need: nothing is taken by force
ALONE = 5 / 40  # of a VM alone is given back,
ZERO = 0.55  # of which zero,
SHARED = 0.67  # of many VMs is shared
COPIES = 4  # of a content that repeats in a VM
PROGRAMS = ("arrays", "records")


def profile(name: str) -> ContentProfile:
    """The contents of every VM, from the three numbers."""
    zero = ALONE * ZERO
    within = ALONE * (1 - ZERO) * COPIES / (COPIES - 1)
    return ContentProfile(
        name, zero=zero, within=within, common=SHARED - zero - within, copies=COPIES
    )


def _scanned(contents: ContentProfile, vms: int) -> tuple[int, int, int]:
    """Bytes shared, given back, and zero pages given back."""
    with Host(MEMORY, contents="tokens") as host:
        ppns = np.arange(PAGES)
        for number in range(vms):
            vm = host.add_vm(f"linux {number}", 40 * MIB)
            vm.write(ppns, contents.tokens(number, ppns))
        while host.scan().merged:
            pass
        stats = host.stats
        return stats.shared, stats.saving, stats.zero


def run(seed: int) -> Outcome:
    count = np.arange(1, MOST + 1)
    drawings = [profile(f"identical {seed} {number}") for number in range(DRAWINGS)]
    found = [[_scanned(contents, int(n)) for n in count] for contents in drawings]
    shared, saved, zero = np.mean(found, axis=0).T / MIB
    single, total = shared - saved, 40.0 * count
    line = np.polyval(np.polyfit(count[1:], shared[1:], 1), count[1:])
    numbers = [
        Number("one VM gives back", saved[0], 5, "MB", 0.05),
        Number("of it zero pages", 100 * zero[0] / saved[0], 55, "%", 0.05),
        Number("ten VMs share", 100 * shared[-1] / total[-1], 67, "%", 0.02),
        Number("ten VMs give back", 100 * saved[-1] / total[-1], 60, "%", 0.03, "recalled"),
        Number("single copies in ten VMs", single[-1], 28, "MB", None, "derived"),
    ]
    claims = [
        Claim(
            "the second VM brings a jump",
            bool(shared[1] - shared[0] > 2 * shared[0]),
            "recalled",
        ),
        Claim(
            "from then on shared memory grows linearly (to 1 %)",
            bool(np.all(np.abs(shared[1:] / line - 1) < 0.01)),
        ),
        Claim(
            "with ten VMs, zero pages are a small part of what is given back (below a sixth)",
            bool(zero[-1] < saved[-1] / 6),
            "recalled",
        ),
        Claim(
            "the single copies of shared pages hardly grow (by less than a twentieth of what "
            "shared memory grows by), so their part falls",
            _constant(shared, single) and bool(single[-1] / total[-1] < single[1] / total[1]),
            "recalled",
        ),
    ]
    data = {"count": count, "shared": shared, "saved": saved, "zero": zero}
    answer = (
        f"Two VMs give back {saved[1]:.0f} MB, ten {saved[-1]:.0f} MB of {total[-1]:.0f}; "
        f"single copies are {single[1]:.0f} MB with two and {single[-1]:.0f} MB with ten."
    )
    claims += _real(data)
    return Outcome(numbers, claims, data, answer)


def _constant(shared: np.ndarray, single: np.ndarray) -> bool:
    """Whether single copies hardly grow from the second VM on."""
    return bool(single[-1] - single[1] < (shared[-1] - shared[1]) / 20)


def _real(data: dict[str, np.ndarray]) -> list[Claim]:
    """Adds the curves of real programs, as far as they can be had; what is said of them."""
    claims = []
    for name in PROGRAMS:
        found = sharing_in_copies(name, MOST, 20)
        if found is None:
            continue
        data[f"real {name}"] = found
        _, shared, saved, _ = found
        added = np.diff(shared)[1:]  # by the third copy and later ones
        jumps = bool(shared[1] > 5 * shared[0])
        grows = bool(np.all(np.abs(added / added.mean() - 1) < 0.1))
        claims.append(
            Claim(
                f"{name}, real memory: the second copy brings a jump, each later one adds the "
                "same (to 10 %), single copies hardly grow",
                jumps and grows and _constant(shared, shared - saved),
                "derived",
            )
        )
    return claims


def draw(figure: Any, data: Mapping[str, Any]) -> None:
    from pageengine.report import style

    left, right = figure.subplots(1, 2)
    count, total = data["count"], 40.0 * data["count"]
    single = data["shared"] - data["saved"]
    for values, color, mark, label in (
        (data["shared"], style.BLUE, "o", "shared"),
        (data["saved"], style.GREEN, "s", "given back"),
        (single, style.ORANGE, "^", "single copies"),
        (data["zero"], style.GREY, "v", "zero pages"),
    ):
        left.plot(count, values, mark + "-", color=color, ms=4, label=label)
        right.plot(count, 100 * values / total, mark + "-", color=color, ms=4)
    right.plot([1, MOST, MOST], [12.5, 67, 60], "x", color=style.BLACK, ms=8, label="OSDI 2002")
    for name, dashes in zip(PROGRAMS, ("--", ":"), strict=True):
        if f"real {name}" in data:
            whole, shared, saved, _ = data[f"real {name}"]
            right.plot(count, 100 * shared / whole, dashes, color=style.BLUE)
            right.plot(count, 100 * saved / whole, dashes, color=style.GREEN)
            right.plot([], [], dashes, color=style.BLACK, label=f"real memory: {name}")
    left.set_ylabel("MB")
    right.set_ylabel("% of the VMs' memory")
    right.set_ylim(0, 75)
    for axes in (left, right):
        axes.set_xlabel("VMs")
        axes.set_xticks(count)
        axes.set_ylim(bottom=0)
    figure.legend(loc="outside lower center", ncols=4)
