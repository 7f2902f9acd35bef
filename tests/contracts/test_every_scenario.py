"""A shipped scenario is the first thing a user runs. Each runs to its end with every invariant
checked on the way, keeps what VMs were promised, and shows what its description says."""

import tempfile

import numpy as np
import pytest
import tree

from pageengine.lab import build
from pageengine.lab.results import Result
from pageengine.lab.scenario import Scenario
from pageengine.policy.states import STATES

FOLDER = tree.ROOT / "examples" / "scenarios"
#: Of one host; those of a fleet are in tests/lab/test_fleet_scenario.py.
PATHS = [path for path in sorted(FOLDER.glob("*.toml")) if Scenario.load(path).fleet is None]
NAMES = [path.stem for path in PATHS]
QUICK = {"compare"}
each = pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[] if name in QUICK else [pytest.mark.slow]) for name in NAMES],
)
_done: dict[str, Result] = {}


def result_of(name):
    """Each runs once in a session, with a check of every invariant in each tenth epoch."""
    if name not in _done:
        scenario = Scenario.load(FOLDER / f"{name}.toml").changed("run.check_every", 10)
        _done[name] = build.run(scenario)
    return _done[name]


def test_there_are_scenarios():
    assert {"states", "idle_tax", "compare", "boot_storm"} <= set(NAMES)


@each
def test_a_scenario_runs_to_its_end(name):
    result, scenario = result_of(name), Scenario.load(FOLDER / f"{name}.toml")
    assert not result.partial and result.meta["refused"] == []
    assert result.host["time"][-1] == pytest.approx(scenario.seconds)
    assert set(result.names) == {name for name, _ in scenario.vms}
    assert scenario.data["description"] and len(scenario.vms) >= 2


@each
def test_the_places_of_memory_add_up_in_every_epoch(name):
    host = result_of(name).host
    parts = ("overhead", "private", "shared_common", "cache", "free")
    np.testing.assert_array_equal(sum(host[part] for part in parts), host["memory"])


@each
def test_no_vm_is_pushed_under_its_reservation(name):
    result = result_of(name)
    for vm, entry in Scenario.load(FOLDER / f"{name}.toml").vms:
        own = result.of(vm)
        assert np.all(own["target"] >= entry["reservation"])
        lost = np.diff(own["swapped"]) > 0  # pages went out: not below what is reserved
        assert np.all(own["consumed"][1:][lost] >= entry["reservation"])


@pytest.mark.slow
@each
def test_the_same_seed_gives_the_same_result_and_it_survives_saving(name):
    data = Scenario.load(FOLDER / f"{name}.toml").data
    short = Scenario({**data, "run": {"duration": "2 min"}, "event": []})
    first, second = build.run(short), build.run(short)
    assert first.digest() == second.digest()
    assert build.run(short, seed=99).digest() != first.digest()
    with tempfile.TemporaryDirectory() as folder:
        assert Result.load(first.save(folder)).digest() == first.digest()


@pytest.mark.slow
def test_states_goes_through_all_states_and_back():
    seen = [STATES[number] for number in result_of("states").host["state"]]
    assert {"high", "soft", "hard", "low"} <= set(seen)
    assert seen[0] == seen[-1] == "high"
    rise = seen[seen.index("low") :]
    assert seen.index("soft") < seen.index("hard") < seen.index("low")
    assert rise.index("hard") < rise.index("soft") < rise.index("high")


@pytest.mark.slow
def test_states_shows_each_technique_in_its_state():
    host = result_of("states").host
    name = np.array(STATES)[host["state"]]
    same = np.concatenate([[False], name[1:] == name[:-1]])  # no change within the epoch
    assert (host["balloon_in"][same & (name == "soft")] > 0).any()
    assert (host["swap_out"][same & (name == "hard")] > 0).any()
    for calm in ("high", "clear"):
        assert not host["swap_out"][same & (name == calm)].any()


@pytest.mark.slow
def test_idle_tax_moves_memory_to_the_vm_that_uses_it():
    result = result_of("idle_tax")
    spans = (slice(1200, 1500), slice(-300, None))
    held = {
        name: [np.median(own["target"][span]) / 2**20 for span in spans]
        for name, own in ((name, result.of(name)) for name in ("idle", "busy"))
    }
    assert held["idle"][0] == pytest.approx(held["busy"][0], rel=0.02)
    assert held["idle"][1] < 0.65 * held["idle"][0] and held["busy"][1] > 1.35 * held["busy"][0]


@pytest.mark.slow
def test_a_boot_storm_keeps_everybody_running():
    result = result_of("boot_storm")
    for name in result.names:
        assert np.mean(result.of(name)["stall"]) < 0.05
