"""A host that was handed something wrong says what, and is what it was before: every page in its
place, every number as it was. Each parameter of a host and of its VMs is given each value that
is none of its kind.
"""

import time

import numpy as np
import pytest
from catalogue import (
    HUGE,
    INF,
    NAN,
    NO_AMOUNT,
    NO_CHOICE,
    NO_FLAG,
    NO_NAME,
    NO_PAGES,
    NO_SIZE,
    NO_WHOLE,
    Hostile,
    name_of,
    refused,
    rows,
    without,
)

import pageengine as pe
from pageengine import errors
from pageengine.host.admission import Promises, ResourceAllocation
from pageengine.policy import Migration, Plan, VMPlan
from pageengine.units import PAGES_MOST

PAGE = 4096


@pytest.fixture(scope="module")
def host():
    with pe.Host(64 * PAGE, swap=64 * PAGE, policy=pe.policy.Plain(0, 0)) as host:
        web, db = host.add_vm("web", 32 * PAGE), host.add_vm("db", 16 * PAGE, shares=7)
        pages = np.random.default_rng(0).integers(0, 256, (8, PAGE), np.uint8)
        web.write(np.arange(8), pages)
        db.write(np.arange(4), pages[:4])
        host.scan()
        host.reclaim("web", 2, "swap")
        yield host


def state(host):
    return (
        host.numbers(),
        host.time,
        host.policy,
        host.last_plan,
        host.swap_bandwidth,
        {name: (vm.numbers(), vm.places.tolist(), vm.allocation) for name, vm in host.vms.items()},
    )


@pytest.fixture
def unchanged(host):
    before = state(host)
    yield host
    assert state(host) == before
    host.check()


def made(**options):
    pe.Host(**{"memory": 64 * PAGE, "swap": 0} | options).close()


def added(host, **options):
    host.add_vm(**{"name": "mail", "size": 4 * PAGE} | options)


def of_plan(**options):
    return lambda host, value: host.apply(Plan(**{key: value for key in options}))


def new_host(key):
    return lambda host, value: made(**{key: value})


def new_vm(key):
    return lambda host, value: added(host, **{key: value})


NO_SALT = without(NO_NAME, None, "", "n" * 256)
NO_SALT = [(v, e, "4096 characters" if "255" in says else says) for v, e, says in NO_SALT]
PERCENT = [(v, ValueError, "0% to 100%") for v in ("101%", "-1%", "nan%", "5%%", "%", "1e1%")]
NO_SHARES = without(NO_WHOLE, "7")
NO_SHARES += [("much", ValueError, "low, normal, high"), ("", ValueError, "low, normal, high")]
POSITIVE = [*NO_AMOUNT, (0, ValueError, "above 0"), (1e300, ValueError, "at most")]
TIME = [*NO_AMOUNT, (1e300, ValueError, "seconds")]

