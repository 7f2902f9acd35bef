"""Monitoring data as strangers have it: with columns too few, in other units, from other clocks,
of VMs that are off, or cut short. Each is said with file and place, and what would be right.
"""

import numpy as np
import pytest

from pageengine import demand
from pageengine.cli import main
from pageengine.demand import DemandError

HEAD = "time,vm,size_mib,active_mib\n"
SLOTS = range(24)


def rows(line):
    return "".join(line.format(t=300 * t) + "\n" for t in SLOTS)


GOOD = HEAD + rows("{t},a,16,4") + rows("{t},b,16,4")

REFUSED = {
    "": "t.csv: an empty file",
    " \n \n": "t.csv: nothing but blanks",
    "time,size,active\n0,1,2\n": "line 1: no column vm; there are 'time', 'size', 'active'; a",
    "vm,size,active\na,1,2\n": "line 1: no column time",
    "time,vm\n0,a\n": "line 1: no column size or used or active",
    "time,vm,size_parsec\n0,a,1\n": "column 'size_parsec': 'parsec' is no unit of memory",
    HEAD: r"t.csv: no readings of any VM \(there is nothing but a head\)",
    HEAD + "1700000000000,a,16,4\n": "times in milliseconds, it seems, and not in seconds.*line 2",
    HEAD + "1.7e15,a,16,4\n": "times in microseconds, it seems",
    HEAD + "inf,a,16,4\nyesterday,a,16,4\n": r"without a time in seconds.*: 2 \(first at .*line 2",
    HEAD + "".join(f"{1e-9 * t},a,16,4\n" for t in SLOTS): "are 1e-09 s apart in the median",
    HEAD + "0,a,16,4\n1,a,16,4\n99000000000,a,16,4\n0,b,1,1\n1,b,1,1\n": "from another time",
}


@pytest.mark.parametrize("text", REFUSED)
def test_a_table_that_is_none_says_what_would_be_right(tmp_path, text):
    path = tmp_path / "t.csv"
    path.write_text(text)
    with pytest.raises(DemandError, match=REFUSED[text]) as said:
        demand.load(path)
    assert str(path) in str(said.value) and "\n" not in str(said.value)


FOUND = {
    rows("{t},a,0,0"): "size 0, of a VM that is off, it seems: taken as not read: 24",
    rows("{t},a,inf,4"): "size that is none of memory: taken as not read: 24",
    rows("{t},a,-1,4"): "size that is none of memory: taken as not read: 24",
    rows("{t},a,16 GiB,4"): "size that is no number: taken as not read: 24 .*line 2: '16 GiB'",
    rows("{t},a,4,16"): "active above size: taken as not read: 24",
    rows("{t},a,16,4") * 2: r"two readings of one moment: the last holds: 24 .*line 26 \(a\)",
    "600,a,16,4\n300,a,16,4\n0,a,16,4\n": "clocks that run backwards: readings put in order: 2",
}


@pytest.mark.parametrize("text", FOUND)
def test_what_is_passed_over_is_counted_with_its_place(tmp_path, text):
    path = tmp_path / "t.csv"
    path.write_text(HEAD + text)
    said = " ".join(demand.load(path).found)
    assert str(path) in said
    import re

    assert re.search(FOUND[text], said), said


