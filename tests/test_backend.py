"""At stake: one policy, any host. A controller knows a host through the few calls of a Backend;
here it governs one of plain Python, with no engine below, through a whole plan.
"""

import pytest

import pageengine as pe
from pageengine.control.controller import Controller
from pageengine.errors import PlanError
from pageengine.policy import ESX, Limits, Plan, Snapshot, VMPlan, VMView

MIB = 2**20


class Toy:
    """A host of numbers: what is reclaimed is swapped, what a balloon takes is free at once. Nobody
    can tell its working sets.
    """

    techniques = ("swap",)

    def __init__(self, memory: int, **held: int):
        self.memory, self.held = memory, dict(held)
        self.balloon, self.log = dict.fromkeys(held, 0), []
        self.watermark = 0

    def names(self):
        return self.held.keys()

    def free(self):
        return self.memory - sum(self.held.values())

    def snapshot(self, time, state, memo):
        return Snapshot(
            self.memory,
            self.free(),
            1 << 40,
            tuple(
                VMView(
                    name=name,
                    size=64 * MIB,
                    consumed=held,
                    granted=held,
                    shared=0,
                    swapped=0,
                    compressed=0,
                    ballooned=self.balloon[name],
                    mapped=held,
                    shares=640,
                    reservation=0,
                    limit=64 * MIB,
                    blocked=False,
                    balloon_target=self.balloon[name],
                    balloon_max=32 * MIB,
                )
                for name, held in self.held.items()
            ),
            time,
            state,
            memo,
        )

    def take(self, name, amount):
        self.held[name] -= min(amount, self.held[name])

    def on_low(self, told):
        self.low = told

    def set_low_watermark(self, free):
        self.watermark = free

    def set_memory_targets(self, targets):
        self.log.append(("targets", targets))

    def set_balloon_targets(self, targets):
        for name, target in targets.items():
            self.take(name, max(0, target - self.balloon[name]))
            self.balloon[name] = target

    def set_scan(self, rates, rule):
        self.log.append(("scan", rates, rule))

    def set_free_page_reporting(self, on):
        self.log.append(("reports", on))

    def block(self, vm, blocked):
        self.log.append(("block", vm, blocked))

    def reclaim(self, requests):
        for request in requests:
            self.take(request.vm, request.memory)
        return pe.Reclaimed(swapped=sum(r.memory // 4096 for r in requests))

    def before_decision(self):
        self.log.append(("decision",))

    decided = before_decision

    def advance(self, seconds, ran):
        self.log.append(("time", seconds))

    def due_in(self):
        return 5.0


class Says:
    def __init__(self, plan):
        self.plan, self.seen = plan, []

    def reserve(self, memory):
        return memory // 16

    def decide(self, snapshot):
        self.seen.append(snapshot)
        return self.plan


def test_a_whole_plan_is_carried_out_without_an_engine():
    plan = Plan(
        state="hard",
        vms={
            "a": VMPlan(target=20 * MIB, balloon=4 * MIB, scan=50.0),
            "b": VMPlan(reclaim=8 * MIB, technique="swap", blocked=True),
        },
        wake_below=2 * MIB,
        wake_above=40 * MIB,
        again=3.0,
        scan_rule="two-scans",
        report_free=True,
        memo={"n": 1.0},
    )
    toy, policy = Toy(64 * MIB, a=30 * MIB, b=30 * MIB), Says(plan)
    controller = Controller(toy, policy)
    assert toy.watermark == 4 * MIB  # before the first plan, what the policy wants kept
    told = []
    controller.on_plan(told.append)
    assert controller.balance() == pe.Reclaimed(swapped=2048)
    assert toy.held == {"a": 26 * MIB, "b": 22 * MIB} and toy.watermark == 2 * MIB
    assert told == [plan]
    for said in (
        ("targets", {"a": 20 * MIB}),
        ("scan", {"a": 50.0}, "two-scans"),
        ("reports", True),
        ("block", "b", True),
    ):
        assert said in toy.log
    controller.advance(1.0)
    assert len(policy.seen) == 1 and controller.due() == 3.0
    controller.advance(2.5)
    assert len(policy.seen) == 2  # it wanted to be asked again after 3 s
    assert policy.seen[-1].memo == {"n": 1.0} and policy.seen[-1].state == "hard"
    toy.held["a"] = 0
    toy.held["b"] = 16 * MIB
    controller.advance(0.1)
    assert len(policy.seen) == 3  # 48 MiB are free: above wake_above
    toy.low()
    assert len(policy.seen) == 4


def test_with_limits_every_plan_passes_the_guard_and_whoever_asked_is_told_both():
    said = Plan(vms={"b": VMPlan(reclaim=8 * MIB, technique="swap", blocked=True)}, memo={"n": 1.0})
    toy = Toy(64 * MIB, a=30 * MIB, b=30 * MIB)
    controller, told = Controller(toy, Says(said), Limits()), []
    controller.on_decision(told.append)
    controller.balance()
    (decision,) = told
    assert decision.plan == said and decision.guarded == controller.plan != said
    assert {clip.rule for clip in decision.clips} == {"floor", "rate", "block"}
    assert controller.clips == decision.clips
    assert ("block", "b", True) not in toy.log and toy.held["b"] > 22 * MIB
    remembered = controller.plan.memo["guard.taken b"]
    controller.set_policy(Says(Plan()))  # another policy: what was taken stays taken
    assert controller.snapshot().memo == {"guard.taken b": remembered}
    controller.limits = None
    controller.apply(said)
    assert controller.clips == () and ("block", "b", True) in toy.log
    with pytest.raises(TypeError, match="the guard takes Limits or None, got True"):
        controller.limits = True


def test_what_a_host_does_not_have_is_refused_before_anything_is_done():
    toy = Toy(64 * MIB, a=30 * MIB)
    controller = Controller(toy, Says(Plan()))
    before = dict(toy.held)
    with pytest.raises(PlanError, match="'a' by compression.*does not have; it has swap"):
        controller.apply(Plan(vms={"a": VMPlan(reclaim=MIB, technique="compression")}))
    assert toy.held == before


def test_the_policies_of_the_package_govern_it_too():
    for name in pe.policy.POLICIES:
        toy = Toy(64 * MIB, a=33 * MIB, b=31 * MIB)
        toy.techniques = ("sharing", "compression", "swap", "ladder")
        controller = Controller(toy, name)
        for _ in range(20):
            controller.advance(1.0)
        assert all(0 <= held <= 64 * MIB for held in toy.held.values()), name
        assert toy.free() >= 0, name


def test_an_unknown_working_set_is_not_an_idle_one():
    """With nobody's known, the tax has nothing to take from: equal shares, equal targets. A VM
    that is known to be idle pays.
    """
    toy = Toy(64 * MIB, a=32 * MIB, b=31 * MIB)
    snapshot = toy.snapshot(0.0, "", {})
    plan = ESX().decide(snapshot)
    assert abs(plan.vms["a"].target - plan.vms["b"].target) <= 4096
    idle = snapshot.vms[0].__replace__(active=0)
    plan = ESX().decide(snapshot.__replace__(vms=(idle, snapshot.vms[1])))
    assert plan.vms["a"].target < plan.vms["b"].target