ARGUMENTS = rows(
    (
        "memory",
        [*NO_PAGES, (None, TypeError, "text like"), (0, ValueError, "one page")],
        new_host("memory"),
    ),
    ("seed", NO_WHOLE, new_host("seed")),
    ("contents", NO_CHOICE, new_host("contents")),
    ("victims", NO_CHOICE, new_host("victims")),
    ("packing", NO_CHOICE, new_host("packing")),
    ("sharing", NO_FLAG, new_host("sharing")),
    ("reserve_swap", NO_FLAG, new_host("reserve_swap")),
    ("estimator", NO_CHOICE, new_host("estimator")),
    ("cache_limit", NO_SIZE, new_host("cache_limit")),
    ("swap", NO_PAGES, new_host("swap")),
    (
        "swap_dir",
        [(v, TypeError, "path") for v in (7, True, [])]
        + [
            (v, ValueError, "path that files can have")
            for v in ("a\0b", "", "d" * 10**6, "\ud800", Hostile())
        ],
        lambda host, value: made(swap=PAGE, swap_dir=value),
    ),
    (
        "compression",
        [(7, TypeError, "text"), (Hostile(), TypeError, "text")],
        new_host("compression"),
    ),
    ("name of a virtual machine", NO_NAME, new_vm("name")),
    ("size", [*NO_PAGES, (0, ValueError, "one page")], new_vm("size")),
    ("shares", NO_SHARES, new_vm("shares")),
    ("reservation", NO_PAGES, new_vm("reservation")),
    ("limit", NO_PAGES, new_vm("limit")),
    ("overhead", NO_PAGES, new_vm("overhead")),
    ("salt", NO_SALT, new_vm("salt")),
    ("cache_limit", NO_SIZE + PERCENT, new_vm("cache_limit")),
    ("balloon_max", NO_SIZE + PERCENT, new_vm("balloon_max")),
    ("driver", NO_FLAG, new_vm("driver")),
    (
        "guest",
        [(v, TypeError, "Guest or None") for v in (7, "linux", True, Hostile())],
        new_vm("guest"),
    ),
    ("pages", NO_WHOLE, lambda host, value: host.scan(pages=value)),
    ("order", NO_CHOICE, lambda host, value: host.scan(order=value)),
    ("rule", NO_CHOICE, lambda host, value: host.scan(rule=value)),
    ("pages", NO_WHOLE, lambda host, value: host.reclaim("web", value)),
    ("technique", NO_CHOICE, lambda host, value: host.reclaim("web", 1, value)),
    ("deep", NO_FLAG, lambda host, value: host.check(value)),
    ("seconds", [*TIME, (0, ValueError, "above 0")], lambda host, value: host.advance(value)),
    (
        "ran",
        [(v, TypeError, "by the names") for v in (7, "web", [1.0], True)],
        lambda host, value: host.advance(1.0, value),
    ),
    (
        "web",
        [row for row in NO_AMOUNT if row[1] is TypeError],
        lambda host, value: host.advance(1.0, {"web": value}),
    ),
    (
        "web",
        [(v, ValueError, "of 1.0 seconds|from 0") for v in (-1.0, NAN, INF, 1.5, HUGE)],
        lambda host, value: host.advance(1.0, {"web": value}),
    ),
    (
        "swap_bandwidth",
        without(POSITIVE, None),
        lambda host, value: setattr(host, "swap_bandwidth", value),
    ),
    ("seconds", TIME, lambda host, value: host.swap_was_read(value)),
    (
        "names",
        [(v, TypeError, "list") for v in ("web", 7, True)],
        lambda host, value: host.columns(value),
    ),
    (
        "policy",
        [(v, TypeError, "decide") for v in (7, True, object, Hostile())],
        lambda host, value: setattr(host, "policy", value),
    ),
    ("pages", NO_WHOLE, lambda host, value: host["web"].balloon(pages=value)),
    ("pages", NO_WHOLE, lambda host, value: host["web"].deflate(value)),
    ("n", NO_WHOLE, lambda host, value: host["web"].start_sample(value)),
    ("blocked", NO_FLAG, lambda host, value: host["web"].block(value)),
    ("boot_seconds", TIME, lambda host, value: host["web"].reboot(value)),
    ("balloon_max", NO_SIZE + PERCENT, lambda host, value: host["web"].set_balloon_max(value)),
    ("shares", NO_SHARES, lambda host, value: host["web"].configure(shares=value)),
    ("reservation", NO_PAGES, lambda host, value: host["web"].configure(reservation=value)),
    ("limit", NO_PAGES, lambda host, value: host["web"].configure(limit=value)),
)


@pytest.mark.parametrize(("what", "value", "error", "says", "call"), ARGUMENTS, ids=name_of)
def test_a_wrong_argument_is_named_and_nothing_is_done(unchanged, what, value, error, says, call):
    refused(lambda given: call(unchanged, given), what, value, error, says)


def in_plan(key):
    return lambda host, value: host.apply(Plan(vms={"web": VMPlan(**{key: value})}))


NOT = errors.PlanError
NO_PLANNED = [(v, NOT, "0 or more") for v, _, _ in NO_AMOUNT if v is not None]
NO_PLANNED_FLAG = [(v, NOT, "True or False") for v, _, _ in NO_FLAG]
NO_PLANNED_NAME = [(v, NOT, "there are") for v, _, _ in NO_CHOICE]
PLANS = rows(
    *((key, NO_PLANNED, in_plan(key)) for key in ("target", "balloon", "reclaim", "scan")),
    ("reclaim", [(None, NOT, "0 or more")], in_plan("reclaim")),
    ("blocked", NO_PLANNED_FLAG, in_plan("blocked")),
    ("technique", NO_PLANNED_NAME, in_plan("technique")),
    *((key, NO_PLANNED, of_plan(**{key: 0})) for key in ("wake_below", "wake_above", "again")),
    ("report_free", NO_PLANNED_FLAG, of_plan(report_free=0)),
    ("scan_rule", NO_PLANNED_NAME, of_plan(scan_rule=0)),
    (
        "state",
        [(v, NOT, "text|characters") for v in (7, None, Hostile(), "x" * 10**6)],
        of_plan(state=0),
    ),
    ("vms", [(v, NOT, "by name") for v in (7, None, [VMPlan()], Hostile())], of_plan(vms=0)),
    ("memo", [(v, NOT, "by name") for v in (7, None, [1.0])], of_plan(memo=0)),
    ("migrate", [(v, NOT, "Migrations") for v in (7, None, "web")], of_plan(migrate=0)),
    (
        "mail",
        [("mail", NOT, "there are")],
        lambda host, value: host.apply(Plan(migrate=(Migration(value, "for a change"),))),
    ),
    (
        "Plan",
        [(v, NOT, "answers with a Plan") for v in (7, None, {}, "high", Hostile())],
        lambda host, value: host.apply(value),
    ),
    (
        "web",
        [(v, NOT, "VMPlan") for v in (7, None, {}, "ladder")],
        lambda host, value: host.apply(Plan(vms={"web": value})),
    ),
)


