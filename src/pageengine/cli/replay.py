"""pageengine replay: an audit log decided again, by the same policy or another."""

import argparse
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from pageengine.cli.console import Console, Usage, size
from pageengine.lab.choice import parse
from pageengine.live import audit
from pageengine.live.audit import Unread
from pageengine.live.replay import Difference, replay, replay_all
from pageengine.live.tally import Take, Tally
from pageengine.policy import table
from pageengine.units import MIB

HELP = "decide an audit log again, by the same policy or another"
DESCRIPTION = """\
Makes every decision of an audit log (audit in the config of govern) again. With --policy another
policy is asked, under the same limits: what it would have said, decision by decision, beside what
was said. Each decision begins from what was really seen: what the other would have done does not
change what comes next. Without --policy the same policy is asked, and must say the same, byte for
byte.

With several --policy, or --policy all for every policy that there is, a table has a row a policy:
how often it would have taken memory, how much and of whom, and how often the guard would have
changed what it said. --all has the decisions one by one as well."""
EPILOG = """\
examples:
  pageengine replay audit.jsonl                           does it say the same?
  pageengine replay audit.jsonl --policy all              what would each of them do?
  pageengine replay audit.jsonl --policy kvm
  pageengine replay audit.jsonl --policy kvm --policy esx6 --policy ./mine.py:Mine
  pageengine replay audit.jsonl --policy esx6:idle_tax=0.5 --json

exit status: 0; 1 where the same policy says something else; 2 where no line can be read.
"""
_SHOWN = 40  # rows of the table, unless all are asked for
_WHOM = 3  # VMs with a column of their own
EVERY = "all"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("audit", metavar="AUDIT", help="the audit log (JSON lines)")
    parser.add_argument(
        "--policy",
        metavar="P",
        action="append",
        default=[],
        help="who decides again; with options: P:a=1:b=2; repeat for several; all: every policy",
    )
    parser.add_argument(
        "--all", action="store_true", help="every difference, not the first 40; every decision"
    )


def run(arguments: argparse.Namespace, console: Console) -> int:
    if len(arguments.policy) > 1 or EVERY in arguments.policy:
        return _several(arguments, console)
    asked = arguments.policy[0] if arguments.policy else None
    name, options = parse(asked or "")
    if name:
        table.find(name, **options)
    decisions = same = failed = 0
    unread: list[Unread] = []
    rows: list[tuple[str, Difference]] = []
    why: Counter[str] = Counter()
    by_vm: dict[str, list[Difference]] = defaultdict(list)
    for each in replay(audit.entries(arguments.audit), name, options):
        if isinstance(each, Unread):
            unread.append(each)
            continue
        decisions += 1
        same += each.same or (bool(name) and each.other is not None and not each.differences())
        failed += each.other is None
        if each.why:
            why[each.why] += 1
        for difference in each.differences():
            rows.append((each.time, difference))
            by_vm[difference.vm].append(difference)
    _check_read(console, arguments.audit, decisions, unread)
    _tell(console, arguments, rows, by_vm)
    for text, count in why.most_common(5):
        console.say(f"{count} times it could not decide: {text}")
    who = name or "the same policy"
    console.say(f"{who} says the same in {same} of {decisions} decisions.")
    console.result(
        {
            "audit": arguments.audit,
            "policy": asked,
            "decisions": decisions,
            "same": same,
            "failed": failed,
            "unread": [vars(each) for each in unread],
            "vms": {vm: _summary(found) for vm, found in by_vm.items()},
            "differences": [{"time": time, **vars(found)} for time, found in rows],
        }
    )
    return 1 if not name and same != decisions else 0


def _check_read(console: Console, path: str, decisions: int, unread: list[Unread]) -> None:
    """Says what could not be read. Usage: nothing could."""
    if not decisions:
        why = f"{len(unread)} lines, of which none can be read" if unread else "there is no line"
        first = f" (line {unread[0].line}: {unread[0].why})" if unread else ""
        raise Usage(
            f"{path}: {why}{first}: it has to be the log of a governor (audit in its config)"
        )
    for each in unread:
        console.say(f"{path}:{each.line}: not read: {each.why}")


def _several(arguments: argparse.Namespace, console: Console) -> int:
    """Several policies, a row each."""
    asked = [each for said in arguments.policy for each in _labels(said)]
    policies = {label: parse(label) for label in asked}
    tallies = {label: Tally() for label in policies}
    unread: list[Unread] = []
    each_decision: list[dict[str, Any]] = []
    decisions = 0
    for found in replay_all(audit.entries(arguments.audit), policies):
        if isinstance(found, Unread):
            unread.append(found)
            continue
        decisions += 1
        said = {label: tallies[label].add(compared) for label, compared in found.items()}
        if console.json or arguments.all:
            (first, *_) = found.values()
            each_decision.append({"line": first.line, "time": first.time, "policies": said})
    _check_read(console, arguments.audit, decisions, unread)
    if arguments.all:
        _tell_each(console, each_decision)
    _tell_several(console, decisions, tallies)
    for label, tally in tallies.items():
        for text, count in tally.why.most_common(2):
            console.say(f"{label}: {count} times it could not decide: {text}")
    console.result(
        {
            "audit": arguments.audit,
            "decisions": decisions,
            "unread": [vars(each) for each in unread],
            "policies": {label: _counted(tally) for label, tally in tallies.items()},
            "each": [
                {**each, "policies": {p: _by_vm(found) for p, found in each["policies"].items()}}
                for each in each_decision
            ],
        }
    )
    return 0


