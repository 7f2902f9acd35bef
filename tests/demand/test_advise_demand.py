"""advise --demand: one page from a folder of readings. What it says of made data is worked out by
hand; what is wrong in files or options is on the page or refused.
"""

import json

import numpy as np
import pytest

from pageengine.analysis import packing, placing
from pageengine.cli import main
from pageengine.lab import packed
from pageengine.lab.costs import CostModel
from pageengine.units import MIB

HOST = ["--host", "64 MiB", "--overhead", "0.5"]


@pytest.fixture
def table(tmp_path):
    """Twelve VMs of 16 MiB that need 4, one reading each five minutes; one that needs too much for
    its size, and one that was read once."""
    rows = [f"{300 * t},vm{i},16,4" for i in range(12) for t in range(24)]
    rows += ["0,late,16,99", "300,short,16,1"]
    (tmp_path / "vms.csv").write_text("time,vm,size_mib,active_mib\n" + "\n".join(rows) + "\n")
    return tmp_path / "vms.csv"


def call(capsys, *arguments):
    status = main(["advise", "--demand", *map(str, arguments)])
    return status, *capsys.readouterr()


def told(capsys, *arguments):
    status, out, _ = call(capsys, *arguments, "--json")
    return status, json.loads(out)


def test_the_page_says_how_far_who_carries_it_and_how_it_would_have_fared(capsys, table):
    status, out, err = call(capsys, table, "--host", "64 MiB", "--overhead", "50%", "--data-only")
    text = " ".join(out.split())
    assert status == 0 and not err
    assert "Place VMs until 2.00 times the memory of the host is provisioned" in text
    assert "8 VMs on a host in the middle" in text
    assert "Of 14 VMs 2 were left out" in text
    assert "active above size: taken as not read: 1 (at " in text
    assert "How it would have fared: 60 minutes to advise on, then 60 minutes to see" in text
    for rule in ("ratio 1.0", "ratio 1.5", "VMware", "VPA", "Coach", "own maxima"):
        assert rule in text
    assert "Simulated" not in text


def test_json_has_the_same(capsys, table):
    status, said = told(capsys, table, "--host", "64 MiB", "--overhead", "0.5 MiB", "--data-only")
    assert status == 0 and said["packing"]["room"] == 63.5 * MIB
    assert said["packing"]["edge"] is True and said["packing"]["band"] == [None] * 5
    status, said = told(capsys, table, "--host", "4 MiB", "--data-only")
    assert status == 1 and said["packing"]["ratio"] == 0 and "No advice" in said["advice"]


def test_data_that_ran_out_are_said_first(capsys, table):
    """Twelve VMs of 16 MiB that need 4: 48 MiB together, 57.6 with what a host needs itself."""
    status, out, _ = call(capsys, table, "--host", "64 MiB", "--overhead", "15%", "--data-only")
    text = " ".join(out.split())
    assert status == 0 and text.startswith("All 12 VMs fit on one host of 64 MiB: the data ran")
    assert "number of VMs that they can speak for is 12, 3 times the memory" in text
    assert "All need 48 MiB together, 99.9 % of the time, of 54.4 MiB" in text
    assert "ask for hosts below 56.5 MiB" in text and "Place VMs until" not in text
    assert "advice, each host by its own, own maxima, Coach: placed all 12 VMs" in text
    assert "Every rule held on every host" in text
    status, out, _ = call(capsys, table, "--host", "256 MiB", "--data-only")
    text = " ".join(out.split())
    assert "All 8 rules placed all 12 VMs of the data" in text and "from another here" in text


def test_hosts_that_share_most_of_their_vms_are_said_to_be_alike(capsys, table):
    options = ["--overhead", "0.5%", "--data-only"]
    _, said = told(capsys, table, "--host", "40 MiB", *options)
    assert "over half of the 12 VMs of the data" in said["advice"]
    assert said["backtest"]["unable"] and not said["packing"]["edge"]
    _, said = told(capsys, table, "--host", "20 MiB", *options)
    assert "over half" not in said["advice"]


@pytest.mark.slow
def test_hosts_are_simulated_and_drawn(capsys, table, tmp_path):
    pytest.importorskip("matplotlib")
    picture = tmp_path / "advice.png"
    options = ["--host", "64 MiB", "--overhead", "30%", "--policy", "kvm", "-o", picture]
    status, out, _ = call(capsys, table, *options)
    assert status == 0 and picture.read_bytes().startswith(b"\x89PNG")
    text = " ".join(out.split())
    assert "Simulated under kvm" in text and "middle" in text and "holds" in text


