"""One HTML page of a comparison of policies: the verdict, its tables and a picture."""

from pageengine.lab.figures import CARRIED_BELOW
from pageengine.lab.intervals import Interval
from pageengine.lab.standings import OBJECTIVE, Comparison
from pageengine.plumbing.visible import on_page
from pageengine.report.html import document, embedded, table
from pageengine.units import format_size


def page(comparison: Comparison, name: str) -> str:
    """comparison: a ``lab.standings.Comparison``; name: of the scenario."""
    seeds = ", ".join(str(seed) for seed in comparison.seeds)
    parts = [
        f"<h1>{on_page(name)}: policies compared</h1>",
        f'<p class="sub">seed {on_page(seeds)}; judged by {on_page(OBJECTIVE)}</p>',
        f'<p class="note">{on_page(comparison.sentence())}</p>',
        table("VMs", *_vms_of(comparison)),
        f"<p>{on_page(_how(comparison))}</p>",
        table("Memory reclaimed, mean of the run", *_memory(comparison)),
        "<p>Untouched: in balloons, and beyond what the VM used under any of the policies; no "
        "memory is won by it, and it is in no other column.</p>",
        embedded("compare", comparison.results),
    ]
    if len(comparison.seeds) > 1:
        parts.append(f"<p>The picture is of seed {comparison.seeds[0]}.</p>")
    return document(f"{name}: policies compared", parts)


def _how(comparison: Comparison) -> str:
    carried = f"Carried: stalled less than {100 * CARRIED_BELOW:g} % of the time."
    if len(comparison.seeds) < 2:
        return f"{carried} One seed has no interval."
    return (
        f"{carried} Means of {len(comparison.seeds)} seeds, with half of the 95 % interval "
        "(Student's t). Differences are taken seed by seed."
    )


def _vms_of(comparison: Comparison) -> tuple[list[str], list[list[str]]]:
    head = ["policy", "carried", "stalled", "worst VM", "worst minute", "swap-in/s", "refused"]
    rows = []
    for one in comparison.standings:
        refused = dict.fromkeys(name for run in one.runs for name in run.refused)
        rows.append(
            [
                one.policy,
                f"{one.interval('carried').mean:.3g} of {one.runs[0].vms}",
                _share(one.interval("stall")),
                f"{one.worst} {_share(one.interval('worst_stall'))}",
                _share(one.interval("worst_minute")),
                f"{one.interval('swap_in').mean:,.1f}",
                ", ".join(refused),
            ]
        )
    return head, rows


def _memory(comparison: Comparison) -> tuple[list[str], list[list[str]]]:
    names = list(comparison.standings[0].given_back) if comparison.standings else []
    rows = []
    for one in comparison.standings:
        parts = [
            *one.given_back.values(),
            sum(one.given_back.values()),
            one.interval("untouched").mean,
        ]
        rows.append([one.policy, *(format_size(int(part)) for part in parts)])
    return ["policy", *names, "in all", "untouched"], rows


def _share(found: Interval) -> str:
    half = "" if found.half is None else f" ± {100 * found.half:.2f}"
    return f"{100 * found.mean:.2f}{half} %"
