"""At stake: a plan that breaks a rule is refused whole, so a rule that is a byte too narrow refuses
a policy that is right, and one too wide lets a VM under its reservation. Each rule from both
sides.
"""

import pytest
from made_up_hosts import GIB, MIB, host, view

from pageengine.errors import PlanError
from pageengine.policy import Migration, Plan, VMPlan
from pageengine.policy.rules import check_plan

SHOWN = host(
    GIB, view("a", reservation=100 * MIB, balloon_max=500 * MIB), view("b", reservation=700 * MIB)
)


def of(name="a", **wish):
    return Plan(vms={name: VMPlan(**wish)})


@pytest.mark.parametrize(
    "plan",
    [
        Plan(),
        of(target=0.0 + 100 * MIB),
        of(target=2 * GIB - 700 * MIB),
        Plan(vms={"a": VMPlan(target=GIB), "b": VMPlan(target=GIB)}),
        of(balloon=500 * MIB),
        of(balloon=0, reclaim=0, scan=0.0),
        of(reclaim=500 * MIB),
        of("b", reclaim=0),
        *[of(technique=name) for name in ("sharing", "compression", "swap", "ladder")],
        Plan(wake_below=2 * GIB - 1, wake_above=0, again=1e-9),
        Plan(wake_below=0, wake_above=9 * GIB),
        Plan(scan_rule="two-scans"),
        Plan(scan_rule="hint"),
        Plan(migrate=(Migration("a", "it must"),)),
    ],
    ids=repr,
)
def test_what_keeps_to_the_rules_passes(plan):
    check_plan(SHOWN, plan)


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        (None, "a policy answers with a Plan, got None"),
        (of("c"), "names a virtual machine 'c', and there are: a, b"),
        *[
            (of(**{what: value}), f"{what} of 'a' is {value}; it must be a number, 0 or more")
            for what in ("target", "balloon", "reclaim", "scan")
            for value in (-1, float("inf"), float("nan"))
        ],
        (of(technique="swop"), "there are .*; did you mean 'swap'?"),
        (of(target=100 * MIB - 1), "the target of 'a', .* is under its reservation"),
        (of(balloon=500 * MIB + 1), "above what its driver can give up, 500 MiB"),
        (of(reclaim=500 * MIB + 1), "would leave it under its reservation: it holds 600 MiB"),
        (of("b", reclaim=1), "would leave it under its reservation"),
        (
            Plan(vms={"a": VMPlan(target=GIB), "b": VMPlan(target=GIB + 1)}),
            "the targets add up to 2.00 GiB, more than the 2 GiB of machine memory",
        ),
        *[
            (
                Plan(**{what: value}),
                f"{what} of the plan is {value}; it must be a number, 0 or more",
            )
            for what in ("wake_below", "wake_above", "again")
            for value in (-1, float("inf"), float("nan"))
        ],
        (Plan(wake_below=2 * GIB), "wake_below, 2 GiB, must be less than machine memory"),
        (Plan(again=0), "again is 0 s"),
        (Plan(scan_rule="three"), "scan_rule is 'three'; there are hint, two-scans"),
        (Plan(migrate=(Migration("c", ""),)), "advises to migrate 'c', and there are: a, b"),
    ],
    ids=repr,
)
def test_what_breaks_a_rule_is_named(plan, message):
    with pytest.raises(PlanError, match=message):
        check_plan(SHOWN, plan)
