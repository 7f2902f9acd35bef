"""How far a host may be filled, from measured demand: held against closed forms, what must be so
whatever the data, and a search one VM after the other.
"""

import numpy as np
import pytest

from pageengine.analysis import packing, placing
from pageengine.analysis.backtest import ADVICE, BY_HOST, backtest
from pageengine.analysis.capacity_rules import RULES, coach, own_maximum, vpa
from pageengine.analysis.placing import Loads
from pageengine.demand import Demand

GIB = 2**30
NAN = float("nan")


def loads(size, need, held=None, step=300.0, names=None):
    need = np.asarray(need, float)
    size = np.broadcast_to(np.asarray(size, float), len(need)).copy()
    names = names or tuple(f"vm{i}" for i in range(len(need)))
    return Loads(names, size, need, held, "active", 0.0, step)


def made(vms=40, slots=300, seed=1):
    rng = np.random.default_rng(seed)
    own = rng.lognormal(0, 1, (vms, 1)) * (
        1 + 0.5 * np.sin(np.arange(slots) / 30 + rng.random((vms, 1)) * 6)
    )
    need = np.round(own * GIB)
    return loads(np.round(need.max(axis=1) * 3), need)


def pack(of, host, **options):
    return packing.pack(of, host, draws=options.pop("draws", 60), **options)


@pytest.mark.parametrize(("size", "need", "host"), [(8, 2, 64), (16, 1, 30), (4, 4, 16)])
def test_equal_vms_have_the_ratio_of_the_closed_form(size, need, host):
    of = loads(size * GIB, np.full((50, 20), need * GIB))
    found = pack(of, host * GIB)
    assert found.ratio == host // need * size / host == size / need
    assert found.count == host // need and set(found.counts) == {host // need}
    assert found.unlucky.hosts == 0 and not found.edge
    assert found.spread[0].needed == (need / size,) * 5
    assert pack(of, host * GIB, room=host * GIB / 2).ratio == host // 2 // need * size / host


def test_a_search_one_after_the_other_finds_the_same():
    of = made()
    order = placing.orders(of.names, 25, seed=3)
    for room in (10 * GIB, 30 * GIB, 1000 * GIB):
        found = placing.most(of.need, order, room, share=0.97)
        for row, most in zip(order, found, strict=True):
            over = (np.cumsum(of.need[row], axis=0) > room).sum(axis=1)
            assert most == (over <= 9).sum()  # 3 of 100 of 300 slots


def test_it_is_monotone_in_what_is_asked():
    of, host = made(), 40 * GIB
    for name, rising in (("confidence", (0.5, 0.8, 0.95, 1.0)), ("share", (0.9, 0.97, 1.0))):
        ratios = [pack(of, host, **{name: value}).ratio for value in rising]
        assert ratios == sorted(ratios, reverse=True) and ratios[0] > ratios[-1]
    counts = [pack(of, host * n).count for n in (1, 2, 3)]
    assert counts == sorted(counts) and counts[0] < counts[-1]
    apart = [each.needed[4] - each.needed[0] for each in pack(of, host).spread]
    assert apart == sorted(apart, reverse=True), "more VMs differ less from host to host"


def test_the_advice_holds_on_the_stated_share_of_the_hosts_it_was_found_on():
    of, host = made(), 40 * GIB
    for confidence in (0.6, 0.9, 1.0):
        found = pack(of, host, confidence=confidence, draws=100)
        order = placing.orders(of.names, 100, 0)
        filled = placing.provisioned(of.size, order)
        at = placing.up_to(filled, found.ratio * host)
        held = (placing.most(of.need, order, host, 0.999) >= at).mean()
        assert held >= confidence and found.unlucky.hosts == pytest.approx(1 - held)
        beyond = placing.up_to(filled, np.nextafter(found.limits, 0)[-1] * host)
        assert (placing.most(of.need, order, host, 0.999) >= beyond).mean() <= 1
        more = found.limits[int((1 - confidence) * 100 + 1e-9)]
        at = placing.up_to(filled, more * host)
        assert (
            placing.most(of.need, order, host, 0.999) >= at
        ).mean() < confidence or more == np.inf


def test_the_order_of_the_vms_is_of_no_consequence():
    of = made()
    turn = np.random.default_rng(0).permutation(len(of.names))
    turned = loads(of.size[turn], of.need[turn], names=tuple(of.names[i] for i in turn))
    one, other = pack(of, 40 * GIB), pack(turned, 40 * GIB)
    assert one.ratio == other.ratio and one.band == other.band and one.unlucky == other.unlucky


