"""A small world of balloon drivers that do not all do as they are told, for the scenarios by which
squeezed is tested where it comes from (xapi-project xen-api, ocaml/squeezed/test, 2026). Sizes in
KiB, steps of a tenth of a second, no memory but what guests hold and what is free.
"""

from dataclasses import dataclass, field

from made_up_hosts import view

from pageengine.policy import Snapshot
from pageengine.policy.rules import check_plan

KIB, STEP = 1024, 0.1


@dataclass
class Driver:
    """A guest's balloon driver. rate: KiB/s. floor, ceiling: sizes that it does not go beyond,
    which nobody knows. sticky: seconds that it moves, and as long again stands still. dead: it
    never moves. misses: KiB by which it stops short of its target.
    """

    name: str
    least: int
    most: int
    has: int
    rate: float = 100.0
    floor: int = 0
    ceiling: int = 2**40
    sticky: float = 0.0
    dead: bool = False
    misses: int = 0
    target: int = field(init=False)

    def __post_init__(self):
        self.target = self.has

    def step(self, tenths):
        """Moves for the tenth of a second that ends at ``tenths``; what it took, in KiB."""
        if self.dead or not (self._moves(tenths) and self._moves(tenths - 1)):
            return 0
        way = 1 if self.target >= self.has else -1
        most = max(0, abs(self.target - self.has) - self.misses)
        there = self.has + way * min(most, int(self.rate * STEP))
        if way < 0:
            there = max(there, min(self.floor, self.has))
        else:
            there = min(there, max(self.ceiling, self.has))
        there, self.has = self.has, there
        return self.has - there

    def _moves(self, tenths):
        return not self.sticky or int(tenths * STEP / self.sticky + 1e-9) % 2 == 0


class World:
    """Guests and free memory, and a policy that looks at them each ``look`` tenths of a second, or
    when it wants to (None). tells_age: whether snapshots have ``progress_age``.
    """

    def __init__(self, free, *drivers, look=1, tells_age=False):
        self.free, self.drivers, self.look, self.tells_age = free, drivers, look, tells_age
        self.tenths, self.memo = 0, {}
        self.moved = dict.fromkeys((driver.name for driver in drivers), 0)

    def settle(self, policy, seconds=300):
        """Lives until the policy finds that all is done; whether that came in time. ``memo`` is
        what it remembers then.
        """
        self.memo, due = {}, self.tenths
        for _ in range(int(seconds / STEP)):
            if self.tenths >= due:
                plan = self._decide(policy)
                if "squeezed_done" in plan.memo:
                    return True
                due = self.tenths + (self.look or max(1, round(plan.again / STEP)))
            self._step()
        return False

    def _decide(self, policy):
        snapshot = Snapshot(
            memory=KIB * (self.free + sum(driver.has for driver in self.drivers)),
            free=KIB * self.free,
            swap_free=0,
            vms=tuple(self._view(driver) for driver in self.drivers),
            time=self.tenths * STEP,
            memo=self.memo,
        )
        plan = policy.decide(snapshot)
        check_plan(snapshot, plan)
        self.memo = plan.memo
        for driver in self.drivers:
            balloon = plan.vms[driver.name].balloon
            if balloon is not None:
                driver.target = driver.most - balloon // KIB
        return plan

    def _view(self, driver):
        away = abs(driver.target - driver.has) > driver.misses
        age = (self.tenths - self.moved[driver.name]) * STEP if away else 0.0
        return view(
            driver.name,
            size=KIB * driver.most,
            limit=KIB * driver.most,
            reservation=KIB * driver.least,
            consumed=KIB * driver.has,
            granted=KIB * driver.has,
            ballooned=KIB * (driver.most - driver.has),
            balloon_target=KIB * (driver.most - driver.target),
            balloon_max=KIB * (driver.most - driver.least),
            progress_age=age if self.tells_age else None,
        )

    def _step(self):
        self.tenths += 1
        for driver in self.drivers:
            took = driver.step(self.tenths)
            if took or abs(driver.target - driver.has) <= driver.misses:
                self.moved[driver.name] = self.tenths
            self.free -= took
            if self.free < 0:
                raise MemoryError(f"{driver.name} takes what is not there")


def sticky_and_floored():
    return (
        Driver("small", 1000, 2000, 1500, floor=1250, misses=4),
        Driver("large", 2500, 4500, 3500, rate=500, sticky=0.25, misses=4),
    )
