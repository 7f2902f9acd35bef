"""pageengine govern: a policy looks at real guests, and, where that is asked for, governs them."""

import argparse
import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from typing import Any

from pageengine.cli.console import Console, size
from pageengine.live.act import Carried
from pageengine.live.config import Config, read_config
from pageengine.live.governor import Governor, Step
from pageengine.live.orders import Orders
from pageengine.live.release import Released
from pageengine.live.service import Service, told
from pageengine.live.watch import Watch
from pageengine.live.workable import check_places
from pageengine.policy.base import VMView
from pageengine.policy.guard import RULES, Clip

HELP = "look at real guests, say what a policy would do, and do it if asked to"
DESCRIPTION = """\
Looks at the guests that a file names, has its policy decide each period, and says what it would do
and why: what, to whom, how much, and which rule of the guard changed it. Nothing is written to any
guest or to the host. With --enforce it acts: balloon targets, KSM's rate, paging out where the file
allows it, and pausing a guest where the file allows that.

It ends on Ctrl-C and SIGTERM, and leaves guests as the file says (exit in [host]). SIGHUP has the
file read again; one that cannot be used leaves the one before in force. docs/govern.md has every
key, and the way from recommending to acting."""
EPILOG = """\
examples:
  pageengine govern govern.toml --once      one look, one decision, nothing written
  pageengine govern govern.toml             recommend, each period, until Ctrl-C
  pageengine govern govern.toml --enforce   act
  pageengine release govern.state.json      give back what a governor that died has taken

exit status: 0 every guest is where it should be; 1 one is not, or, with --once, did not answer.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("config", metavar="CONFIG", help="what is governed, and how (TOML)")
    parser.add_argument(
        "--enforce", action="store_true", help="act; without it nothing is written anywhere"
    )
    parser.add_argument("--once", action="store_true", help="one step, then end")


def run(arguments: argparse.Namespace, console: Console) -> int:
    config = read_config(arguments.config)
    check_places(config, arguments.enforce)
    teller = _Teller(console, config, arguments.enforce)
    with ExitStack() as stack:
        hears = teller.hear
        if config.metrics:
            hears = _metrics(stack, config, arguments.enforce, hears)
        service = asyncio.run(_serve(config, arguments, hears, teller.say))
    teller.end(service.released)
    if any(done.stays for done in service.released):
        return 1
    silent = any(state != "known" for state in teller.states.values())
    return 1 if arguments.once and silent else 0


async def _serve(
    config: Config, arguments: argparse.Namespace, hear: Any, say: Callable[[str], object]
) -> Service:
    watch = Watch(config.guests.values())
    waits = config.deadline if arguments.once else None
    governor = Governor(config, watch, enforce=arguments.enforce, waits=waits)
    service = Service(governor, hear, say)
    await service.run(1 if arguments.once else None)
    return service


def _metrics(stack: ExitStack, config: Config, enforce: bool, hear: Any) -> Any:
    from pageengine.live.metrics import Metrics

    metrics = Metrics()
    stack.enter_context(metrics.served(config.metrics))

    def hears(step: Step) -> None:
        snapshot = step.decision.snapshot if step.decision else None
        unknown = {name: state for name, state in step.seen.states.items() if state != "known"}
        alone = dict.fromkeys(step.alone, "hands-off")
        metrics.update(step.seen, snapshot, excluded={**unknown, **alone}, dry_run=not enforce)
        if step.decision is not None:
            metrics.planned(step.planned)
        for result in step.results:
            metrics.acted(result.what, "failed" if result.why else "done", result.seconds)
        hear(step)

    return hears


class _Teller:
    """Says what happens, what is new of it only."""

    def __init__(self, console: Console, config: Config, enforce: bool):
        self._console, self._config, self._enforce = console, config, enforce
        self.states: Mapping[str, str] = {}
        self._why: Mapping[str, str] = {}
        self._unasked: dict[str, str] = {}
        self._orders = Orders()
        self._clipped: set[tuple[str, str, str]] = set()
        self._state: str | None = None
        self._steps = self._decisions = 0
        self._rules: Counter[str] = Counter()
        self._last: dict[str, Any] | None = None
        self._said: list[str] = []
        mode = "acting" if enforce else "recommending: nothing is written (--enforce acts)"
        guests = "1 guest" if len(config.guests) == 1 else f"{len(config.guests)} guests"
        console.line(
            f"{config.path}: {guests} by {config.policy}, a look each {config.period:g} s; {mode}."
        )

    def hear(self, step: Step) -> None:
        """One step."""
        self._steps += 1
        for name, state in step.seen.states.items():
            why = step.seen.why.get(name, "")
            if (state, why) != (self.states.get(name), self._why.get(name, "")):
                self.say(f"{name}: {state}{why and ': ' + why}")
        for name, reading in step.seen.guests.items():
            if reading.unasked and reading.unasked != self._unasked.get(name):
                self.say(
                    f"{name}: it is asked for no statistics, so that nothing is taken of it by a "
                    f"balloon; to have it asked: {reading.unasked}"
                )
            self._unasked[name] = reading.unasked
        self.states, self._why = step.seen.states, step.seen.why
        for line in step.said:
            self.say(line)
        if step.decision is None:
            return
        self._decisions += 1
        self._rules.update(clip.rule for clip in step.decision.clips)
        self._last = _as_json(step)
        clipped = {(clip.vm, clip.what, clip.rule) for clip in step.decision.clips}
        if step.orders != self._orders or step.results or clipped != self._clipped:
            for line in lines(step, self._enforce):
                self.say(line)
        state = step.decision.plan.state
        if state != self._state:
            stays = ": all stays as it is" if step.orders.nothing else ""
            self.say(f"state {state}{stays}")
        self._orders, self._clipped, self._state = step.orders, clipped, state

    def end(self, released: list[Released]) -> None:
        """What it comes to."""
        for done in released:
            self.say(told(done))
        if self._rules and not self._enforce:
            rules = ", ".join(f"{rule} ({count})" for rule, count in self._rules.most_common())
            self._console.say(f"The guard changed what {self._config.policy} said by: {rules}.")
        self._console.result(
            {
                "mode": "enforce" if self._enforce else "recommend",
                "config": self._config.path,
                "policy": self._config.policy,
                "steps": self._steps,
                "decisions": self._decisions,
                "states": self.states,
                "why": self._why,
                "last": self._last,
                "said": self._said,
                "released": [vars(done) for done in released],
            }
        )

    def say(self, text: str) -> None:
        """One line, with the time of day."""
        self._said.append(text)
        self._console.line(f"{time.strftime('%H:%M:%S')} {text}")


def lines(step: Step, enforce: bool) -> Iterator[str]:
    """What is done, or would be, and why, a line an order."""
    assert step.decision is not None
    views = {view.name: view for view in step.decision.snapshot.vms}
    clips: dict[tuple[str, str], list[Clip]] = {}
    for clip in step.decision.clips:
        clips.setdefault((clip.vm, clip.what), []).append(clip)
    results = {(result.vm, result.what): result for result in step.results}
    kinds = {"balloon": "balloon", "page-out": "reclaim", "pause": "blocked", "scan": "scan"}
    for name, what, text in _orders(step.orders, views):
        why = "; ".join(_clip(clip) for clip in clips.pop((name, kinds[what]), ()))
        result = results.get((name, what))
        done = _result(result) if enforce else ""
        would = "" if enforce else "would "
        yield f"{name or 'host'}: {would}{text}{why and ' (' + why + ')'}{done}"
    stays = {"balloon": "balloon as it is", "reclaim": "nothing paged out", "blocked": "not paused"}
    for (name, what), each in clips.items():
        if what in stays:
            yield f"{name}: {stays[what]} ({'; '.join(_clip(clip) for clip in each)})"


def _orders(orders: Orders, views: Mapping[str, VMView]) -> Iterator[tuple[str, str, str]]:
    for name, target in orders.balloon.items():
        view = views[name]
        yield name, "balloon", f"balloon {size(view.ballooned)} -> {size(target)}"
    for name, memory in orders.page_out.items():
        yield name, "page-out", f"page {size(memory)} out"
    for name, paused in orders.pause.items():
        yield name, "pause", "pause" if paused else "let go on"
    if orders.scan is not None:
        yield "", "scan", f"KSM at {orders.scan:,.0f} pages/s"


def _clip(clip: Clip) -> str:
    """By which rule what was changed."""
    says = RULES.get(clip.rule, "")
    if clip.what in ("balloon", "reclaim"):
        wanted, given = _bytes(clip.wanted), _bytes(clip.given)
        if wanted == given:
            return f"{clip.rule}: {wanted} wanted, a little changed"
        return f"{clip.rule}: {wanted} wanted, {given} given"
    return f"{clip.rule}: {says}"


def _bytes(amount: float | None) -> str:
    return "nothing" if not amount else size(int(amount))


def _result(result: Carried | None) -> str:
    if result is None:
        return ": not done"
    return f": {result.why}" if result.why else ": done"


def _as_json(step: Step) -> dict[str, Any]:
    assert step.decision is not None
    return {
        "state": step.decision.plan.state,
        "orders": dict(vars(step.orders)),
        "clips": [vars(clip) for clip in step.decision.clips],
        "results": [vars(result) for result in step.results],
        "alone": step.alone,
    }
