"""A simulated host is a miniature: how long its VMs wait must not depend on how small it is made. A
page that stands for k pages is read k times as slowly, k times as seldom, by a device that does k
times less; what is written at once, and what is kept free, is as much memory as ever.
"""

import numpy as np
import pytest

from pageengine.analysis import packing, placing
from pageengine.lab import packed
from pageengine.lab.costs import CostModel
from pageengine.policy.states import PRESETS
from pageengine.policy.table import find
from pageengine.units import GIB, MIB

SCALES = (32.0, 64.0, 128.0)


def swelling(vms=16, slots=40):
    """VMs of 1 GiB that need a tenth to half of it, each in its own rhythm."""
    rng = np.random.default_rng(2)
    time = np.arange(slots)[None] / 6 + rng.random((vms, 1)) * 6.3
    need = np.round((300 + 200 * np.sin(time)) * MIB)
    names, size = tuple(f"vm{i}" for i in range(vms)), np.full(vms, 1024.0 * MIB)
    return placing.Loads(names, size, need, None, "active", 0.0, 300.0)


def point(host, scale, policy="esx6", **options):
    of = swelling()
    said = packing.pack(of, host, draws=4)
    chosen = packed.Chosen("middle", 0, 16, 1.0)
    return packed.simulate(of, said, chosen, policy=policy, scale=scale, **options)


@pytest.mark.slow
@pytest.mark.parametrize("host", [5 * GIB, 6 * GIB])
def test_how_long_vms_wait_does_not_depend_on_the_scale(host):
    """k, 2k, 4k; on a host of which 105 % is needed at the worst moment, and 88 %."""
    found = [point(host, scale) for scale in SCALES]
    for name in ("stall", "mean_stall", "swap_in"):
        values = np.array([getattr(each, name) for each in found])
        assert values.min() > 0 and np.ptp(values) < 0.1 * values.mean(), name


def test_a_page_that_is_read_back_costs_what_its_pages_would():
    """With room in the queue, waiting is what reading takes: pages a second, 90 us each."""
    of = point(6 * GIB, 256.0)
    pages = of.swap_in / 4096
    assert of.reading == pytest.approx(pages * CostModel().swap_in / 16)
    assert of.reading <= of.mean_stall < 1.2 * of.reading


def test_a_write_of_a_miniature_holds_up_a_read_for_as_long():
    costs = CostModel()
    small = costs.of_pages(1024)
    assert small.writing(small.cluster) == pytest.approx(costs.writing(costs.cluster))
    assert small.writing(1) == pytest.approx(1024 * costs.writing(1))
    quick = small.slowed(1 / 10)
    assert quick.writing(quick.cluster) == pytest.approx(costs.writing(32) / 10)


@pytest.mark.parametrize("name", ["esx5", "esx6", "esx2002"])
def test_esx_in_miniature_keeps_the_part_free_that_it_keeps_of_the_host(name):
    """minfree is 6 % of a host of 256 MiB, and 1.2 % of one of 256 GiB."""
    whole = PRESETS[name](256 * GIB)
    small = find(name, miniature=1 / 1024).thresholds(256 * MIB)
    assert small.names == whole.names
    assert small.bytes == tuple(each // 1024 for each in whole.bytes)
    assert find(name).thresholds(256 * GIB) == whole
    with pytest.raises(ValueError, match="miniature"):
        find(name, miniature=0)
