"""The commands of the lab are where planners meet it: they must say what they did, and say plainly
what is wrong. Simulations are made up here; real ones are run by the contract test of the shipped
scenarios."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import made_up
import pytest

from pageengine import report
from pageengine.cli import main
from pageengine.lab import build
from pageengine.lab.results import Result
from pageengine.policy import POLICIES

SCENARIO = """\
name = "lab"
[host]
memory = "256 MiB"
[run]
duration = "2 min"
[[vm]]
name = "web"
count = 2
size = "128 MiB"
workload = { kind = "idle" }
"""


@pytest.fixture
def scenario(tmp_path):
    path = tmp_path / "lab.toml"
    path.write_text(SCENARIO)
    return str(path)


@pytest.fixture
def ran(monkeypatch):
    """Simulations are made up; what was asked for is kept."""
    asked = []

    def run(scenario, *, policy=None, seed=None, progress=None, max_time=None, made=None):
        asked.append((policy, seed, max_time, scenario))
        names = [name for name, _ in scenario.vms]
        crowded = len(names) > 5 or policy == "kvm"
        made = made_up.with_stalls(policy or "esx6", **dict.fromkeys(names, 0.3 * crowded))
        for now in (30.0, 60.0, 90.0):
            if progress and progress(now, "soft") is False:
                made.meta["partial"] = "stopped"
        return made

    monkeypatch.setattr(build, "run", run)
    monkeypatch.setattr(build, "check", lambda scenario, policy=None, **_: None)
    return asked


def call(capsys, *arguments):
    status = main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return status, out, err


def test_run_tells_states_vms_and_techniques(capsys, scenario, ran):
    status, out, err = call(capsys, "run", scenario)
    assert (status, err) == (0, "")
    assert out.startswith("lab: 2 VMs on 256 MiB, 2 min in 120 epochs; takes")
    for words in ("The host of 1 GiB under esx6", "web-1", "What each technique gave back"):
        assert words in out


def test_run_saves_what_can_be_loaded(capsys, scenario, ran, tmp_path):
    status, out, _ = call(capsys, "run", scenario, "-o", tmp_path / "out")
    assert status == 0
    assert "host.parquet, report.html, summary.json, vms.parquet" in " ".join(out.split())
    assert Result.load(tmp_path / "out").names == ["web-1", "web-2"]


def test_options_of_run_reach_the_simulation(capsys, scenario, ran):
    options = ["--policy", "kvm", "--seed", 9, "--max-time", "90s", "--set", "vm.web.count=3"]
    status, _, err = call(capsys, "run", scenario, *options, "--set", "host.memory='1 GiB'")
    assert (status, err) == (0, "")
    policy, seed, _, changed = ran[0]
    assert (policy, seed) == ("kvm", 9)
    assert (len(changed.vms), changed.host["memory"]) == (3, 2**30)


def test_run_as_json_is_one_object(capsys, scenario, ran):
    status, out, err = call(capsys, "run", scenario, "--json")
    assert (status, err) == (0, "")
    assert {"summary", "meta", "events", "digest"} <= set(json.loads(out))


@pytest.mark.slow
def test_an_interrupted_run_is_saved_and_says_so(capsys, scenario, monkeypatch, tmp_path, ran):
    inner = build.run

    def run(*arguments, **options):
        os.kill(os.getpid(), signal.SIGINT)
        return inner(*arguments, **options)

    monkeypatch.setattr(build, "run", run)
    before = signal.getsignal(signal.SIGINT)
    status, out, _ = call(capsys, "run", scenario, "-o", tmp_path / "out")
    assert status == 130 and "Partial: interrupted." in out
    assert Result.load(tmp_path / "out").partial
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.slow
def test_ctrl_c_leaves_a_readable_partial_result(scenario, tmp_path):
    text = Path(scenario).read_text().replace("2 min", "9 days")
    Path(scenario).write_text(text)
    command = [sys.executable, "-m", "pageengine", "run", scenario, "-o", str(tmp_path / "out")]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    process.stdout.readline()  # it speaks when it begins
    time.sleep(1.0)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "") and "Partial: interrupted." in out
    result = Result.load(tmp_path / "out")
    assert result.why == "interrupted" and 0 < len(result.host["time"]) < 9 * 86400


@pytest.mark.slow
def test_max_time_ends_a_run_cleanly(capsys, scenario, tmp_path):
    options = ["--set", "run.duration=9 days", "--max-time", "300 ms", "-o", tmp_path / "out"]
    status, out, _ = call(capsys, "run", scenario, *options)
    assert status == 124 and "Partial: out of its time limit." in out
    assert Result.load(tmp_path / "out").partial


@pytest.mark.slow
def test_compare_gives_a_verdict(capsys, scenario, ran, tmp_path):
    options = ["--policy", "esx6", "--policy", "kvm", "-o", tmp_path / "out"]
    status, out, err = call(capsys, "compare", scenario, *options)
    assert (status, err) == (0, "")
    assert "esx6 carries most: 2 of 2 VMs; none of them stalled." in out
    assert "0 of 2" in out and "30.00 %" in out
    assert (tmp_path / "out" / "compare.png").read_bytes().startswith(b"\x89PNG")
    page = (tmp_path / "out" / "compare.html").read_text()
    assert "esx6 carries most: 2 of 2 VMs" in page and "data:image/png;base64" in page
    assert Result.load(tmp_path / "out" / "kvm").names == ["web-1", "web-2"]


def test_compare_as_json(capsys, scenario, ran):
    status, out, _ = call(
        capsys, "compare", scenario, "--policy", "esx6", "--policy", "kvm", "--json"
    )
    data = json.loads(out)
    assert (status, data["best"]) == (0, "esx6") and len(data["policies"]) == 2


def test_compare_over_seeds_shows_intervals_and_saves_each(
    capsys, scenario, ran, monkeypatch, tmp_path
):
    monkeypatch.setattr(report, "available", lambda: False)  # pictures take longer than the rest
    options = [*COMPARE, "--jobs", 1, "--seeds", 2, "-o", tmp_path / "out"]
    status, out, _ = call(capsys, "compare", scenario, *options)
    assert status == 0 and "30.00 ± 0.00 %" in out and "mean of 2 seeds" in " ".join(out.split())
    assert [seed for _, seed, _, _ in ran] == [1, 1, 2, 2]
    assert sorted(path.name for path in (tmp_path / "out" / "kvm").iterdir()) == ["1", "2"]


def test_run_as_json_holds_what_the_tables_hold(capsys, scenario, ran):
    data = json.loads(call(capsys, "run", scenario, "--json")[1])
    out = call(capsys, "run", scenario)[1]
    for row in data["vms"]:
        assert row["vm"] in out and f"{row['size'] / 2**20:,.1f}" in out
    assert [row["state"] for row in data["states"]] == [
        state for state in ("high", "clear", "soft", "hard", "low") if f"\n{state} " in out
    ]
    names = [row["technique"] for row in data["techniques"]]
    assert names == ["sharing", "balloon", "compression", "swap", "in all", "untouched"]
    *parts, total, _ = [row["mean"] for row in data["techniques"]]
    assert abs(sum(parts) - total) < len(parts)


def test_advise_finds_how_many_vms_fit(capsys, scenario, ran):
    options = ["--slo", "stall < 2%", "--vary", "vm.count"]
    status, out, err = call(capsys, "advise", scenario, *options)
    assert (status, err) == (0, "")
    assert "vm.count: at most 5 for stall < 2 % (every one of 3 seeds says so)." in out
    status, out, _ = call(capsys, "advise", scenario, *options, "--json")
    assert json.loads(out)["value"] == 5


def test_advice_that_cannot_be_given_is_exit_status_1(capsys, scenario, ran):
    options = ["--slo", "stall < 2%", "--vary", "vm.count", "--from", 6, "--to", 9, "--seeds", 1]
    status, out, _ = call(capsys, "advise", scenario, *options)
    assert status == 1 and "does not hold for any vm.count from 6 to 9" in out


def test_curves_of_every_vm(capsys, scenario, ran, monkeypatch, tmp_path):
    monkeypatch.setattr(build, "run", lambda s, **_: made_up.with_stalls("plain", web=0.0))
    picture = tmp_path / "sizes.png"
    status, out, err = call(capsys, "advise", scenario, "--curve", "--seeds", 1, "-o", picture)
    assert (status, err) == (0, "")
    assert "web: " in out and picture.read_bytes().startswith(b"\x89PNG")


def test_techniques_are_listed(capsys):
    status, out, _ = call(capsys, "techniques")
    assert status == 0 and "compression" in out and "ladder" in out
    assert "swap" in json.loads(call(capsys, "techniques", "--json")[1])["techniques"]


def test_policies_are_listed_and_one_is_told_in_full(capsys):
    status, out, _ = call(capsys, "policies")
    assert status == 0 and all(name in out for name in POLICIES)
    data = json.loads(call(capsys, "policies", "--json")[1])
    assert data["esx6"]["options"]["idle_tax"] == 0.75
    status, out, _ = call(capsys, "policies", "esx6")
    assert status == 0 and "OSDI 2002" in out and "idle_tax=0.75" in out
    status, _, err = call(capsys, "policies", "esx7")
    assert status == 2 and "no policy 'esx7': did you mean 'esx" in err


def test_a_short_run_of_a_real_simulation(capsys, scenario, tmp_path):
    status, out, err = call(capsys, "run", scenario, "-o", tmp_path / "out")
    assert (status, err) == (0, "") and "The VMs, in MiB" in out
    assert not Result.load(tmp_path / "out").partial


def test_values_that_only_a_simulation_can_judge_get_their_place(capsys, tmp_path):
    mistakes = {
        'kind = "zpif"': r"lab.toml:9: vm 'web': unknown workload 'zpif'",
        'kind = "idle", rtae = 3': r"lab.toml:9: vm 'web': unknown option of idle 'rtae'",
        'kind = "zipf", memory = "1 GiB"': r"lab.toml:9: vm 'web': memory of the workload must be",
        'kind = "replay", trace = "none.csv"': "none.csv",
        'kind = "fileserver"': r"lab.toml:9: vm 'web': workload 'fileserver' works with files",
    }
    for workload, says in mistakes.items():
        path = tmp_path / "lab.toml"
        path.write_text(SCENARIO.replace('kind = "idle"', workload).replace("count = 2\n", ""))
        status, out, err = call(capsys, "run", path)
        assert (status, out) == (2, "") and says in err and err.count("\n") == 1
    path.write_text(SCENARIO + "[policy]\nidle_tacks = 0.5\n")
    status, _, err = call(capsys, "run", path)
    assert status == 2 and "[policy]: esx6 has no option 'idle_tacks'" in err
    assert "did you mean 'idle_tax'" in err
    path.write_text(SCENARIO)
    status, _, err = call(capsys, "run", path, "--policy", "esx7")
    assert status == 2 and "no policy 'esx7'" in err


COMPARE = ("--policy", "esx6", "--policy", "kvm")
MISTAKES = {
    "no file": (["run", "nowhere.toml"], "nowhere.toml: No such file or directory"),
    "no value": (["run", "FILE", "--set", "host.memory"], "write KEY=VALUE"),
    "bad value": (["run", "FILE", "--set", "host.memory=lots"], "memory 'lots' is not a size"),
    "bad key": (["run", "FILE", "--set", "vm.web.sise=4096"], "no key 'sise': did you mean 'size'"),
    "bad time": (["run", "FILE", "--max-time", "soon"], "--max-time 'soon' is not a time"),
    "one policy": (["compare", "FILE", "--policy", "esx6"], "compare needs two policies"),
    "no slo": (["advise", "FILE", "--vary", "vm.count"], "advise needs --slo 'stall < 2%'"),
    "bad slo": (
        ["advise", "FILE", "--slo", "fast", "--vary", "vm.count"],
        "'fast' is no objective",
    ),
    "bad vary": (["advise", "FILE", "--slo", "stall < 2%", "--vary", "host.seed"], "cannot be"),
    "no seeds": (["advise", "FILE", "--curve", "--seeds", "0"], "--seeds must be at least 1"),
    "bad seeds": (["compare", "FILE", *COMPARE, "--seeds", "0"], "--seeds must be at least 1"),
    "seed and seeds": (
        ["compare", "FILE", *COMPARE, "--seed", "3", "--seeds", "2"],
        "give one of them",
    ),
    "folder that is a file": (["run", "FILE", "-o", "FILE"], "that is a file; name a folder"),
    "folder in a file": (["compare", "FILE", *COMPARE, "-o", "FILE/out"], "is a file, not a f"),
    "file that is a folder": (["advise", "FILE", "--curve", "-o", "FOLDER"], "name a file"),
    "no such folder": (["advise", "FILE", "--curve", "-o", "nowhere/a.png"], "there is no folder"),
    "suffix": (["advise", "FILE", "--curve", "-o", "a.jpg"], "its name must end in .png"),
    "picture of nothing": (
        ["advise", "FILE", "--slo", "stall < 2%", "--vary", "vm.count", "-o", "a.png"],
        "-o is the picture of --curve",
    ),
    "policy of curves": (
        ["advise", "FILE", "--curve", "--policy", "kvm"],
        "alone and takes no --policy",
    ),
    "vary twice": (
        ["sweep", "FILE", "--vary", "host.memory=1GiB", "--vary", "host.memory=2GiB", "-o", "a"],
        "--vary host.memory is given twice",
    ),
    "vary nothing": (["sweep", "FILE", "--vary", "vm.count=1,,2", "-o", "a"], "KEY=VALUE,VALUE"),
    "list that writes": (["paper", "--list", "-o", "out"], "--list runs nothing"),
    "captured to nowhere": (["capture", "1", "-o", "nowhere/a.core"], "there is no folder nowhere"),
    "profile to nowhere": (["scan", "FILE", "--profile", "nowhere/a.json"], "there is no folder"),
    "no such codec": (["scan", "FILE", "--codec", "zpi"], "unknown codec 'zpi'"),
    "bad from": (
        ["advise", "FILE", "--slo", "stall < 2%", "--vary", "vm.count", "--from", "x"],
        "--from 'x' is not a number of VMs",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line_and_status_2(capsys, scenario, ran, mistake):
    arguments, says = MISTAKES[mistake]
    folder = str(Path(scenario).parent)
    arguments = [each.replace("FILE", scenario).replace("FOLDER", folder) for each in arguments]
    status, out, err = call(capsys, *arguments)
    assert (status, out, ran) == (2, "", [])
    assert os.listdir(folder) == ["lab.toml"]
    assert err.startswith("pageengine: ") and err.count("\n") == 1 and says in err


def test_without_pyarrow_output_says_what_to_install(capsys, scenario, ran, monkeypatch, tmp_path):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    status, _, err = call(capsys, "run", scenario, "-o", tmp_path / "out")
    assert status == 2 and 'pip install "pageengine[report]"' in err and not ran


def test_without_matplotlib_the_tables_are_saved(capsys, scenario, ran, monkeypatch, tmp_path):
    monkeypatch.setattr(report, "available", lambda: False)
    status, _, _ = call(capsys, "run", scenario, "-o", tmp_path / "out")
    assert status == 0 and not (tmp_path / "out" / "report.html").exists()