@pytest.mark.parametrize(("what", "value", "error", "says", "call"), PLANS, ids=name_of)
def test_a_plan_that_says_nothing_sensible_is_refused_whole(
    unchanged, what, value, error, says, call
):
    refused(lambda given: call(unchanged, given), what, value, error, says)


# VMs that are not of the host


def test_a_vm_is_known_by_itself_and_not_by_its_name(unchanged):
    with pe.Host(64 * PAGE, swap=0) as other:
        stranger = other.add_vm("web", 4 * PAGE)
        for call in (
            lambda: unchanged[stranger],
            lambda: unchanged.remove_vm(stranger),
            lambda: unchanged.scan(vm=stranger),
            lambda: unchanged.reclaim(stranger, 1, "swap"),
            lambda: unchanged.columns([stranger]),
        ):
            with pytest.raises(errors.NoSuchVM, match="'web' given is of another host"):
                call()
        assert other[stranger] is stranger


def test_a_vm_of_an_earlier_life_is_not_its_namesake():
    with pe.Host(64 * PAGE, swap=0) as host:
        before = host.add_vm("web", 4 * PAGE)
        host.remove_vm(before)
        now = host.add_vm("web", 4 * PAGE)
        now.touch([0, 1], True)
        for call in (
            lambda: host.remove_vm(before),
            lambda: host.scan(vm=before),
            lambda: host.reclaim(before, 2, "swap"),
        ):
            with pytest.raises(errors.NoSuchVM, match="'web' given was removed"):
                call()
        assert host["web"] is now and now.stats.private == 2 * PAGE


@pytest.mark.parametrize("name", [7, None, ["web"], b"web", Hostile()], ids=name_of)
def test_a_vm_is_asked_for_by_name_or_by_itself(unchanged, name):
    with pytest.raises(TypeError, match="named by a text or a VM"):
        unchanged[name]


# Numbers of numpy's that are what they say


def test_numbers_of_numpy_are_taken_as_the_numbers_they_are():
    with pe.Host(
        np.int64(64 * PAGE), swap=np.uint32(0), seed=np.int8(3), sharing=np.bool_(True)
    ) as host:
        vm = host.add_vm("web", np.uint64(32 * PAGE), shares=np.int32(5), driver=np.bool_(False))
        vm.touch(np.uint8(3), np.bool_(True))
        host.swap_bandwidth = np.float32(4096)
        host.advance(np.float64(0.5), {"web": np.float32(0.5)})
        vm.start_sample(np.int16(2))
        kinds = {type(v) for v in (host.memory, host.seed, vm.size, vm.shares, vm.pages)}
        assert kinds == {int} and type(host.sharing) is bool
        assert {type(host.time), type(host.swap_bandwidth)} == {float}


# Work is bounded by what there is


def test_no_call_works_longer_than_there_are_pages():
    with pe.Host(64 * PAGE, swap=0, policy=pe.policy.Plain(0, 0)) as host:
        vm = host.add_vm("web", 32 * PAGE)
        vm.touch(np.arange(8), True)
        began = time.process_time()
        vm.start_sample(2**62)
        assert time.process_time() - began < 0.5
        assert vm.end_sample()[1] <= 32
        assert host.scan(pages=2**62).visited == 32
        assert host.reclaim(vm, 2**62).frames <= 8
        assert vm.balloon(pages=2**62) == vm.deflate(2**62) == 24
        host.advance(1e9)
    promises, size = Promises(2**60, None, False), PAGES_MOST * PAGE
    promises.admit(
        "a", ResourceAllocation(size=size, shares=1, reservation=0, limit=size, overhead=0)
    )
    with pytest.raises(errors.AdmissionError, match="16.0 TiB of swap space"):
        promises.admit(
            "b", ResourceAllocation(size=PAGE, shares=1, reservation=0, limit=PAGE, overhead=0)
        )
    assert promises.slots == PAGES_MOST


# Groups


def test_no_text_leads_into_the_group_of_a_vm_that_is_alone():
    from pageengine.host.options import number_of, salt_number

    crafted = ("\0only web", "only web", "web", str(salt_number(None, "web")), "None", "\0", " ")
    for salt in crafted:
        assert salt_number(salt, "db") < 2**63 <= salt_number(None, "web")
        assert salt_number(salt, "db") > 0 == salt_number("", "db")
    assert salt_number(None, "web") != salt_number(None, "db")
    assert salt_number("tenant", "web") == number_of("tenant") % 2**63
    with pe.Host(64 * PAGE, swap=0) as host:
        for name, salt in (("web", None), ("db", "\0only web"), ("mail", "")):
            host.add_vm(name, 4 * PAGE, salt=salt).write([0, 1], np.full((2, PAGE), 7, np.uint8))
        host.scan()
        host.scan()
        assert [vm.stats.shared for vm in host.vms.values()] == [2 * PAGE] * 3
        assert host.stats.shared_common == 3 * PAGE, "pages of two groups are one"