def test_a_column_beside_one_that_is_the_same_is_said(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("time,vm,used_mib,used_gib\n0,a,16,99\n")
    found = demand.load(path)
    assert found.used[0, 0] == 16 << 20
    assert "columns beside one that is used already: passed over: 1" in found.found[0]
    assert "'used_gib'" in found.found[0]


def test_a_folder_of_any_kind_is_read_file_by_file(tmp_path):
    for name in ("one", "two"):
        (tmp_path / f"{name}.csv").write_text(HEAD + rows("{t}," + name + ",16,4"))
    (tmp_path / ".hidden.csv").write_text("nothing")
    (tmp_path / "readme.txt").write_text("nothing")
    assert demand.load(tmp_path).names == ("one", "two")
    (tmp_path / "zz.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DemandError, match=r"zz\.csv: none of the kinds"):
        demand.load(tmp_path)


def test_parquet_that_was_cut_or_harmed_is_named(tmp_path):
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    path = tmp_path / "t.parquet"
    columns = {"time": [0, 300], "vm": ["a", "a"], "size": [16, 16], "active": [4, 4]}
    pq.write_table(pa.table(columns), path)
    data = path.read_bytes()
    draw = np.random.default_rng(1)
    for _ in range(60):
        harmed = bytearray(data[: draw.integers(4, len(data))] if draw.random() < 0.5 else data)
        harmed[draw.integers(len(harmed))] ^= 1 << int(draw.integers(8))
        path.write_bytes(harmed)
        try:
            demand.load(path)
        except DemandError as error:
            assert str(path) in str(error), error
    twice = pa.Table.from_arrays([pa.array([0])] * 4, names=["time", "vm", "size", "size"])
    pq.write_table(twice, path)
    with pytest.raises(DemandError, match="2 columns are called 'size'"):
        demand.load(path)


def advise(capsys, path, *options):
    status = main(["advise", "--demand", str(path), "--host", "64 MiB", "--data-only", *options])
    out, err = capsys.readouterr()
    return status, " ".join(out.split()), err


NOBODY = {
    rows("{t},a,,4"): "no size was ever read",
    rows("{t},a,16,"): "(used) in half of the 24 slots of 300 s: used was never read; in the data:",
    rows("{t},a,16,0"): "active is 0 at every reading of every VM",
    "0,a,16,4\n" + rows("{t},b,16,"): "the one that was read most, 'a', was 1 times",
    "0,a,16,4\n": "all readings are in one slot of 300 s",
}


@pytest.mark.parametrize("text", NOBODY)
def test_why_nobody_can_be_placed_is_said(capsys, tmp_path, text):
    path = tmp_path / "t.csv"
    path.write_text(HEAD + text)
    status, _, err = advise(capsys, path)
    assert status == 2 and NOBODY[text] in err and "Traceback" not in err


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--overhead", "0.05"], "--overhead '0.05' is no part of a host, and no size"),
        (["--overhead", "200%"], "--overhead '200%'"),
        (["--overhead", "100%"], "leaves nothing of a host"),
        (["--split", "100%"], "the first part (split)"),
        (["--split", "99.99%"], "leaves nothing to advise on, or nothing to check"),
        (["--fits", "200%"], "up to 100%"),
        (["--draws", "0"], "draws must be a whole number from 1"),
        (["--unit", "parsec"], "'parsec' is no unit of memory"),
        (["--step", "nan"], "step must be a number"),
        (["--policy", ""], "no policy ''"),
    ],
)
def test_options_out_of_range_are_named(capsys, tmp_path, options, says):
    path = tmp_path / "t.csv"
    path.write_text(GOOD)
    status, _, err = advise(capsys, path, *options)
    assert status == 2 and says in err and "Traceback" not in err


def test_no_overhead_is_a_part_too(capsys, tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(GOOD)
    assert advise(capsys, path, "--overhead", "0%")[0] == 0


def test_more_hosts_than_memory_holds_are_refused():
    from pageengine.analysis import packing, placing

    need = np.ones((40, 300_000))
    of = placing.Loads(tuple(map(str, range(40))), need[:, 0], need, None, "active", 0.0, 1.0)
    with pytest.raises(ValueError, match="draws must be a whole number from 1 to 447"):
        packing.pack(of, 100, draws=1_000_000)


def test_vms_that_change_their_size_or_need_nothing_are_told(capsys, tmp_path):
    path = tmp_path / "t.csv"
    grows = "".join(f"{300 * t},grows,{8 if t < 9 else 16},2\n" for t in SLOTS)
    path.write_text(GOOD + grows + rows("{t},off,16,0"))
    _, text, _ = advise(capsys, path)
    assert "1 changed their size, and count with the last one." in text
    assert "1 needed nothing at any reading" in text
