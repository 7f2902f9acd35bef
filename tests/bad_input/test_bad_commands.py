"""A command that was given something wrong says so in one line that names it, with exit status 2,
prints nothing else and leaves no file. All of them run in this process.
"""

import re

import pytest

from pageengine.cli import main

PAGE = 4096
SCENARIO = """\
[host]
memory = "8 MiB"
[run]
duration = 2
[[vm]]
name = "web"
size = "4 MiB"
workload = { kind = "idle" }
"""
ROWS = [
    ("", "COMMAND"),
    ("fly", "fly"),
    ("scan", "at least one image"),
    ("scan none.raw", "none.raw"),
    ("scan .", "folder|directory|\\."),
    ("scan one.raw --colour", "--colour"),
    ("scan one.raw --kind rwa", "rwa"),
    ("scan empty.raw", "empty.raw"),
    ("scan odd.raw", "odd.raw"),
    ("scan cut.elf", "cut.elf"),
    ("scan cut.lime", "cut.lime"),
    ("scan cut.gz", "cut.gz"),
    ("scan /proc/0", "0"),
    ("scan /proc/99999999999999999999", "99999999999999999999"),
    ("capture x -o out.core", "x"),
    ("capture -1 -o out.core", "-1"),
    ("capture 0 -o out.core", "pid.*0"),
    ("capture 99999999999999999999 -o out.core", "pid.*99999999999999999999"),
    ("capture 1", "-o"),
    ("overcommit", "--memory"),
    ("overcommit none.raw --memory 50%", "none.raw"),
    ("overcommit one.raw --memory lots", "lots"),
    ("overcommit one.raw --memory -1", "-1"),
    ("overcommit one.raw --memory 0", "0"),
    ("overcommit one.raw --memory 101%%", "101%%"),
    ("overcommit one.raw --memory nan%", "nan%"),
    ("overcommit one.raw --memory 1152921504606846976", "1152921504606846976"),
    ("overcommit one.raw --memory 50% --codec zip99", "zip99"),
    ("run", "SCENARIO"),
    ("run none.toml", "none.toml"),
    ("run none", "none"),
    ("run .", "\\."),
    ("run one.raw", "one.raw"),
    ("run cut.toml", "cut.toml"),
    ("run lab.toml --policy esx7", "esx7.*esx6"),
    ("run lab.toml --policy esx6:idle_tax=high", "idle_tax must be a number, got 'high'"),
    ("run lab.toml --policy esx6:idle_tax=2", "idle_tax.*2"),
    ("run lab.toml --policy esx6:balloon_stops=1", "balloon_stops must be True or False, got 1"),
    ("run lab.toml --policy esx6:nothing=1", "nothing"),
    ("run lab.toml --policy none.py:Policy", "none.py"),
    ("run lab.toml --seed x", "x"),
    ("run lab.toml --seed -1", "seed.*-1"),
    ("run lab.toml --seed 1e3", "1e3"),
    ("run lab.toml --seed 99999999999999999999", "seed.*99999999999999999999"),
    ("run lab.toml --max-time soon", "soon"),
    ("run lab.toml --max-time -5", "-5"),
    ("run lab.toml --max-time 0", "0"),
    ("run lab.toml --set x", "x"),
    ("run lab.toml --set =5", "=5"),
    ("run lab.toml --set host.memry=5", "memry.*memory"),
    ("run lab.toml --set host.memory=5", "memory 5 is not whole pages"),
    ("run lab.toml --set host.memory=1e300", "memory 1e"),
    ("run lab.toml --set vm.count=1000000000", "vm.count must be a whole number from 1 to 100000"),
    ("run lab.toml --set vm.count=-1", "vm.count"),
    ("run lab.toml --set run.epoch=1e-300", "epoch"),
    ("run lab.toml --set run.duration=1e300", "duration"),
    ("run lab.toml --set vm.web.shares=99999999999999999999", "shares"),
    ("run lab.toml --set vm.web.workload.rate=fast", "rate must be a number, got 'fast'"),
    ("run lab.toml --set vm.web.workload.rate=inf", "rate"),
    ("run lab.toml --set vm.mail.size=4096", "mail"),
    ("run lab.toml -o one.raw", "one.raw"),
    ("compare lab.toml --policy esx7 --policy kvm", "esx7"),
    ("compare lab.toml --policy esx6 --policy kvm --seeds 0", "--seeds.*0"),
    ("compare lab.toml --policy esx6 --policy kvm --seeds 99999999999", "--seeds.*99999999999"),
    ("compare lab.toml --seeds x", "x"),
    ("advise lab.toml", "--"),
    ("advise lab.toml --slo faster --vary vm.count", "faster"),
    ("advise lab.toml --slo stall<nan --vary vm.count", "nan"),
    ("advise lab.toml --slo stall<2% --vary vm.speed", "speed"),
    ("advise lab.toml --slo stall<2% --vary vm.count --seeds 0", "--seeds.*0"),
    ("sweep lab.toml --seeds 99999999999 -o t.parquet", "--seeds.*99999999999"),
    ("sweep lab.toml --vary host.memory -o t.parquet", "host.memory"),
    ("sweep lab.toml --vary host.memory=x -o t.parquet", "x"),
    ("sweep lab.toml --vary policy=esx7 -o t.parquet", "esx7"),
    ("sweep lab.toml --vary vm.count=0 -o t.parquet", "vm.count.*0"),
    ("sweep lab.toml --vary vm.count=1 --jobs 0 -o t.parquet", "--jobs.*0"),
    ("paper nothing", "nothing"),
    ("policies nothing", "nothing"),
    ("examples nothing", "nothing"),
    ("docs nothing", "nothing"),
]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "one.raw").write_bytes(b"\1" * PAGE)
    (tmp_path / "empty.raw").write_bytes(b"")
    (tmp_path / "odd.raw").write_bytes(b"\1" * 100)
    (tmp_path / "cut.elf").write_bytes(b"\x7fELF\2\1\1" + bytes(20))
    (tmp_path / "cut.lime").write_bytes(b"EMiL\1\0\0\0" + b"\xff" * 8)
    (tmp_path / "cut.gz").write_bytes(b"\x1f\x8b\x08\0\0\0\0\0\0\3abc")
    (tmp_path / "cut.toml").write_text(SCENARIO[:-30])
    (tmp_path / "lab.toml").write_text(SCENARIO)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(("command", "says"), ROWS, ids=[row[0] for row in ROWS])
def test_a_wrong_command_is_named_in_one_line(folder, capsys, command, says):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    status = main(command.split())
    out, err = capsys.readouterr()
    assert status == 2, (status, out, err)
    assert out == "" and err.count("\n") == 1 and err.startswith("pageengine"), (out, err)
    assert re.search(says, err) and len(err) < 1000, err
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
