"""Who leaves a host for another: whom its policy advises, or who makes hosts equally full. The
second is held against what it promises: every move relieves the fuller of two hosts, and none is
left that would.
"""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, strategies as st

from pageengine.lab import Admission, Fleet, Precopy, VMSpec
from pageengine.lab.fleet import Newcomer
from pageengine.lab.fleet.books import Books
from pageengine.lab.fleet.leaving import EVEN, GAIN, LEAVING, balanced, find
from pageengine.lab.fleet.moves import decide
from pageengine.lab.fleet.rounds import Look

LINK = Precopy(bandwidth=10**9)


def look(memory, vms, advice=()):
    amounts = np.array(list(vms.values()), np.int64)
    nothing = dict.fromkeys(("free", "free_least", "state", "swapped", "compressed"), 0)
    return Look(
        time=0.0,
        memory=memory,
        ballooned=0,
        saving=0,
        vms=tuple(vms),
        **dict.fromkeys(("size", "active", "consumed", "held"), amounts),
        **dict.fromkeys(("stall", "written"), np.zeros(len(vms))),
        advice=tuple(advice),
        **dict.fromkeys(("refused", "ended", "events"), ()),
        **nothing,
    )


def seen(hosts, rule=None):
    """Looks and books of hosts: memory, and active bytes by VM."""
    books = Books({host: memory for host, (memory, _) in hosts.items()}, rule or Admission(100.0))
    for host, (_, vms) in hosts.items():
        for name, active in vms.items():
            books.place(Newcomer(name, active, 0, active), host)
    return {host: look(*each) for host, each in hosts.items()}, books


def moved(hosts, model=LINK, rule=None, seconds=600.0):
    looks, books = seen(hosts, rule)
    moves = decide(looks, books, model, balanced, None, seconds)
    return [(move.vm, move.source, move.target) for move in moves], books


def test_the_one_that_evens_the_fullest_and_the_emptiest_moves():
    hosts = {"a": (1000, {"big": 500, "half": 300, "small": 20}), "b": (1000, {"other": 200})}
    assert moved(hosts)[0] == [("half", "a", "b")]


def test_hosts_of_other_sizes_are_as_full_as_their_memory_is():
    """The big host holds more, and is emptier all the same."""
    hosts = {"big": (8000, {"x": 1000, "y": 200}), "small": (1000, {"p": 500, "q": 300})}
    assert moved(hosts)[0] == [("p", "small", "big")]


def test_a_host_that_is_too_small_for_them_keeps_no_vm_from_another():
    for names in ("abc", "acb"):
        full, small, empty = names
        hosts = {full: (1000, {"p": 400, "q": 400}), small: (100, {}), empty: (1000, {})}
        assert moved(dict(sorted(hosts.items())))[0] == [("p", full, empty)]


def test_who_goes_elsewhere_as_the_emptiest_is_closed_goes_only_where_it_is_of_use():
    hosts = {"a": (1000, {"big": 210, "v": 40}), "b": (1000, {"w": 200}), "c": (1000, {"db": 50})}
    looks, books = seen(hosts)
    books.place(Newcomer("db", 50, 1000, 50), "c")  # all of it is promised to one VM
    for name, active in (("big", 210), ("v", 40)):
        books.place(Newcomer(name, active, 1, active), "a")
    assert decide(looks, books, LINK, balanced, None, 600.0) == []


def test_nobody_moves_for_little():
    assert moved({"a": (1000, {"p": 300, "q": 40}), "b": (1000, {"r": 250})})[0] == []
    assert moved({"a": (1000, {"p": 300, "q": 9}), "b": (1000, {"r": 10})})[0] == []


@pytest.mark.parametrize("why", ["per_round", "link", "admission"])
def test_what_may_not_move_stays(why):
    hosts = {"a": (1000, {f"v{i}": 100 for i in range(8)}), "b": (1000, {})}
    assert len(moved(hosts)[0]) == 4
    model, rule, seconds = LINK, None, 600.0
    if why == "per_round":
        model = Precopy(bandwidth=10**9, per_round=2)
    elif why == "link":
        model, seconds = Precopy(bandwidth=100, downtime=0.1), 2.5
    else:
        rule = Admission(full=0.25)
    assert len(moved(hosts, model, rule, seconds)[0]) == 2


sizes = st.lists(st.integers(0, 400), max_size=8)


@given(st.lists(st.tuples(st.integers(50, 2000), sizes), min_size=1, max_size=5))
def test_every_move_relieves_and_none_that_would_is_left(told):
    hosts = {
        f"h{i}": (memory, {f"{i}-{j}": active for j, active in enumerate(each)})
        for i, (memory, each) in enumerate(told)
    }
    memory = {host: memory for host, (memory, _) in hosts.items()}
    of = {host: dict(vms) for host, (_, vms) in hosts.items()}
    moves, books = moved(hosts)

    def full(host, more=0):
        return (sum(of[host].values()) + more) / memory[host]

    for vm, source, target in moves:
        before, active = full(source), of[source][vm]
        assert full(source) - full(target) > EVEN
        of[target][vm] = of[source].pop(vm)
        assert max(full(source), full(target)) <= before - GAIN + 1e-9 and active
    assert len({vm for vm, *_ in moves}) == len(moves)
    assert {host: set(books.on(host)) for host in of} == {host: set(of[host]) for host in of}
    gone = {vm for vm, *_ in moves}
    for source, target in permutations(of, 2):
        if full(source) - full(target) > EVEN + 1e-9:
            for vm, active in of[source].items():
                after = max(full(source, -active), full(target, active))
                assert vm in gone or after > full(source) - GAIN - 1e-9


def test_a_fleet_evens_its_hosts_out_where_it_is_told_to():
    """All come to one host at once; nothing waits, so no policy advises anything."""
    vms = [VMSpec(f"v{i}", "4 MiB", {"kind": "zipf", "rate": 400}) for i in range(6)]
    told = {"memory": "64 MiB", "epoch": 10.0, "round": 60.0, "placement": "first-fit"}
    found = {}
    for rule in LEAVING:
        fleet = Fleet(2, vms, migration=Precopy(), leaving=rule, **told)
        found[rule] = fleet.run(300)
        assert found[rule].meta["leaving"] == rule
    assert found["advice"].grid("vms")[1][:, -1].tolist() == [6, 0]
    assert found["balance"].grid("vms")[1][:, -1].tolist() == [3, 3]
    assert found["balance"].summary["moved"] == 3


def test_a_wrong_name_is_named():
    with pytest.raises(ValueError, match="unknown rule of who leaves 'balanced'.*mean 'balance'"):
        find("balanced")
    with pytest.raises(ValueError, match="rule of who leaves"):
        Fleet(2, [], memory="8 MiB", leaving=3)
