"""Writes the table of docs/misbehaving.md and its picture: every policy on the scenario
`misbehaving`, and on the same VMs without a fault. Some minutes.

    python docs/misbehaving.py

tests/test_misbehaving_page.py holds the page against the policies that there are.
"""

from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

from pageengine import policy, report
from pageengine.lab import build, figures
from pageengine.lab.results import Result
from pageengine.lab.scenario import Scenario

ROOT = Path(__file__).parents[1]
SCENARIO = ROOT / "examples" / "scenarios" / "misbehaving.toml"
PAGE = ROOT / "docs" / "misbehaving.md"
PICTURE = ROOT / "docs" / "pictures" / "misbehaving.png"
BEGIN, END = "<!-- table: python docs/misbehaving.py -->\n", "<!-- end of table -->"
FAULTY = ("sticky", "dead", "floored", "capped", "counts", "frozen")
#: Options of policies whose amounts are meant for guests of 2 GiB: a sixteenth of them.
SIXTEENTH = {
    **dict.fromkeys(("qmemman", "squeezed", "headroom", "hypeman"), {"miniature": 1 / 16}),
    "pi": {"hysteresis": "8 MiB"},
    "hysteresis": {
        "free": "16 MiB",
        "above": "8 MiB",
        "under": "4 MiB",
        "step": "16 MiB",
        "keep": "32 MiB",
    },
}
HEADS = ("policy", "carried", "stalled", "without faults", "swap-in/s", "healthy", *FAULTY)


def scenario(faults: bool) -> Scenario:
    """The scenario, or its VMs with nothing wrong."""
    found = Scenario.load(SCENARIO)
    if faults:
        return found
    sound = next(entry["guest"] for entry in found.entries if entry["name"] == "healthy")
    for name in FAULTY:
        found = found.changed(f"vm.{name}.guest", sound)
    return found


def run(what: tuple[str, bool]) -> Result:
    """(policy, whether with faults)."""
    name, faults = what
    return build.run(scenario(faults), policy=policy.find(name, **SIXTEENTH.get(name, {})))


def stall(result: Result, group: str | None = None) -> float:
    """Part of the time, mean of the VMs of a group that ran, or of all."""
    refused = result.meta["refused"]
    each = [
        stall
        for name, stall in figures.stalls(result).items()
        if name not in refused and (group is None or name.split("-")[0] == group)
    ]
    return float(np.mean(each)) if each else float("nan")


def percent(value: float, before: float | None = None) -> str:
    """A part in percent, and from what it changed."""
    if np.isnan(value):
        return "refused"
    return f"{100 * value:.1f}" + ("" if before is None else f" ({100 * before:.1f})")


def row(name: str, with_faults: Result, without: Result) -> str:
    """A line of the table."""
    stalls, refused = figures.stalls(with_faults), with_faults.meta["refused"]
    carried = sum(
        stall < figures.CARRIED_BELOW for vm, stall in stalls.items() if vm not in refused
    )
    cells = [
        f"`{name}`",
        f"{carried} of {len(stalls)}",
        percent(stall(with_faults)),
        percent(stall(without)),
        f"{figures.per_second(with_faults, 'swap_in'):.0f}",
        *(
            percent(stall(with_faults, group), stall(without, group))
            for group in ("healthy", *FAULTY)
        ),
    ]
    return "| " + " | ".join(cells) + " |"


def page(rows: list[str]) -> str:
    """The page with these rows in its table."""
    before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    head = ["| " + " | ".join(HEADS) + " |", "|---|" + "--:|" * (len(HEADS) - 1)]
    table = "\n".join([*head, *rows])
    return f"{before}{BEGIN}\n{table}\n\n{END}{rest.split(END)[1]}"


def main() -> None:
    names = list(policy.POLICIES)
    with ProcessPoolExecutor() as pool:
        with_faults = dict(zip(names, pool.map(run, [(name, True) for name in names])))
        without = dict(zip(names, pool.map(run, [(name, False) for name in names])))
    rows = [row(name, with_faults[name], without[name]) for name in names]
    PAGE.write_text(page(rows), encoding="utf-8")
    PICTURE.write_bytes(report.picture("compare", with_faults, dpi=80))


if __name__ == "__main__":
    main()
