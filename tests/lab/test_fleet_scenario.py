"""A fleet in a scenario: every key does what it says, what is wrong is named with its line, and
commands for one host refuse it, and what `pageengine run` tells of it is what was recorded.
"""

import importlib.util
import json
import re

import numpy as np
import pytest
import tree

from pageengine.cli import main
from pageengine.lab import FleetResult, build
from pageengine.lab.fleet.placements import PLACEMENTS
from pageengine.lab.scenario import Scenario, ScenarioError

TEXT = """\
name = "two"

[host]
memory = "24 MiB"
seed = 2

[run]
duration = "4 min"
epoch = 20

[fleet]
hosts = 2
round = "1 min"
full = "120 %"
unseen = 0.2
bandwidth = "4 MB"

[[vm]]
name = "v"
count = 8
size = "6 MiB"
contents = "mixed"
workload = { kind = "zipf", rate = 60, alpha = 0.3 }

[[event]]
at = "2 min"
stop = "v-8"
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "two.toml"
    path.write_text(TEXT)
    return path


def test_the_keys_are_those_of_a_fleet(file):
    fleet = build.fleet(Scenario.load(file))
    assert list(fleet.memory.values()) == [24 * 2**20] * 2 and fleet.round == 60
    assert (fleet.admission.full, fleet.admission.unseen) == (1.2, 0.2)
    assert fleet.admission.overcommit is None and fleet.migration.bandwidth == 4_000_000
    other = Scenario.load(file).changed("fleet.migrate", False).changed("fleet.overcommit", 2)
    fleet = build.fleet(other, seed=9)
    assert fleet.migration is None and fleet.admission.overcommit == 2 and fleet.seed == 9
    assert build.fleet(Scenario.load(file)).migration.per_round is None
    few = Scenario.load(file).changed("fleet.per_round", 2)
    assert build.fleet(few).migration.per_round == 2
    assert build.fleet(few).leaving == "advice"
    assert build.fleet(few.changed("fleet.leaving", "balance")).leaving == "balance"


@pytest.mark.parametrize(
    "line, wrong, said",
    [
        ("hosts = 2", "host = 2", "two.toml:12: [fleet]: there is no key 'host': did you mean"),
        ("hosts = 2", "hosts = 0", "two.toml:12: [fleet]: hosts 0 must be at least 1"),
        ("hosts = 2\n", "", "two.toml:11: [fleet]: hosts is missing"),
        ("hosts = 2", 'hosts = 2\nplacement = "spred"', "'spred' is not known. did you mean"),
        ('"1 min"', '"70 s"', "two.toml:13: [fleet]: round must be a whole number of epochs"),
        ('"120 %"', "0", "two.toml:14: [fleet]: full 0 is no factor"),
        ('"120 %"', '"1 GiB"', "full '1 GiB' is no factor: write a number above 0"),
        ('"4 MB"', "0", "bandwidth 0 must be more than nothing"),
        ('"4 MB"', '"fast"', "bandwidth 'fast'"),
        ('"4 min"', '"250 s"', "[run]: duration must be a whole number of epochs of 20 s"),
        ("[fleet]", "[[fleet]]", "[fleet]: must be one table: write [fleet]"),
        ("[fleet]", "[flet]", "there is no section or key 'flet': did you mean 'fleet'?"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path, line, wrong, said):
    path = tmp_path / "two.toml"
    path.write_text(TEXT.replace(line, wrong, 1))
    with pytest.raises(ScenarioError) as error:
        Scenario.load(path)
    assert said in str(error.value)


def test_reservations_must_fit_all_hosts_together():
    data = {
        "host": {"memory": "24 MiB"},
        "run": {"duration": 60, "epoch": 10},
        "fleet": {"hosts": 2, "round": 10},
        "vm": [
            {
                "name": "v",
                "count": 3,
                "size": "16 MiB",
                "reservation": "16 MiB",
                "workload": {"kind": "idle"},
            }
        ],
    }
    Scenario({**data, "fleet": {"hosts": 3, "round": 10}})
    with pytest.raises(ScenarioError, match="and the host has"):
        Scenario({**data, "fleet": {"hosts": 1, "round": 10}})


@pytest.mark.parametrize(
    "command",
    [
        ["compare", "--policy", "esx6", "--policy", "kvm"],
        ["advise", "--slo", "stall < 5%", "--vary", "vm.count", "--to", "3"],
        ["sweep", "--vary", "vm.count=1,2", "-o", "o.parquet"],
    ],
)
def test_commands_for_one_host_refuse_a_fleet(file, capsys, monkeypatch, command):
    monkeypatch.chdir(file.parent)
    assert main([command[0], str(file), *command[1:]]) == 2
    assert "is done with one host, and here are 2" in capsys.readouterr().err
    with pytest.raises(ScenarioError, match="there is no .fleet."):
        build.fleet(Scenario.load("states"))


def test_run_tells_what_was_recorded(file, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["run", str(file), "--json", "--jobs", "1", "-o", str(out)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert sorted(path.name for path in out.iterdir()) == [
        "hosts.parquet",
        "moves.parquet",
        "report.html",
        "summary.json",
        "vms.parquet",
    ]
    result = FleetResult.load(out)
    assert told["digest"] == result.digest() and told["summary"] == result.summary
    assert [row["host"] for row in told["hosts"]] == ["host-1", "host-2"]
    assert sum(row["came"] for row in told["hosts"]) == 8 + len(told["moves"])
    assert {row["vm"]: row["stall"] for row in told["vms"]} == result.stalls()
    assert told["meta"]["policy"] == "esx6" and len(told["vms"]) == 8
    stopped = np.asarray(result.vms["time"])[np.asarray(result.vms["vm"]) == "v-8"]
    assert stopped.max() == 120
    page = (out / "report.html").read_text()
    assert "The hosts over time" in page and "host-2" in page


def test_run_shows_hosts_and_the_whole(file, capsys):
    assert main(["run", str(file), "--jobs", "1", "--set", "fleet.placement=spread"]) == 0
    said = capsys.readouterr()
    assert "8 VMs on 2 hosts of 24 MiB" in said.out + said.err
    for part in ("placed by spread", "host-1", "host-2", "VMs moved", "VMs without a host"):
        assert part in said.out, part


def test_dask_is_for_fleets(capsys):
    assert main(["run", "states", "--dask", "local"]) == 2
    assert "--dask runs the hosts of a [fleet]" in capsys.readouterr().err


@pytest.mark.slow
def test_the_scenario_that_comes_with_it_does_what_it_says():
    scenario = Scenario.load("few_hosts")
    result = build.fleet(scenario).run(scenario.seconds, jobs=2)
    assert not result.partial and result.meta["refused"] == []
    assert len(result.moves["vm"]) > 0
    assert 1 < result.summary["hosts_used"] < scenario.fleet["hosts"]


def test_the_example_is_a_fleet():
    path = tree.ROOT / "examples" / "fleet.py"
    spec = importlib.util.spec_from_file_location("fleet", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    result = module.day(2, 12, 1 / 6, stay=False)
    assert result.names == ["host-1", "host-2"] and sum(result.grid("vms")[1][:, -1]) == 12


def test_the_programs_of_the_page_print_what_it_says(capsys):
    """What stands behind # at the end of a print, or below it, is what is printed."""
    text = (tree.ROOT / "docs" / "fleet.md").read_text()
    for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        exec(block, {"__name__": "page"})
        printed = capsys.readouterr().out
        for expected in re.findall(r"^(?:print.*\S)? *# (.*)$", block, re.MULTILINE):
            assert expected in printed
    assert len(re.findall(r"```python", text)) == 3


def test_the_page_has_every_placement():
    text = (tree.ROOT / "docs" / "fleet.md").read_text()
    text = text.partition("## Placement")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `([\w-]+)` \|", text, re.MULTILINE) == list(PLACEMENTS)
