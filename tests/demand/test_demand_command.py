"""What a planner sees of a folder: sums that were worked out by hand, what is missing, what was
passed over, and a picture.
"""

import json
import re
from pathlib import Path

import numpy as np
import pytest

import pageengine as pe
from pageengine.cli import main
from pageengine.demand import summarise
from pageengine.demand.summary import total

MIB = 2**20


@pytest.fixture
def path(tmp_path):
    rows = [
        (0, "a", 10, 4, 1),
        (0, "b", 20, 8, 6),
        (60, "a", 10, 6, 5),
        (60, "b", 20, "", 2),
        (120, "a", 10, 99, 3),
        (120, "b", 20, 8, 3),
    ]
    text = "\n".join(",".join(map(str, row)) for row in rows)
    (tmp_path / "t.csv").write_text(f"time,vm,size_mib,used_mib,active_mib\n{text}\n")
    return tmp_path / "t.csv"


def test_the_sums_are_those_of_all_at_one_moment_and_of_each_alone(path):
    found = summarise(pe.demand.load(path))
    assert (found.vms, found.slots, found.step, found.span) == (2, 3, 60, 180)
    assert found.size.mean == found.size.peak == found.size.maxima == 30 * MIB
    assert (found.active.peak, found.active.peak_time) == (7 * MIB, 0)
    assert found.active.maxima == 11 * MIB and found.active.mean == 20 / 3 * MIB
    assert found.active.p95 == pytest.approx(np.percentile([7, 7, 6], 95) * MIB)
    assert summarise(pe.demand.load(path).only(["a"])).active.peak_time == 60
    assert found.used.missing == pytest.approx(2 / 6) and found.missing == 0
    assert len(found.found) == 1 and "used above size" in found.found[0]


def test_a_hole_is_no_fall_of_demand():
    gone = np.nan
    column = np.array([[1, gone, 1, gone, gone], [1, gone, 1, 1, 1], [gone, 1, 1, 1, 1.0]])
    # of the second slot a and b are there and were not read; in the last a has ended
    assert str(total(column).tolist()) == "[2.0, nan, 3.0, 2.0, 2.0]"
    five = np.ones((5, 3))
    five[0, 1] = gone
    assert total(five).tolist() == [5, 4, 5], "four of five will do"


def test_the_command_says_it_in_tables_and_json(path, capsys):
    assert main(["demand", str(path)]) == 0
    shown = capsys.readouterr().out
    for text in (
        "2 VMs, 3 minutes",
        "30 MiB",
        "11 MiB",
        "no reading is",
        "used above size",
        "line 6",
    ):
        assert text in shown, shown
    assert main(["demand", str(path), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["names"] == ["a", "b"] and told["active"]["maxima"] == 11 * MIB


def test_what_was_never_read_is_said(tmp_path, capsys):
    (tmp_path / "t.csv").write_text("time,vm,used\n0,a,5\n")
    assert main(["demand", str(tmp_path / "t.csv"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["size"] is None and told["used"]["peak"] == 5
    main(["demand", str(tmp_path / "t.csv")])
    assert "Not in the data: provisioned, active" in capsys.readouterr().out


def test_a_picture_is_written_and_a_place_that_is_none_is_said_before(path, tmp_path, capsys):
    pytest.importorskip("matplotlib")
    assert main(["demand", str(path), "-o", str(tmp_path / "d.png")]) == 0
    assert (tmp_path / "d.png").read_bytes().startswith(b"\x89PNG")
    assert main(["demand", "missing.csv", "-o", str(tmp_path / "d.txt")]) == 2
    assert ".png" in capsys.readouterr().err


def test_a_mistake_is_one_line(tmp_path, capsys):
    (tmp_path / "t.csv").write_text("what is this?\n")
    assert main(["demand", str(tmp_path / "t.csv")]) == 2
    err = capsys.readouterr().err
    assert "none of the kinds that are read" in err and err.count("\n") == 1


def test_the_program_of_the_page_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    page = (Path(__file__).parents[2] / "docs" / "demand.md").read_text()
    exec(re.search(r"```python\n(.*?)```", page, re.DOTALL)[1], {})
    assert capsys.readouterr().out == "('web',) 300.0\n[1. 2.]\n2.0\n()\n"


def test_progress_is_told_file_by_file(tmp_path):
    for name in "abc":
        (tmp_path / f"{name}.csv").write_text("Timestamp [ms];\n1;1;1;1;1;1;1;1;1;1;1\n")
    told = []
    pe.demand.load(tmp_path, progress=lambda *each: told.append(each))
    assert [done for _, done, _ in told] == [0, 0, 1, 2, 3] and {t for *_, t in told} == {3}
