"""Sections [fleet] that cannot be, and fleets in which somebody can never be placed."""

import pytest

from pageengine.cli import main
from pageengine.lab import build
from pageengine.lab.estimate import of_fleet
from pageengine.lab.scenario import Scenario

VM = "[[vm]]\nname = 'a'\nsize = '12 MiB'\nworkload = { kind = 'zipf', rate = 100 }\n"


def text(fleet="hosts = 2", vm=VM, memory="16 MiB"):
    run = "[run]\nduration = '20 s'\n"
    return f"[host]\nmemory = '{memory}'\n[fleet]\n{fleet}\n{run}{vm}"


@pytest.mark.parametrize(
    ("fleet", "says"),
    [
        ("", "hosts is missing"),
        ("hosts = 0", "hosts 0 must be at least 1, and 10000 at most"),
        ("hosts = -1", "hosts -1 is not a whole number"),
        ("hosts = 1_000_000_000", "and 10000 at most"),
        ("hosts = 'two'", "hosts 'two'"),
        ("hosts = true", "hosts True"),
        ("hosts = 2\nplacement = 'best'", "did you mean 'best-fit'"),
        ("hosts = 2\nplacement = 3", "placement 3 is not known"),
        ("hosts = 2\nround = 0", "round 0 must be longer"),
        ("hosts = 2\nround = nan", "round nan is not a time"),
        ("hosts = 2\nround = 0.3", "whole number of epochs of 1 s"),
        ("hosts = 2\nfull = 0", "full 0"),
        ("hosts = 2\nunseen = 7", "unseen 7"),
        ("hosts = 2\nbandwidth = 0", "bandwidth 0"),
        ("hosts = 2\nratio = 2", "there is no key 'ratio'"),
    ],
)
def test_what_cannot_be_is_said_with_its_line(capsys, tmp_path, fleet, says):
    path = tmp_path / "f.toml"
    path.write_text(text(fleet))
    assert main(["run", str(path)]) == 2
    err = capsys.readouterr().err
    assert says in err and f"{path}:" in err and "[fleet]" in err and "Traceback" not in err


@pytest.mark.parametrize(
    ("vm", "memory"),
    [
        (VM.replace("'12 MiB'", "'64 MiB'"), "16 MiB"),
        (VM + "reservation = '10 MiB'\n", "8 MiB"),
    ],
)
def test_a_vm_that_no_host_can_take_is_named_before_the_run(capsys, tmp_path, vm, memory):
    path = tmp_path / "f.toml"
    path.write_text(text(vm=vm + VM.replace("'a'", "'fits'").replace("12", "2"), memory=memory))
    assert main(["run", str(path)]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "No host takes a, were it empty: a is of " in out and "They wait for ever." in out
    assert build.fleet(Scenario.load(path)).homeless == ("a",)


def test_a_fleet_whose_vms_all_fit_has_nobody_homeless(capsys, tmp_path):
    path = tmp_path / "f.toml"
    path.write_text(text())
    assert main(["run", str(path)]) == 0
    assert "were it empty" not in capsys.readouterr().out
    assert build.fleet(Scenario.load(path)).homeless == ()


def test_a_fleet_says_what_it_takes(capsys, tmp_path):
    path = tmp_path / "f.toml"
    path.write_text(text())
    assert main(["run", str(path), "--jobs", "1"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "of memory and about" in out and ", 1 at a time." in out


@pytest.mark.parametrize("placement", ["spread", "best-fit"])
def test_the_estimate_of_a_fleet_is_shared_among_those_that_run(placement):
    many = f"hosts = 4\nround = '10 s'\nplacement = '{placement}'"
    data = Scenario.load("few_hosts").data | {"fleet": {"hosts": 4, "placement": placement}}
    made = Scenario(data, source=many)
    assert of_fleet(made).seconds is None
    one, four = (of_fleet(made, jobs, trial=0.01).seconds for jobs in (1, 4))
    assert one > 0 and four > 0
    asked = []
    assert of_fleet(made, trial=9, stop=lambda: asked.append(1) or True).seconds is None and asked
