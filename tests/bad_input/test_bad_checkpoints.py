"""Checkpoints that are not what they should be: cut, harmed, of another scenario, of another kind,
with something after their end. ``run --resume`` and ``compare --from`` say so, and run nothing.
"""

import random

import pytest

from pageengine.cli import main

SCENARIO = """[host]
memory = '16 MiB'
policy = 'esx6'
[run]
duration = '6 s'
[[vm]]
name = 'a'
size = '12 MiB'
workload = { kind = 'zipf', rate = 500 }
[[vm]]
name = 'b'
size = '8 MiB'
workload = { kind = 'zipf', rate = 500 }
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """(scenario, bytes of a checkpoint of it)."""
    pytest.importorskip("pyarrow")
    folder = tmp_path_factory.mktemp("made")
    (folder / "a.toml").write_text(SCENARIO)
    assert main(["run", str(folder / "a.toml"), "-o", str(folder / "o"), "--checkpoint", "3s"]) == 0
    return folder / "a.toml", (folder / "o" / "checkpoint.pe").read_bytes()


def resumed(capsys, tmp_path, scenario, data, *options):
    """(status, what was said) of run --resume and of compare --from."""
    file = tmp_path / "checkpoint.pe"
    found = []
    for command in (
        ["run", str(scenario), "-o", str(tmp_path), "--resume", *options],
        ["compare", str(scenario), "--from", str(file), "--policy", "esx6", "--policy", "kvm"],
    ):
        file.write_bytes(data)
        capsys.readouterr()
        status = main(command if command[0] == "run" else [*command, *options])
        found.append((status, capsys.readouterr().err))
    return found


def refused(found, says, *files):
    for status, err in found:
        assert status == 2 and says in err and "Traceback" not in err, (status, err)
        assert all(file in err for file in ("checkpoint.pe", *files))


def test_what_is_cut_or_harmed_is_refused(capsys, tmp_path, made):
    scenario, data = made
    draw = random.Random(3)
    for _ in range(4):
        refused(resumed(capsys, tmp_path, scenario, data[: draw.randrange(40, len(data))]), "cut")
        harmed = bytearray(data)
        harmed[draw.randrange(64, len(data))] ^= 1 << draw.randrange(8)
        refused(resumed(capsys, tmp_path, scenario, bytes(harmed)), "it is ")


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04" + bytes(100), b"[host]\nmemory = 5\n" * 9])
def test_another_kind_of_file_is_refused(capsys, tmp_path, made, data):
    refused(resumed(capsys, tmp_path, made[0], data), "no saved state of this package")


def test_what_stands_after_the_end_is_refused(capsys, tmp_path, made):
    scenario, data = made
    for more in (b"\0", data):
        found = resumed(capsys, tmp_path, scenario, data + more)
        refused(found, f"there are {len(more)} bytes after its end")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("'12 MiB'", "'10 MiB'"), "a VM 'a' whose size is "),
        (("rate = 500 }\n[[vm]]", "rate = 5 }\n[[vm]]"), "a VM 'a' whose workload is {'kind'"),
        (("name = 'b'", "name = 'c'"), "other VMs: b, c"),
        (("[run]", "costs = 'hdd'\n[run]"), "other costs (nvme, not hdd)"),
        (("'16 MiB'", "'20 MiB'"), "memory 16"),
        (("'6 s'", "'2 s'"), "ends at 2 s"),
    ],
)
def test_a_checkpoint_of_another_scenario_is_refused(capsys, tmp_path, made, change, says):
    """Two files that were swapped have the same VMs, it may be, which do something else."""
    other = tmp_path / "other.toml"
    other.write_text(SCENARIO.replace(*change))
    assert other.read_text() != SCENARIO
    refused(resumed(capsys, tmp_path, other, made[1]), says)


def test_the_right_one_goes_on(capsys, tmp_path, made):
    for status, err in resumed(capsys, tmp_path, *made):
        assert status == 0 and not err
