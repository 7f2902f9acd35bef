"""Programs read what commands print with --json: a key that changes its name or its kind breaks
them. Every command is run and held to its schema, the schemas to what a schema is, and the page
that shows them to the schemas.
"""

import json
import os
import sys

import experiments
import json_page
import made_up
import numpy as np
import pytest

from pageengine import papers, schemas
from pageengine.cli import COMMANDS, main
from pageengine.cli.console import plain
from pageengine.live.state import Saved, StateFile

jsonschema = pytest.importorskip("jsonschema")
NAMES = sorted(COMMANDS)
SCENARIO = """\
[host]
memory = "24 MiB"
[policy]
idle_tax = 0.5
[run]
duration = "6 s"
[[vm]]
name = "a"
count = 2
size = "16 MiB"
workload = { kind = "zipf" }
"""
LAB = "lab.toml"
COMPARE = ["--policy", "esx6", "--policy", "kvm"]
CALLS = {
    "scan": ["scan", "a.raw", "b.raw"],
    "scan, groups and patches": ["scan", "b.raw", "--group", "x=a.raw", "--subpage"],
    "overcommit": ["overcommit", "a.raw", "b.raw", "--memory", "50%"],
    "capture": ["capture", str(os.getpid()), "-o", "c.core", "--running"],
    "demo": ["demo", "--size", "4"],
    "demand": ["demand", "vms.csv"],
    "run": ["run", LAB],
    "run, a fleet": ["run", "fleet.toml", "--jobs", "1"],
    "run, refused, option left out": ["run", LAB, "--policy", "no-overcommit"],
    "compare": ["compare", LAB, *COMPARE],
    "compare, seeds": ["compare", LAB, *COMPARE, "--seeds", "2"],
    "compare, stopped": ["compare", LAB, *COMPARE, "--max-time", "1 ms"],
    "advise": ["advise", LAB, "--slo", "stall < 50%", "--vary", "vm.count", "--to", "3"],
    "advise, nowhere": [
        "advise",
        LAB,
        "--slo",
        "stall < 0",
        "--vary",
        "host.memory",
        "--seeds",
        "1",
        "--from",
        "20MiB",
    ],
    "advise, demand": ["advise", "--demand", "sized.csv", "--host", "16 MiB", "--data-only"],
    "advise, curve": ["advise", LAB, "--curve", "--seeds", "1"],
    "sweep": ["sweep", LAB, "--vary", "vm.count=1,2", "--seeds", "1", "-o", "o.pq", "--jobs", "1"],
    "paper": ["paper", "minfree", "metadata", "--jobs", "1"],
    "paper, list": ["paper", "--list"],
    "policies": ["policies"],
    "policies, one": ["policies", "kvm"],
    "examples": ["examples"],
    "examples, one": ["examples", "states"],
    "examples, copied": ["examples", "states", "-o", "copied"],
    "docs": ["docs"],
    "docs, one": ["docs", "policies"],
    "techniques": ["techniques"],
    "codecs": ["codecs"],
    "about": ["about"],
    "top": ["top", "--process", f"me={os.getpid()}"],
    "top, simulated": ["top", "saved", "--at", "4 s"],
    "govern": ["govern", "govern.toml", "--once"],
    "release": ["release", "state.json"],
    "replay": ["replay", "audit.jsonl"],
    "replay, another": ["replay", "audit.jsonl", "--policy", "proxmox"],
    "replay, every one": ["replay", "audit.jsonl", "--policy", "all"],
    "doctor": ["doctor", "--process", f"me={os.getpid()}"],
    "record": [
        "record",
        "--process",
        str(os.getpid()),
        "--every",
        "100 ms",
        "--for",
        "200 ms",
        "-o",
        "rec",
    ],
}
LIVE = {"top", "doctor", "record", "govern", "replay"}
GOVERNED = f"""\
[host]
memory = "1 GiB"
policy = "kvm"
audit = "audit.jsonl"
[[guest]]
name = "me"
kind = "process"
at = "{os.getpid()}"
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pages = np.random.default_rng(0).integers(0, 9, (256, 4096)).astype(np.uint8)
    (tmp_path / "a.raw").write_bytes(pages.tobytes())
    (tmp_path / "b.raw").write_bytes(pages[:128].tobytes() + bytes(128 * 4096))
    (tmp_path / LAB).write_text(SCENARIO)
    (tmp_path / "fleet.toml").write_text(SCENARIO + "[fleet]\nhosts = 2\nround = 3\n")
    (tmp_path / "vms.csv").write_text("time,vm,used,active\n0,a,5,9\n60,a,5,2\n")
    rows = [f"{60 * i},vm{i % 2},16,{3 + i % 5}" for i in range(24)]
    rows += [f"{60 * i},vm{1 - i % 2},16,{2 + i % 3}" for i in range(24)]
    (tmp_path / "sized.csv").write_text("\n".join(["time,vm,size_mib,active_mib", *rows, ""]))
    (tmp_path / "govern.toml").write_text(GOVERNED)


def test_every_command_has_a_schema_and_a_call_here():
    assert schemas.commands() == NAMES
    assert sorted({arguments[0] for arguments in CALLS.values()}) == NAMES
    with pytest.raises(ValueError, match="no command 'rum': there are about"):
        schemas.schema("rum")


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_is_one_and_leaves_nothing_open(name):
    schema = schemas.schema(name)
    jsonschema.Draft202012Validator.check_schema(schema)

    def look(each, where):
        if isinstance(each, dict):
            if "properties" in each:
                assert "additionalProperties" in each or where == "run.events", where
            for key, inner in each.items():
                look(inner, where if key in ("properties", "items") else f"{where}.{key}")

    look(schema, name)


@pytest.mark.parametrize("call", CALLS)
def test_what_a_command_prints_is_what_its_schema_says(capsys, call, monkeypatch):
    monkeypatch.setattr(papers, "run", experiments.run)
    arguments = CALLS[call]
    if arguments[0] in {"capture", *LIVE} and not sys.platform.startswith("linux"):
        pytest.skip("needs /proc")
    if arguments[0] in {"sweep", *LIVE}:
        pytest.importorskip("pyarrow")
    if "saved" in arguments:
        made_up.result(60).save("saved")
    if arguments[0] == "replay":
        main(["govern", "govern.toml", "--once", "--json"])
        capsys.readouterr()
    if arguments[0] == "release":
        StateFile("state.json").write(Saved(boot="01234567-89ab-cdef-0123-456789abcdef"))
    main([*arguments, "--json"])
    out, err = capsys.readouterr()
    assert out, err
    found = json.loads(out, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    validator = jsonschema.Draft202012Validator(schemas.schema(arguments[0]))
    wrong = [f"{list(e.absolute_path)}: {e.message}" for e in validator.iter_errors(found)]
    assert not wrong


def test_a_schema_refuses_what_is_not_its_own(capsys):
    main(["techniques", "--json"])
    found = json.loads(capsys.readouterr().out)
    validator = jsonschema.Draft202012Validator(schemas.schema("techniques"))
    assert validator.is_valid(found)
    assert not validator.is_valid({**found, "more": 1}) and not validator.is_valid({})


def test_numbers_of_numpy_are_numbers_and_what_is_not_finite_is_null():
    given = {1: np.int64(3), "b": np.bool_(True), "c": [np.float32(0.5), float("inf")], "d": {2, 1}}
    assert json.dumps(plain(given)) == '{"1": 3, "b": true, "c": [0.5, null], "d": [1, 2]}'


def test_the_page_shows_the_schemas():
    assert json_page.PAGE.read_text() == json_page.page(), "run python tests/json_page.py"