def loads(used=None):
    rng = np.random.default_rng(1)
    need = np.round(rng.uniform(1, 6, (12, 30)) * MIB)
    held = None if used is None else np.full((12, 30), used * float(MIB))
    size = np.full(12, 16.0 * MIB)
    return placing.Loads(tuple(f"vm{i}" for i in range(12)), size, need, held, "active", 0.0, 300.0)


@pytest.mark.slow
def test_a_host_with_room_has_nobody_wait_and_one_without_has():
    of = loads()
    roomy = packing.pack(of, 256 * MIB, draws=10)
    found = packed.simulate(of, roomy, packed.Chosen("middle", 0, 12, 1.0), policy="kvm")
    assert found.stall < 1e-5 and found.swapped == 0 and found.needed < 0.4
    tight = packing.pack(of, 32 * MIB, draws=10)
    found = packed.simulate(of, tight, packed.Chosen("middle", 0, 12, 1.0), policy="kvm")
    assert found.needed > 1 and found.swapped > 8 * MIB and found.waits[0].startswith("vm")
    # what does not fit is read back once an interval at least, by twelve VMs side by side
    missing = (found.needed - 1) * 32 * MIB / 60 / 4096 * CostModel().swap_in / 12
    assert found.swap_in > 0 and missing / 4 < found.stall < 0.01


@pytest.mark.slow
@pytest.mark.parametrize("scale", [1, 4])
def test_a_miniature_waits_as_long_as_what_it_stands_for(scale):
    of = loads(used=6)
    tight = packing.pack(of, 56 * MIB, draws=10)
    chosen = packed.Chosen("middle", 0, 12, 1.0)
    one = packed.simulate(of, tight, chosen, policy="kvm", scale=1)
    other = packed.simulate(of, tight, chosen, policy="kvm", scale=scale)
    assert other.mean_stall == pytest.approx(one.mean_stall, rel=0.5)
    assert other.swapped == pytest.approx(one.swapped, rel=0.3)


def test_costs_of_pages_that_stand_for_more():
    costs = CostModel().slowed(8)
    assert costs.swap_in == 8 * CostModel().swap_in
    assert costs.read_rate == CostModel().read_rate / 8


def test_the_chosen_are_the_middle_and_the_worst():
    of = loads()
    said = packing.pack(of, 24 * MIB, draws=40)
    middle, worst, more = packed.choose(of, said)
    order = placing.orders(of.names, 40, 0)
    counts = placing.up_to(placing.provisioned(of.size, order), said.ratio * 24 * MIB)
    needed = packing.at_share(placing.sums(of.need, order, counts), said.share)
    assert needed[worst.row] == needed.max()
    assert abs((needed <= needed[middle.row]).mean() - 0.5) < 0.06
    assert more.ratio == 1.5 * said.ratio and more.vms >= middle.vms


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ([], "--demand needs --host SIZE"),
        (["--host", "0"], "--host"),
        (["--host", "1 GiB", "--overhead", "1 GiB"], "leaves nothing of a host"),
        (["--host", "1 GiB", "--fits", "2"], "--fits '2' is no part"),
        (["--host", "1 GiB", "--confidence", "none"], "--confidence 'none' is no part"),
        (["--host", "1 GiB", "--curve"], "takes no --curve"),
        (["--host", "1 GiB", "--vary", "vm.count"], "takes no --vary"),
        (["--host", "1 GiB", "--slo", "slowdown < 2"], "of stall or mean_stall"),
        (["--host", "1 GiB", "--policy", "esx7"], "esx7"),
        (["--host", "1 GiB", "--by", "used", "--data-only"], "was read (used)"),
        (["--host", "1 GiB", "-o", "a.jpg"], "must end in .png"),
    ],
)
def test_what_cannot_be_asked_is_said(capsys, table, options, says):
    status, out, err = call(capsys, table, *options)
    assert status == 2 and says in err and "Traceback" not in err


def test_options_of_demand_need_it(capsys):
    assert main(["advise", "lab.toml", "--host", "1 GiB"]) == 2
    assert "--host goes with --demand FILE" in capsys.readouterr().err
    assert main(["advise"]) == 2
    assert "SCENARIO, or --demand FILE" in capsys.readouterr().err