def test_all_that_there_is_fits_is_said():
    found = pack(made(vms=5), 4096 * GIB)
    assert found.edge and found.count == 5 and found.band == (np.inf,) * 5
    assert found.ratio == made(vms=5).size.sum() / (4096 * GIB)
    assert found.peak == pytest.approx(made(vms=5).need.sum(axis=0).max(), rel=1e-4)
    enough = pack(made(vms=5), int(found.enough_for) - 2**20)
    assert not enough.edge and enough.band != found.band, "a host that the data can fill"


def test_what_all_need_together_is_of_the_stated_share_and_the_room():
    need = np.full((4, 10), 2.0 * GIB)
    need[:, 3] = 4 * GIB
    of = loads(8 * GIB, need)
    assert pack(of, 64 * GIB, share=0.9, room=32 * GIB).peak == 8 * GIB
    found = pack(of, 64 * GIB, share=1.0, room=32 * GIB)
    assert found.peak == 16 * GIB and found.enough_for == 32 * GIB and found.edge
    assert pack(of, 32 * GIB, share=1.0, room=16 * GIB).edge
    assert not pack(of, 32 * GIB, share=1.0, room=16 * GIB - 2**20).edge


def test_not_even_one_vm_is_no_advice():
    found = pack(loads(8 * GIB, np.full((5, 10), 4 * GIB)), 2 * GIB)
    assert found.ratio == 0 and found.count == 0 and found.unlucky.hosts == 0


def test_what_the_unlucky_see():
    """Of two VMs one needs 6 GiB more in 4 of 10 slots, three of them in a row."""
    need = np.full((2, 10), 1.0 * GIB)
    need[0, [1, 4, 5, 6]] = 7 * GIB
    of, order = loads(8 * GIB, need), placing.orders(("vm0", "vm1"), 4, 0)
    bad = packing.unlucky(of, order, np.full(4, 2), 5 * GIB, 0.9)
    assert bad == packing.Unlucky(1.0, 0.4, 0.4, 3 * GIB, 3 * GIB, 900.0)
    assert packing.unlucky(of, order, np.full(4, 2), 5 * GIB, 0.6).hosts == 0


def test_who_carries_what_there_is_no_room_for():
    """Ten VMs of 8 GiB that need 1: 10 GiB of 40 must be there, and 30 more fit."""
    of = loads(8 * GIB, np.full((10, 10), 1 * GIB))
    order, ten = placing.orders(of.names, 5, 0), np.full(5, 10)
    carried = packing._carried(of, order, ten, 40 * GIB, 1.0)
    assert carried == packing.CarriedParts(80 * GIB, 70 * GIB, 10 * GIB, 0, 0, 0, 40 * GIB)
    of = of.__replace__(held=np.full((10, 10), 8.0 * GIB))
    carried = packing._carried(of, order, ten, 40 * GIB, 1.0)
    assert carried == packing.CarriedParts(80 * GIB, 0, 10 * GIB, 40 * GIB, 40 * GIB, 0, 40 * GIB)
    tight = packing._carried(of, order, ten, 20 * GIB, 1.0)
    assert tight.balloons == pytest.approx(52 * GIB), "65 % of each"
    assert tight.swap == pytest.approx(8 * GIB)
    used = of.__replace__(held=np.full((10, 10), 3.0 * GIB))
    assert packing._carried(used, order, ten, 20 * GIB, 1.0).untouched == 50 * GIB


def test_who_held_what_nobody_recorded_is_the_most_it_had_needed_by_then():
    of = loads(8 * GIB, np.array([[1, 3, 2, 4], [2, 1, 1, 1]]) * float(GIB))
    assert (placing.held_of(of) == np.array([[1, 3, 3, 4], [2, 2, 2, 2]]) * GIB).all()
    used = np.full((2, 4), 5.0 * GIB)
    assert placing.held_of(of.__replace__(held=used)) is used


