"""A run of hours that was cut short is gone on with, and policies are compared from one moment:
what is told must be what an uninterrupted run tells, and nothing may be taken for what it is not.
"""

import json

import pytest

from pageengine import report
from pageengine.cli import main

pytest.importorskip("pyarrow")
SCENARIO = """\
[host]
memory = "12 MiB"
[run]
duration = 20
[[vm]]
name = "a"
count = 2
size = "8 MiB"
workload = { kind = "zipf", rate = 400 }
"""
COMPARE = ["--policy", "esx6", "--policy", "kvm"]


@pytest.fixture
def lab(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(report, "available", lambda: False)  # pictures take longer than the rest
    (tmp_path / "lab.toml").write_text(SCENARIO)
    return tmp_path


def told(capsys, *words):
    assert main([*words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_run_that_is_resumed_tells_what_an_uninterrupted_one_does(lab, capsys):
    plain = told(capsys, "run", "lab.toml", "-o", "plain")
    kept = told(capsys, "run", "lab.toml", "-o", "out", "--checkpoint", "8s")
    assert (lab / "out" / "checkpoint.pe").stat().st_size > 1000
    resumed = told(capsys, "run", "lab.toml", "-o", "out", "--resume")
    assert plain["digest"] == kept["digest"] == resumed["digest"]
    assert main(["run", "lab.toml", "-o", "out", "--resume"]) == 0
    assert "Goes on at 16 s" in capsys.readouterr().out


FLEET = """\
[host]
memory = "12 MiB"
[run]
duration = 40
epoch = 5
[fleet]
hosts = 2
round = 10
placement = "first-fit"
[[vm]]
name = "a"
count = 5
size = "6 MiB"
workload = { kind = "zipf", rate = 400 }
"""


def test_so_does_a_fleet_that_is_resumed(lab, capsys):
    (lab / "few.toml").write_text(FLEET)
    plain = told(capsys, "run", "few.toml", "-o", "plain")
    kept = told(capsys, "run", "few.toml", "-o", "out", "--checkpoint", "15s")
    resumed = told(capsys, "run", "few.toml", "-o", "out", "--resume", "--jobs", "2")
    assert plain["digest"] == kept["digest"] == resumed["digest"]
    assert main(["run", "few.toml", "-o", "out", "--resume"]) == 0
    assert "Goes on at 30 s" in capsys.readouterr().out
    assert main(["run", "few.toml", "-o", "out", "--resume", "--policy", "kvm"]) == 2
    assert "policy was 'ESX', not 'KVM'" in capsys.readouterr().err


def test_without_a_checkpoint_it_begins_at_the_start(lab, capsys):
    assert main(["run", "lab.toml", "-o", "out", "--checkpoint", "8s", "--resume"]) == 0
    assert "it begins at the start" in capsys.readouterr().out


def test_policies_are_compared_from_one_moment(lab, capsys):
    told(capsys, "run", "lab.toml", "-o", "out", "--checkpoint", "8s")
    words = ["compare", "lab.toml", *COMPARE, "--from", "out/checkpoint.pe"]
    one = told(capsys, *words, "--jobs", "1")
    assert one == told(capsys, *words, "--jobs", "2")
    assert one != told(capsys, "compare", "lab.toml", *COMPARE, "--jobs", "1")
    assert main([*words, "--jobs", "1"]) == 0
    assert "--seeds" not in capsys.readouterr().out, "which it refuses here"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["run", "--checkpoint", "8s"], "-o DIR"),
        (["run", "-o", "out", "--checkpoint", "soon"], "--checkpoint 'soon'"),
        (["run", "-o", "out", "--resume", "--seed", "9"], "another scenario"),
        (["run", "-o", "out", "--resume", "--policy", "kvm"], "of policy"),
        (["run", "-o", "out", "--resume", "--set", "host.memory=16MiB"], "memory 12 MiB, not 16"),
        (["run", "-o", "out", "--resume", "--set", "run.duration=9"], "ends at 9 s"),
        (["compare", *COMPARE, "--from", "nowhere.pe"], "nowhere.pe"),
        (["compare", *COMPARE, "--from", "lab.toml", "--jobs", "2"], "lab.toml"),
        (["compare", *COMPARE, "--from", "out/checkpoint.pe", "--seeds", "2"], "--from"),
        (["compare", *COMPARE, "--from", "out/checkpoint.pe", "--seed", "2"], "--from"),
    ],
)
def test_what_cannot_be_gone_on_with_is_said(lab, capsys, words, says):
    told(capsys, "run", "lab.toml", "-o", "out", "--checkpoint", "8s")
    assert main([words[0], "lab.toml", *words[1:]]) == 2
    err = capsys.readouterr().err
    assert says in err and "Traceback" not in err and err.count("\n") == 1
