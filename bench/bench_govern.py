"""What governing a hundred guests costs besides the kernel's own work, from what was read of them
to the line of the audit log; and what one guest that hangs costs the others. 5 ms of a core is what
a step may take, 0.1 % of a core at a step each 5 s, and 5 % of that a hung guest.

Steps are measured as time of the processor, so that what else runs disturbs them less.
"""

import asyncio
import itertools
import time

import made_seen
import pytest
from beside import shortest

from pageengine.control.controller import Controller
from pageengine.live import records
from pageengine.live.audit import Logged
from pageengine.live.backend import LiveBackend
from pageengine.live.watch import Watch
from pageengine.policy import Limits, find

NAMES = [f"guest-{number}" for number in range(100)]
PERIOD = 5.0  # seconds
USABLE = 120 << 30  # bytes: what these guests hold, and some
POLICIES = ("esx6", "kvm", "proxmox", "hypeman", "qmemman", "pi")


def steps(name):
    """What the governor does between two looks, without writing the line to the disk."""
    settings = made_seen.settings(*NAMES)
    backend = LiveBackend(USABLE, settings, made_seen.seen(NAMES, 0.0))
    controller = Controller(backend, find(name), Limits())
    decisions = []
    controller.on_decision(decisions.append)
    looks = [made_seen.seen(NAMES, PERIOD * number) for number in range(1, 13)]

    def step(seen):
        backend.saw(seen)
        controller.changed()
        controller.advance(PERIOD)
        entry = Logged(
            "2026-01-01T00:00:00",
            "recommend",
            name,
            {},
            controller.limits,
            decisions.pop(),
            backend.taken(),
            seen.states,
            seen.why,
        )
        return records.line(vars(entry))

    turns = itertools.cycle(looks)
    return lambda: step(next(turns))


@pytest.mark.benchmark(group="govern", timer=time.process_time)
@pytest.mark.parametrize("name", POLICIES)
def bench_step(benchmark, name):
    line = benchmark(steps(name))
    assert all(f'"{guest}"' in line for guest in NAMES)
    took = shortest(benchmark)
    benchmark.extra_info.update(
        per_item=len(NAMES),
        unit="guest",
        ms_of_10_guests=f"{took * 1e3 * 10 / len(NAMES):.2f}",
        core_at_5_s=f"{took / PERIOD:.3%}",
        line_KB=len(line) // 1000,
    )


class Answers:
    """A guest that answers at once, or not for half a minute."""

    techniques = ()

    def __init__(self, settings, hung):
        self._number = NAMES.index(settings.name)
        self._hangs = settings.name in hung

    async def look(self):
        if self._hangs:
            await asyncio.sleep(30.0)
        return made_seen.guest(time.monotonic(), self._number)

    def learn_of(self, before):
        pass

    async def close(self):
        pass


@pytest.mark.benchmark(group="a look at a hundred guests")
@pytest.mark.parametrize("hung", [(), NAMES[7:8]], ids=["all answer", "one hangs"])
def bench_look(benchmark, hung):
    """The worst of a minute's looks: when it begins to hang, it is waited for."""
    worst = []

    async def minute():
        watch = Watch(
            made_seen.settings(*NAMES).values(),
            host=made_seen.host,
            guest_of=lambda settings: Answers(settings, hung),
        )
        took = []
        for _ in range(12):
            begun = time.perf_counter()
            seen = await watch.look(0.02 * PERIOD)
            took.append(time.perf_counter() - begun)
            assert len(seen.guests) == len(NAMES) - len(hung)
        await watch.close()
        worst.append(max(took))

    benchmark.pedantic(lambda: asyncio.run(minute()), rounds=5)
    benchmark.extra_info.update(
        per_item=12 * len(NAMES), unit="guest", worst_of_period=f"{min(worst) / PERIOD:.1%}"
    )