def _labels(said: str) -> list[str]:
    if said == EVERY:
        return list(table.POLICIES)
    name, options = parse(said)
    table.find(name, **options)
    return [said]


def _tell_several(console: Console, decisions: int, tallies: Mapping[str, Tally]) -> None:
    of = {label: tally.vms for label, tally in tallies.items()}
    total: Counter[str] = Counter()
    for vms in of.values():
        total.update({name: each.wanted + each.paged_out for name, each in vms.items()})
    whom = [name for name, _ in total.most_common(_WHOM)]
    back = any(each.given_back for vms in of.values() for each in vms.values())
    rows = []
    for label, tally in tallies.items():
        vms = of[label]
        taken = {name: each.wanted + each.paged_out for name, each in vms.items()}
        amounts = [
            sum(each.wanted for each in vms.values()),
            sum(each.allowed for each in vms.values()),
            sum(each.paged_out for each in vms.values()),
            *([sum(each.given_back for each in vms.values())] if back else []),
            *(taken.pop(name, 0) for name in whom),
            *([sum(taken.values())] if len(total) > _WHOM else []),
        ]
        counts = [tally.takes, tally.clipped] if tally.decisions else ["failed", "-"]
        rows.append((label, *map(str, counts), *map(_mib, amounts)))
    columns = ["policy", "takes", "clipped", "wants", "allowed", "pages out"]
    columns += ["gives back"] if back else []
    columns += whom + (["others"] if len(total) > _WHOM else [])
    console.table(
        f"What each policy would have done in {decisions} decisions",
        columns,
        rows,
        caption="In MiB, means over all decisions. takes: decisions that take memory; clipped: "
        "that the guard changed; wants: what balloons would hold more, by the policy; allowed: the "
        "same after the guard. Of each VM: what is wanted and paged out",
    )


def _mib(amount: int) -> str:
    return f"{amount / MIB:,.0f}" if amount else "-"


def _tell_each(console: Console, each_decision: list[dict[str, Any]]) -> None:
    rows = [
        (each["time"], label, take.vm, *map(size, _amounts(take).values()))
        for each in each_decision
        for label, takes in each["policies"].items()
        for take in takes
        if not take.nothing
    ]
    columns = ("time", "policy", "VM", "wants", "allowed", "paged out", "given back")
    console.table("Decision by decision", columns, rows, texts=3)


def _counted(tally: Tally) -> dict[str, Any]:
    return {
        "decisions": tally.decisions,
        "failed": tally.failed,
        "why": dict(tally.why),
        "differ": tally.differ,
        "takes": tally.takes,
        "clipped": tally.clipped,
        "rules": dict(tally.rules),
        "vms": _by_vm(tally.vms.values()),
    }


def _by_vm(found: Iterable[Take]) -> dict[str, dict[str, int]]:
    return {each.vm: _amounts(each) for each in found}


def _amounts(take: Take) -> dict[str, int]:
    return {key: value for key, value in vars(take).items() if key != "vm"}


def _tell(
    console: Console,
    arguments: argparse.Namespace,
    rows: list[tuple[str, Difference]],
    by_vm: dict[str, list[Difference]],
) -> None:
    shown = rows if arguments.all else rows[:_SHOWN]
    if rows:
        console.table(
            f"What {(arguments.policy or ['it'])[0]} would have said",
            ("time", "VM", "what", "given", "other", "difference"),
            [(time, each.vm, each.what, *_cells(each)) for time, each in shown],
            texts=3,
            caption=f"{len(rows) - len(shown)} more: --all" if len(rows) > len(shown) else None,
        )
        console.table(
            "By VM",
            ("VM", "decisions that differ", "more taken", "less taken"),
            [
                (vm, found["decisions"], size(found["more"]), size(found["less"]))
                for vm, found in ((vm, _summary(each)) for vm, each in by_vm.items())
            ],
            caption="more, less: on the mean of the decisions that differ",
        )


def _summary(found: list[Difference]) -> dict[str, Any]:
    """Means over the decisions that differ."""
    amounts = [each.other - each.given for each in found if each.what != "blocked"]
    count = max(1, len(amounts))
    return {
        "decisions": len(found),
        "more": round(sum(max(0.0, each) for each in amounts) / count),
        "less": round(sum(max(0.0, -each) for each in amounts) / count),
        "blocked": sum(each.what == "blocked" for each in found),
    }


def _cells(each: Difference) -> tuple[str, str, str]:
    if each.what == "blocked":
        return str(bool(each.given)), str(bool(each.other)), ""
    more = each.other - each.given
    sign = "+" if more > 0 else "-"
    return size(int(each.given)), size(int(each.other)), f"{sign}{size(int(abs(more)))}"
