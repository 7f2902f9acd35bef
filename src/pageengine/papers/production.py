"""Figure 5 of OSDI 2002: what three production systems share."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from pageengine import Host
from pageengine.core.records import HostStats
from pageengine.papers.base import Claim, Number, Outcome
from pageengine.tokens import make_tokens
from pageengine.units import MIB, PAGE_BYTES

TITLE = "Page sharing in three production systems"
SOURCE = "Waldspurger, OSDI 2002, section 4.4, figure 5"
SETUP = """\
Three mixes of contents with the paper's totals: so many pages that other pages equal, so many
different contents among them, so many zero pages, the rest unique; dealt out at random over ten,
nine and five VMs, and scanned."""
NOTE = """\
The systems themselves cannot be had, so their content is put in as the paper counts it. What comes
out tests the accounting, not the sharing of any real system: shared counts every page, reclaimed is
shared less one copy of each content, percentages are of the VMs' memory. 880 of 2048 MB are
42.97 %, printed as 42.9."""


MIXES = {  # VMs, total, shared and reclaimed MB and %, zero MB where it is printed
    "A": ("corporate IT, 10 Windows NT", 10, 2048, 880, 42.9, 673, 32.9, 0),
    "B": ("Internet servers, 9 Linux", 9, 1846, 539, 29.2, 345, 18.7, 70),
    "C": ("VMware's own IT, 5 Linux", 5, 1658, 165, 10.0, 120, 7.2, 25),
}
PAGES_PER_MIB = MIB // PAGE_BYTES


def _contents(total: int, shared: int, reclaimed: int, zero: int, seed: int) -> np.ndarray:
    """Tokens of all pages of a mix, in random order. Zero pages are part of what is shared, and
    their saving of what is reclaimed.
    """
    zeros, single = zero * PAGES_PER_MIB, (shared - reclaimed) * PAGES_PER_MIB - (zero > 0)
    repeated = shared * PAGES_PER_MIB - zeros
    identity = np.arange(total * PAGES_PER_MIB) + 2**32
    identity[:repeated] = np.arange(repeated) % single + 1
    tokens = make_tokens(identity, 2048)
    tokens[repeated : repeated + zeros] = 0
    draw = np.random.Generator(np.random.Philox(key=[seed, total]))
    return draw.permutation(tokens)


def _measured(mix: tuple[str, int, int, int, float, int, float, int], seed: int) -> HostStats:
    _, vms, total, shared, _, reclaimed, _, zero = mix
    tokens = _contents(total, shared, reclaimed, zero, seed)
    with Host(total * 11 // 10 * MIB, contents="tokens", seed=seed) as host:
        for number, part in enumerate(np.array_split(tokens, vms)):
            vm = host.add_vm(f"vm{number}", len(part) * PAGE_BYTES)
            vm.write(np.arange(vm.pages), part)
        host.scan()
        host.scan()
        return host.stats


def run(seed: int) -> Outcome:
    numbers, claims, rows = [], [], {}
    for name, mix in MIXES.items():
        _, _, total, shared, shared_part, reclaimed, reclaimed_part, zero = mix
        stats = _measured(mix, seed)
        configured = stats.configured
        numbers += [
            Number(f"{name}: memory", configured / MIB, total, "MB", 0.001, "recalled"),
            Number(f"{name}: shared", stats.shared / MIB, shared, "MB", 0.001, "recalled"),
            Number(
                f"{name}: shared",
                100 * stats.shared / configured,
                shared_part,
                "%",
                0.005,
                "recalled",
            ),
            Number(f"{name}: reclaimed", stats.saving / MIB, reclaimed, "MB", 0.001, "recalled"),
            Number(
                f"{name}: reclaimed",
                100 * stats.saving / configured,
                reclaimed_part,
                "%",
                0.01,
                "recalled",
            ),
        ]
        if zero:
            numbers.append(
                Number(f"{name}: zero pages", stats.zero / MIB, zero, "MB", 0.001, "recalled")
            )
        claims.append(
            Claim(
                f"{name}: memory in use is what is configured less what is reclaimed",
                stats.memory - stats.free - stats.cache == configured - stats.saving,
                "derived",
            )
        )
        rows[name] = (configured, stats.shared, stats.saving)
    return Outcome(numbers, claims, {"rows": rows})


def draw(figure: Any, data: Mapping[str, Any]) -> None:
    from pageengine.report import style

    axes = figure.subplots()
    for at, (name, row) in enumerate(data["rows"].items()):
        configured, shared, saved = (value / MIB for value in row)
        axes.barh(at, configured, 0.6, color=style.PALE)
        axes.barh(at, shared, 0.6, color=style.BLUE)
        axes.barh(at, saved, 0.6, color=style.GREEN)
        axes.plot([MIXES[name][3]] * 2, [at - 0.36, at + 0.36], color=style.BLACK, lw=1.2)
        axes.plot([MIXES[name][5]] * 2, [at - 0.36, at + 0.36], color=style.BLACK, lw=1.2)
    axes.set_yticks(range(len(MIXES)), [f"{name}: {mix[0]}" for name, mix in MIXES.items()])
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    axes.set_xlabel("memory (MB); black: as printed")
    handles = [figure.axes[0].patches[i] for i in range(3)]
    figure.legend(
        handles,
        ["not shared", "shared: one copy of each", "shared: reclaimed"],
        loc="outside lower center",
        ncols=3,
    )


SIZE = (7.5, 3.2)