def test_gaps_are_held_over_and_vms_hardly_read_are_left_out():
    active = np.array([[NAN, 2, NAN, 4], [NAN, NAN, NAN, 1], [1, 1, 1, 1]]) * GIB
    size = np.array([[8, 8, NAN, 16], [8, 8, 8, 8], [NAN] * 4]) * GIB
    of = placing.loads(Demand(("a", "b", "c"), 0.0, 300.0, size, size * NAN, active))
    assert of.names == ("a",) and of.left_out == 2 and of.filled == 0.5 and of.held is None
    assert (of.need == [[2 * GIB, 2 * GIB, 2 * GIB, 4 * GIB]]).all() and of.size == [16 * GIB]
    with pytest.raises(ValueError, match="read .used. in half of the 4 slots"):
        placing.loads(Demand(("a",), 0.0, 300.0, size[:1], active[:1] * NAN, active[:1]), "used")


# the rules of others


def test_each_rule_counts_what_it_says():
    day = np.repeat([[1.0, 2.0, 8.0]], 24, axis=1) * GIB  # three days of hours
    of = loads(16 * GIB, day, step=3600.0)
    assert own_maximum(of) == 8 * GIB
    # weights 1, 2, 4 of 7: nine tenths are reached at the last day's peak
    assert vpa(of) == pytest.approx(1.15 * 8 * GIB)
    falling = loads(16 * GIB, day[:, ::-1], step=3600.0)
    # 4 / 7 of the weight is at 1, 6 / 7 at 2 or less: the first day's 8 still counts
    assert vpa(falling) == pytest.approx(1.15 * 8 * GIB)
    longer = loads(16 * GIB, np.repeat([[8.0, 1, 1, 1, 1, 1]], 24, axis=1) * GIB, step=3600.0)
    assert vpa(longer) == pytest.approx(1.15 * GIB), "and after five days no more"
    hours = np.tile(np.arange(24.0) // 4 + 1, 5)[None] * GIB
    assert coach(loads(16 * GIB, hours, step=3600.0)) == pytest.approx(np.arange(1, 7)[None] * GIB)
    ratio = {rule.name: rule for rule in RULES}["ratio 1.5"]
    assert (ratio.counts(of) == of.size[:, None]).all() and ratio.part == 1.5


def test_a_back_test_of_what_never_changes_holds_and_places_as_advised():
    of = loads(8 * GIB, np.full((40, 100), 2 * GIB))
    found = backtest(of, 32 * GIB, draws=20)
    fared = {each.name: each for each in found.fared}
    assert all(each.held == 1 for each in found.fared)
    expected = {
        ADVICE: 16,
        BY_HOST: 16,
        "ratio 1.0": 4,
        "ratio 1.5": 6,
        "VMware": 8,
        "own maxima": 16,
        "VPA": 13,
        "Coach": 16,
    }
    assert {name: each.vms for name, each in fared.items()} == expected
    assert found.first == found.rest == 50 * 300 and found.split == 50 * 300
    assert found.peak == found.rest_peak == 80 * GIB and found.capped == ()


@pytest.mark.parametrize(
    ("host", "capped"),
    [(32, ()), (80, (ADVICE, BY_HOST, "own maxima", "Coach")), (93, 5), (161, 6), (320, 8)],
)
def test_rules_that_the_end_of_the_data_stopped_are_named(host, capped):
    """40 VMs of 8 GiB that need 2: 80 GiB, 92 with VPA's margin, 160 with VMware's half."""
    found = backtest(loads(8 * GIB, np.full((40, 100), 2 * GIB)), host * GIB, draws=20)
    assert found.capped == capped or len(found.capped) == capped
    assert all(each.vms == 40 for each in found.fared if each.capped)


def test_advice_that_the_rest_does_not_keep_is_seen():
    need = np.full((40, 100), 2.0 * GIB)
    need[:, 60:80] = 4 * GIB
    fared = {each.name: each for each in backtest(loads(8 * GIB, need), 32 * GIB, draws=20).fared}
    assert fared[ADVICE].held == 0 and fared[ADVICE].unlucky.time == pytest.approx(0.4)
    assert fared[ADVICE].unlucky.over == 32 * GIB
    assert fared[ADVICE].unlucky.longest == 20 * 300
    assert fared["VMware"].held == fared["ratio 1.5"].held == 1


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"share": 0}, "share"),
        ({"confidence": 1.5}, "confidence"),
        ({"draws": 0}, "draws"),
        ({"room": 2**50}, "room"),
    ],
)
def test_what_cannot_be_asked_is_named(options, says):
    with pytest.raises(ValueError, match=says):
        packing.pack(made(vms=3), 8 * GIB, **options)
    with pytest.raises(ValueError, match="part"):
        backtest(made(vms=3), 8 * GIB, part=1)
