"""A governor over fake guests, driven by a fake clock: what the tests of it share."""

import asyncio
from datetime import UTC, datetime

from fake_guests import MIB, FakeHost, FakeTime

from pageengine.live.config import Config
from pageengine.live.governor import Governor
from pageengine.live.watch import Watch
from pageengine.policy import Plan, VMPlan
from pageengine.policy.guard import Limits

GIB = 1024 * MIB
BOOT = "01234567-89ab-cdef-0123-456789abcdef"  # this start of the fake host
#: Limits that leave a test its own pace: no speed, and a reserve in bytes.
CALM = Limits(reserve_part=0.0, reserve=256 * MIB, shrink=GIB, shrink_part=1.0)


class Says:
    """A policy that says what it is told to: balloons by name, and the rest of a plan."""

    said: dict = {}

    def __init__(self):
        self.seen = []

    def decide(self, snapshot):
        self.seen.append(snapshot)
        names = {view.name: view for view in snapshot.vms}
        vms = {
            name: VMPlan(**{"blocked": names[name].blocked, **plan})
            for name, plan in Says.said.items()
            if name in names
        }
        for name, plan in vms.items():
            if plan.balloon is not None:
                balloon = min(plan.balloon, names[name].balloon_max)
                vms[name] = plan.__replace__(balloon=balloon)
        return Plan(vms=vms, again=1.0)


class Made:
    """A host, its governor, and time for both.

    made = Made(tmp_path, memory=4 * GIB, web=2 * GIB)
    made.say(web=dict(balloon=512 * MIB))
    made.step()
    """

    tick = 0.05  # seconds of guests' lives between two moves of their drivers

    def __init__(
        self,
        folder,
        memory,
        limits=None,
        enforce=True,
        config=None,
        agreed=None,
        file=None,
        **sizes,
    ):
        self.folder = folder
        self.host = FakeHost(memory)
        self.clock = self.host.clock
        for name, size in sizes.items():
            self.host.add(name, size)
        self.loop = FakeTime(self.clock)
        self.loop.set_exception_handler(lambda *_: None)  # of tasks that were killed
        self.enforce = enforce
        self.config = Config(
            path=str(folder / "govern.toml"),
            guests=self.host.settings(**(agreed or {})),
            policy="made_governor:Says",
            state=str(folder / "state.json"),
            hold=str(folder / "hold"),
            lock=str(folder / "lock"),
            limits=limits or Limits(reserve_part=0.0, reserve=256 * MIB),
            **(config or {}),
        )
        Says.said = {}
        self.file = file
        self.start()

    def start(self, **changes) -> Governor:
        """A governor begins; one that was there is gone, as by SIGKILL."""
        self.config = self.config.__replace__(**changes)
        watch = Watch(
            self.config.guests.values(),
            host=self.host.read,
            guest_of=self.host.speaker,
            clock=self.clock,
        )
        self.governor = Governor(
            self.config,
            watch,
            enforce=self.enforce,
            clock=self.clock,
            knobs=self.host,
            now=lambda: datetime.fromtimestamp(self.clock(), UTC),
            boot=BOOT,
            file=self.file,
        )
        return self.governor

    def close(self) -> None:
        """Nothing of it is left."""
        self.killed()
        self.loop.close()

    def killed(self) -> None:
        """As by SIGKILL: nothing of it runs any more, locks are gone."""
        self.governor._marks.release()
        tasks = asyncio.all_tasks(self.loop)
        for task in tasks:
            task.cancel()
        if tasks:
            self.loop.run_until_complete(asyncio.wait(tasks))

    def say(self, **plans) -> None:
        """What the policy says from now on."""
        Says.said = plans

    def step(self, times=1):
        """A period passes, and a step is made."""
        for _ in range(times):
            self.host.run(self.config.period)
            step = self.run(self.governor.step())
        return step

    def run(self, work):
        """Runs something to its end, while guests live on."""
        return self.loop.run_until_complete(self._with_life(work))

    async def _with_life(self, work):
        task = asyncio.ensure_future(work)
        then = self.clock()
        while not task.done():
            await asyncio.wait({task}, timeout=self.tick)
            for guest in self.host.guests.values():
                guest.run(self.clock() - then)
            then = self.clock()
        return task.result()

    def release(self):
        """The governor ends as by SIGTERM."""
        done = {done.vm: done for done in self.run(self.governor.release())}
        self.host.run(1.0)  # the last megabyte
        return done

    def wrote(self, what="balloon"):
        return [(name, value) for name, kind, value in self.host.written if kind == what]
