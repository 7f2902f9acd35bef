"""Who is placed where decides what a fleet carries. Placements are held against what they promise,
and admission against many that come at once, of which one stale reading knows nothing.
"""

import pytest
from hypothesis import given, strategies as st

from pageengine.lab import Fleet, VMSpec
from pageengine.lab.fleet import Admission, HostView, Newcomer, PlacementError
from pageengine.lab.fleet.books import Books
from pageengine.lab.fleet.placements import PLACEMENTS, find

MIB = 2**20
HOSTS = (
    HostView("a", 100, 2, 60, 0, 50, 40, {"linux": 10}),
    HostView("b", 100, 1, 80, 0, 70, 20, {}),
    HostView("c", 100, 3, 90, 0, 10, 80, {"linux": 30, "own": 60}),
)


def vm(name="x", size=10, active=5, contents="linux", promised=0):
    return Newcomer(name, size, promised, active, contents)


@pytest.mark.parametrize(
    "name, chosen", [("first-fit", "a"), ("best-fit", "b"), ("spread", "c"), ("shared", "c")]
)
def test_what_each_placement_goes_by(name, chosen):
    assert find(name)(vm(), HOSTS) == chosen


def test_where_nobody_shares_anything_the_fullest_is_taken():
    assert find("shared")(vm(contents="none"), HOSTS) == "b"


@pytest.mark.parametrize("name", PLACEMENTS)
def test_every_placement_names_one_of_the_hosts_and_takes_the_first_of_equals(name):
    same = tuple(HostView(each, 100, room=50) for each in ("p", "q", "r"))
    assert find(name)(vm(), same) == "p"
    assert find(name)(vm(), same[1:2]) == "q"


def test_a_wrong_name_is_named():
    with pytest.raises(ValueError, match="unknown placement 'best_fit'.*did you mean 'best-fit'"):
        find("best_fit")


def test_ten_at_once_find_the_room_that_is_left():
    """Each is small enough for what the last look showed; only three are together."""
    books = Books({"h": 100}, Admission(full=0.9))
    books.place(vm("there", 40, 40), "h")
    books.saw("h", [("there", 60)])
    placed = []
    for i in range(10):
        if books.may_take(vm(f"n{i}", 10, 10)):
            books.place(vm(f"n{i}", 10, 10), "h")
            placed.append(i)
    assert placed == [0, 1, 2]
    books.saw("h", [("there", 60)])  # a look that came too late to show them
    assert not books.may_take(vm("late", 10, 10))
    books.saw("h", [("n0", 1), ("n1", 1), ("n2", 1)])
    assert books.may_take(vm("late", 10, 10)) and books.view("h").active == 63


@given(
    st.lists(st.tuples(st.integers(1, 60), st.integers(0, 60), st.integers(0, 30)), max_size=40),
    st.sampled_from(sorted(PLACEMENTS)),
    st.floats(0.1, 2),
    st.one_of(st.none(), st.floats(0.5, 3)),
)
def test_no_host_is_given_more_than_the_rule_allows(vms, placement, full, overcommit):
    rule = Admission(full=full, overcommit=overcommit)
    books = Books({"a": 100, "b": 60, "c": 200}, rule)
    for i, (size, active, promised) in enumerate(vms):
        comer = vm(f"v{i}", size, min(active, size), promised=min(promised, size))
        hosts = books.may_take(comer)
        if hosts:
            books.place(comer, find(placement)(comer, hosts))
    for name in ("a", "b", "c"):
        view = books.view(name)
        assert view.active <= full * view.memory and view.promised <= view.memory
        assert overcommit is None or view.sizes <= overcommit * view.memory
        assert view.vms == len(books.on(name))


def test_a_vm_is_entered_once_wherever_it_goes():
    books = Books({"a": 100, "b": 100}, Admission())
    books.place(vm("x"), "a")
    books.place(vm("x"), "b")
    assert books.host_of("x") == "b" and books.on("a") == () and books.view("a").active == 0
    books.forget("x")
    assert books.host_of("x") is None and books.on("b") == () and books.view("b").vms == 0


def specs(count, **options):
    work = {"kind": "idle", "rate": 1}
    return [VMSpec(f"v{i}", "4 MiB", work, **options) for i in range(count)]


def fleet(vms, **options):
    return Fleet({"a": "16 MiB", "b": "16 MiB"}, vms, epoch=10.0, round=10.0, **options)


def test_ten_that_start_at_once_are_not_all_sent_where_there_is_room_for_four():
    """Half of its size each is supposed to be in use: 2 MiB, and seven on each host of 16."""
    result = fleet(specs(20), admission=Admission(full=0.9, unseen=0.5)).run(10)
    assert result.grid("vms")[1].tolist() == [[7], [7]]
    assert result.waiting["vms"].tolist() == [6] and len(result.meta["refused"]) == 6


def test_a_placement_of_ones_own():
    seen = []

    def last(vm, hosts):
        seen.append((vm.name, vm.size, vm.active, [host.name for host in hosts]))
        return hosts[-1].name

    result = fleet(specs(2), placement=last).run(10)
    assert seen[0] == ("v0", 4 * MIB, 2 * MIB, ["a", "b"])
    assert result.grid("vms")[1].tolist() == [[0], [2]] and result.meta["placement"] == "last"


def test_a_placement_that_has_a_vm_wait():
    result = fleet(specs(2), placement=lambda vm, hosts: None if vm.name == "v0" else "a").run(20)
    assert result.grid("vms")[1].tolist() == [[1, 1], [0, 0]]
    assert result.meta["refused"] == ["v0"] and result.waiting["vms"].tolist() == [1, 1]


def test_a_placement_that_names_no_host_of_those_it_was_given():
    with pytest.raises(PlacementError, match="sends 'v0' to 'c', which is none of.*: a, b"):
        fleet(specs(1), placement=lambda vm, hosts: "c").run(10)
    full = Admission(full=0.9, unseen=1.0)
    with pytest.raises(PlacementError, match="sends 'v3' to 'a', which is none of.*: b"):
        fleet(specs(4), placement=lambda vm, hosts: "a", admission=full).run(10)


def test_a_policy_with_a_rule_of_its_own_is_asked():
    result = fleet(specs(10), policy="no-overcommit", admission=Admission(unseen=0.0)).run(10)
    sizes = [row * 4 for row in result.grid("vms")[1][:, 0].tolist()]
    assert sizes and max(sizes) <= 16 and not any("refused" in e["what"] for e in result.events)
