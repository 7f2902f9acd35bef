"""pageengine advise --demand: how many VMs a host holds, from what was measured of them."""

import argparse
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from pageengine import report
from pageengine.analysis import backtest as backtests, packing, placing
from pageengine.analysis.backtest import Backtest
from pageengine.analysis.packing import Packing, Unlucky
from pageengine.analysis.placing import Loads
from pageengine.cli import demand as reading, places
from pageengine.cli.console import Console, Usage, size
from pageengine.cli.stopping import Stop, seconds_of
from pageengine.lab import fields, packed
from pageengine.lab.objective import Objective
from pageengine.lab.packed import DemandAdvice, Point
from pageengine.plumbing import writing
from pageengine.units import parse_size

_POLICY = "esx6"
SEEDS = 3  # of a scenario, where none are asked for
_OWN = ("host", "fits", "confidence", "overhead", "by", "split", "draws", "data_only")
_READING = ("kind", "unit", "label", "column", "step")
#: What a scenario has and demand has not.
_OTHERS = {"scenario": "SCENARIO", "vary": "--vary", "low": "--from", "high": "--to"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of --demand."""
    group = parser.add_argument_group("from monitoring data")
    group.add_argument("--demand", nargs="+", metavar="FILE", help="files or folders of readings")
    group.add_argument("--host", metavar="SIZE", help="memory of a host")
    group.add_argument("--fits", metavar="PART", help="of time in which VMs fit (default: 99.9%%)")
    group.add_argument(
        "--confidence", metavar="PART", help="of hosts on which they do (default: 99%%)"
    )
    group.add_argument(
        "--overhead",
        metavar="PART",
        help="of the host, for itself and to stay free, or a size (default: 5%%)",
    )
    group.add_argument(
        "--by",
        choices=("active", "used"),
        help="what a VM needs (default: active, where it was recorded)",
    )
    group.add_argument(
        "--split",
        metavar="PART",
        help="of the data, on which the back-test advises (default: 50%%)",
    )
    group.add_argument(
        "--draws", type=int, metavar="N", help=f"hosts drawn (default: {packing.DRAWS})"
    )
    group.add_argument("--data-only", action="store_true", help="simulate nothing")
    reading.add_reading(group)


def refuse(arguments: argparse.Namespace) -> None:
    """Without --demand none of its options means anything."""
    said = [name for name in (*_OWN, *_READING) if getattr(arguments, name)]
    if said:
        raise Usage(f"--{said[0].replace('_', '-')} goes with --demand FILE")


def run(arguments: argparse.Namespace, console: Console) -> int:
    """The whole page."""
    for name, option in _OTHERS.items():
        if getattr(arguments, name):
            raise Usage(f"--demand takes no {option}: it places the VMs of the data")
    if arguments.curve or arguments.set or arguments.seeds != SEEDS:
        raise Usage("--demand takes no --curve, --set and --seeds: there is no scenario")
    if not arguments.host:
        raise Usage("--demand needs --host SIZE: the memory of a host, such as --host '256 GiB'")
    if arguments.output:
        places.picture(arguments.output)
    asked = _asked(arguments)
    objective = Objective.parse(arguments.slo or "stall < 2%")
    if objective.metric not in ("stall", "mean_stall"):
        raise Usage("--slo of --demand is of stall or mean_stall, which its simulations tell")
    policy = _POLICY if arguments.policy is None else arguments.policy
    packed.check_policy(policy)
    found = reading.read(arguments.demand, arguments, console)
    with Stop(seconds_of(arguments)) as stop, console.progress() as show:
        advice = _advice(arguments, asked, found, policy, stop, show)
    data = as_dict(advice, objective, policy)
    console.result({**data, "found": list(found.found), "partial": stop.why})
    _tell(advice, objective, policy, console)
    reading.tell_found(found.found, console)
    if arguments.output and not stop.why:
        with writing.whole(arguments.output) as file:
            file.write(report.picture("packing", advice))
        console.say(f"Saved {arguments.output}")
    if stop.why:
        console.say(f"Incomplete: {stop.why}; points are left out.", style="bold red")
        return stop.status
    return 0 if advice.packing.ratio > 0 else 1


def _asked(arguments: argparse.Namespace) -> dict[str, Any]:
    memory = parse_size(arguments.host, "--host")
    if not memory:
        raise Usage(f"--host {arguments.host} is no memory: such as --host '256 GiB'")
    overhead = arguments.overhead or "5%"
    room = memory - _taken(overhead, memory)
    if room <= 0:
        raise Usage(f"--overhead {overhead} leaves nothing of a host of {size(memory)}")
    return {
        "memory": memory,
        "room": room,
        "share": _part(arguments.fits or "99.9%", "--fits"),
        "confidence": _part(arguments.confidence or "99%", "--confidence"),
        "draws": packing.DRAWS if arguments.draws is None else arguments.draws,
    }


def _taken(text: str, memory: int) -> float:
    """What --overhead takes of a host, bytes."""
    try:
        return fields.part(text) * memory if "%" in text else parse_size(text, "--overhead")
    except ValueError:
        raise Usage(
            f"--overhead {text!r} is no part of a host, and no size: such as '5%' or '8 GiB'"
        ) from None


def _part(text: str, option: str) -> float:
    try:
        part = fields.part(text if "%" in text else float(text))
    except ValueError:
        part = 0.0
    if not part:
        raise Usage(f"{option} {text!r} is no part above 0 and up to 100%: write it as '99%'")
    return part


def _advice(
    arguments: argparse.Namespace,
    asked: dict[str, Any],
    found: Any,
    policy: str,
    stop: Stop,
    show: Callable[[str, str, int, int], object],
) -> DemandAdvice:
    loads = placing.loads(found, arguments.by)
    show("advise", "hosts drawn", 0, 0)
    said = packing.pack(loads, **asked)
    show("advise", "back-test", 0, 0)
    fared = backtests.backtest(loads, **asked, part=_part(arguments.split or "50%", "--split"))
    points: list[Point] = []
    for chosen in [] if arguments.data_only else packed.choose(loads, said):

        def progress(now: float, _: str, what: str = chosen.what) -> bool:
            show(what, f"simulated: {what}", int(now), 0)
            return not stop()

        if stop():
            break
        point = packed.simulate(loads, said, chosen, policy=policy, progress=progress)
        if not stop():
            points.append(point)
    return DemandAdvice(loads, said, tuple(points), fared)


# what is told


def _odd(loads: Loads) -> str:
    """What is odd about VMs, and how they count."""
    told = ""
    if loads.resized:
        told += f" {loads.resized} changed their size, and count with the last one."
    if loads.idle:
        told += f" {loads.idle} needed nothing at any reading, and fill a host at no cost."
    return told


def _tell(advice: DemandAdvice, objective: Objective, policy: str, console: Console) -> None:
    said, loads = advice.packing, advice.loads
    console.say(sentence(said), style="bold")
    console.say(
        f"Of {len(loads.names) + loads.left_out} VMs {loads.left_out} were left out, since they "
        f"were read in under half of the {loads.slots} slots of {reading.span(loads.step)}; "
        f"{_percent(loads.filled)} of the readings are missing, and count as the one before. What "
        f"a VM needs is what was {loads.column}.{_odd(loads)}"
    )
    _tell_band(said, console)
    _tell_unlucky(said, console)
    _tell_carried(said, loads.held is not None, console)
    if advice.points:
        _tell_points(advice, objective, policy, console)
    _tell_backtest(advice.backtest, console)


def sentence(said: Packing) -> str:
    """What to do; first of all, whether the data could tell."""
    if not said.ratio:
        return (
            f"No advice: on hosts of {size(said.memory)} not one VM of these fits "
            f"{_percent(said.share)} of the time, on {_percent(said.confidence)} of them."
        )
    if said.edge:
        return (
            f"{_all(said.vms)} on one host of {size(said.memory)}: the data ran out before the "
            f"host did. The largest number of VMs that they can speak for is {said.vms}, "
            f"{said.ratio:.3g} times the memory of the host provisioned; that is no limit, and "
            f"where the limit is they do not tell. All need {size(round(said.peak))} together, "
            f"{_percent(said.share)} of the time, of {size(round(said.room))} that are there: ask "
            f"for hosts below {size(round(said.enough_for))}, or bring more VMs."
        )
    alike = (
        f" Each host has over half of the {said.vms} VMs of the data, so that hosts are alike: the "
        "band is narrower than that of hosts with VMs of their own."
        if said.counts[2] > said.vms / 2
        else ""
    )
    return (
        f"Place VMs until {said.ratio:.2f} times the memory of the host is provisioned: on "
        f"{_percent(said.confidence)} of hosts what they need fits, {_percent(said.share)} of the "
        f"time. That is {said.counts[2]} VMs on a host in the middle.{alike}"
    )


def _all(vms: int) -> str:
    return f"All {vms} VMs fit" if vms > 1 else "The only VM fits"


def unable(found: Backtest) -> list[str]:
    """What the back-test cannot tell, in sentences: it comes before what it tells."""
    told, capped, vms = [], found.capped, found.advised.vms
    if len(capped) == len(found.fared):
        told.append(
            f"All {len(capped)} rules placed all {vms} VMs of the data: they ran out before any "
            "rule did, and no rule can be told from another here."
        )
    elif capped:
        told.append(
            f"{', '.join(capped)}: placed all {vms} VMs of the data, which ran out first. What "
            "they would place beyond that is not known, and they cannot be told apart."
        )
    if all(each.held == 1 for each in found.fared):
        told.append(
            "Every rule held on every host: that shows what caution costs, and not which rule "
            "dares too much."
        )
    if found.rest_peak < found.peak:
        told.append(
            f"All VMs together needed {size(round(found.rest_peak))} in the rest, less than the "
            f"{size(round(found.peak))} of the part on which was advised."
        )
    return told


def _tell_band(said: Packing, console: Console) -> None:
    console.table(
        f"Hosts of {size(said.memory)}, {size(round(said.room))} of it for VMs: {said.draws} drawn",
        ("of hosts", *(_percent(share) for share in packing.SHARES)),
        [
            ("hold up to a ratio of, at most", *(_ratio(each) for each in said.band)),
            (f"VMs at the advised {said.ratio:.2f}, at most", *map(str, said.counts)),
            *(
                (f"{each.vms} VMs need, at most", *map(_percent, each.needed))
                for each in said.spread
            ),
        ],
        caption="ratio: provisioned / memory of the host; need: of what was provisioned to them, "
        f"{_percent(said.share)} of the time",
    )


def _tell_unlucky(said: Packing, console: Console) -> None:
    bad = said.unlucky
    if not bad.hosts:
        console.say("Not one of the hosts that were drawn has too little at that ratio.")
        return
    over, worst_over = size(round(bad.over)), size(round(bad.worst_over))
    console.say(
        f"{_percent(bad.hosts)} of hosts have too little at that ratio: {_percent(bad.time)} of "
        f"the time ({_percent(bad.worst_time)} the worst), {reading.span(bad.longest)} at a "
        f"stretch at most, and {over} at the worst moment ({worst_over})."
    )


def _tell_carried(said: Packing, used: bool, console: Console) -> None:
    carried = said.carried
    rows = [
        ("provisioned", carried.provisioned),
        ("not held", carried.untouched),
        ("must be in memory", carried.needed),
        ("held, and no room for it", carried.beyond),
        ("  of that balloons can take", carried.balloons),
        ("  left to swap and compression", carried.swap),
    ]
    console.table(
        "Who carries it, on a host in the mean at its busiest",
        ("", "memory"),
        [(what, size(round(value))) for what, value in rows],
        caption=(
            "held: what was used"
            if used
            else "held: the most that each had needed by then, since nobody recorded what was "
            "used; that is the least, and if they held all that was provisioned, there would be no "
            f"room for {size(round(carried.at_most))}"
        )
        + "; balloons: at most 65 % of each VM, and nothing that it needs",
    )


def _tell_points(advice: DemandAdvice, objective: Objective, policy: str, console: Console) -> None:
    console.table(
        f"Simulated under {policy}: the hour around the busiest moment",
        (
            "host",
            "ratio",
            "VMs",
            "need",
            "stall",
            "mean",
            "swap",
            "read",
            str(objective),
        ),
        [
            (
                point.what,
                f"{point.ratio:.2f}",
                str(point.vms),
                _percent(point.needed),
                _percent(point.stall),
                _percent(point.mean_stall),
                size(round(point.swapped + point.ballooned)),
                f"{size(round(point.swap_in))}/s",
                "holds" if objective.holds(getattr(point, objective.metric)) else "fails",
            )
            for point in advice.points
        ],
        caption="need: of the room for VMs, at the worst moment; stall: share of its time that the "
        "VM waited that waited longest; mean: of all VMs; swap: or in balloons; a miniature, see "
        "docs/demand.md",
    )
    for point in advice.points:
        if point.waits:
            console.say(
                f"{point.what}: waiting longest are {'; '.join(point.waits)}. Of the mean "
                f"{_percent(point.mean_stall)} reading takes {_percent(point.reading)}."
            )


def _tell_backtest(found: Backtest, console: Console) -> None:
    for each in unable(found):
        console.say(each)
    console.table(
        f"How it would have fared: {reading.span(found.first)} to advise on, then "
        f"{reading.span(found.rest)} to see",
        ("rule", "VMs", "ratio", "hosts that held", "too little", "by", "at a stretch"),
        [
            (
                each.name,
                "all" if each.capped else f"{each.vms:.1f}",
                f"{each.ratio:.2f}",
                _percent(each.held),
                *_bad(each.unlucky),
            )
            for each in found.fared
        ],
        caption="VMs, ratio: on a host in the mean; too little, by, at a stretch: time and memory "
        "on those that did not hold, mean and longest. "
        + "; ".join(f"{each.name}: {each.says}" for each in found.fared),
    )


def _bad(bad: Unlucky) -> Iterable[str]:
    if not bad.hosts:
        return ("-", "-", "-")
    return (_percent(bad.time), size(round(bad.over)), reading.span(bad.longest))


def _percent(value: float) -> str:
    return f"{100 * value:.3g} %"


def _ratio(value: float) -> str:
    return f"{value:.2f}" if np.isfinite(value) else "all VMs"


def as_dict(advice: DemandAdvice, objective: Objective, policy: str) -> dict[str, Any]:
    """For JSON: every field of the records, but for arrays."""
    said = _plain(advice.packing)
    return {
        "objective": str(objective),
        "policy": policy,
        "advice": sentence(advice.packing),
        "column": advice.loads.column,
        "left_out": advice.loads.left_out,
        "filled": advice.loads.filled,
        "resized": advice.loads.resized,
        "idle": advice.loads.idle,
        "packing": said,
        "points": [_plain(point) for point in advice.points],
        "backtest": {**_plain(advice.backtest), "unable": unable(advice.backtest)},
    }


def _plain(value: Any) -> Any:
    if hasattr(value, "__match_args__") and not isinstance(value, tuple):
        told = {name: getattr(value, name) for name in value.__match_args__}
        return {key: _plain(each) for key, each in told.items() if not isinstance(each, np.ndarray)}
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
