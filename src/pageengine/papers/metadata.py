"""What page sharing costs in memory."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from pageengine import Host
from pageengine.papers.base import Number, Outcome
from pageengine.tokens import make_tokens
from pageengine.units import MIB

TITLE = "Bookkeeping of page sharing"
SOURCE = "Waldspurger, OSDI 2002, section 4.3"
SETUP = """\
VMs fill hosts of 256 MB to 4 GB with pages that are all different, and each is scanned: the
worst case, a hint for every page. Then the same with pages that are equal in pairs. All bookkeeping
is that of hosts that hold bytes."""
NOTE = """\
ESX keeps 16 bytes per scanned page beside the heads of its chains, whose number is not printed.
Ours keeps entries in buckets of a cache line, sized for every frame of the host when it is made.
All bookkeeping of the engine (page maps, frame bitmap, swap slots, a VM as large as the host)
is shown beside it. It is set aside when a VM is added, so those hosts are not filled. Hosts
that keep tokens instead of bytes spend 8 bytes per page more, which are the contents."""

SIZES = (256, 384, 512, 1024, 1536, 2048, 4096)
WITH_BYTES = SIZES[:4]  # what a host that holds bytes asks of the system is its memory


def _filled(size: int, equal: bool) -> tuple[float, float]:
    """The sharing table: as a part of memory, and bytes per scanned page."""
    with Host(size * MIB, contents="tokens", seed=1) as host:
        vm = host.add_vm("vm", size * MIB)
        ppns = np.arange(vm.pages)
        identities = ppns // 2 if equal else ppns
        done = vm.try_write(ppns, make_tokens(identities + 1, 4032))[0]
        scanned = host.scan().scanned
        stats = host.stats
        assert done >= vm.pages * 0.95 and scanned == done
        return stats.sharing_table / stats.memory, stats.sharing_table / scanned


def _whole(size: int) -> float:
    """All bookkeeping as a part of memory."""
    with Host(size * MIB, seed=1) as host:
        host.add_vm("vm", size * MIB)
        return host.stats.metadata / host.stats.memory


def run(seed: int) -> Outcome:
    found = np.array([[_filled(size, equal) for size in SIZES] for equal in (False, True)])
    table, each = 100 * found[..., 0], found[..., 1]
    whole = 100 * np.array([_whole(size) for size in WITH_BYTES])
    numbers = [
        Number("table, part of memory, all hints", table[0].max(), (0, 0.5), "%", 0),
        Number("table, part of memory, all shared", table[1].max(), (0, 0.5), "%", 0),
        Number("table, per scanned page", each.max(), 16, "bytes"),
        Number("all bookkeeping, part of memory", whole.max(), None, "%"),
    ]
    return Outcome(numbers, (), {"sizes": np.array(SIZES), "table": table, "whole": whole})


def draw(figure: Any, data: Mapping[str, Any]) -> None:
    from pageengine.report import style

    axes = figure.subplots()
    axes.axhline(0.5, color=style.GREY, ls="--", lw=1, label="OSDI 2002: below 0.5 %")
    axes.plot(
        data["sizes"],
        data["table"][0],
        "o-",
        ms=9,
        mfc="none",
        color=style.BLUE,
        label="table, all hints",
    )
    axes.plot(
        data["sizes"], data["table"][1], "s-", ms=4, color=style.GREEN, label="table, all shared"
    )
    axes.plot(WITH_BYTES, data["whole"], "^:", color=style.BLACK, label="all bookkeeping")
    axes.set_xscale("log", base=2)
    axes.set_xticks(data["sizes"], [str(size) for size in data["sizes"]])
    axes.minorticks_off()
    axes.set_ylim(0, max(0.6, 1.1 * float(data["whole"].max())))
    axes.set_xlabel("memory of the host (MiB)")
    axes.set_ylabel("% of that memory")
    figure.legend(loc="outside lower center", ncols=4)
