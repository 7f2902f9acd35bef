"""A planner's numbers are read from files that somebody else wrote: what is misread is bought. Each
kind is read to the byte, and what cannot be is said with its place and counted.
"""

import math

import numpy as np
import pytest

from pageengine.demand import READERS, DemandError, load

KIB, MIB = 1024, 2**20
HEAD = (
    "Timestamp [ms];\tCPU cores;\tCPU capacity provisioned [MHZ];\tCPU usage [MHZ];\tCPU usage [%];"
    "\tMemory capacity provisioned [KB];\tMemory usage [KB];\tDisk read throughput [KB/s];\t"
    "Disk write throughput [KB/s];\tNetwork received throughput [KB/s];\t"
    "Network transmitted throughput [KB/s]\n"
)


def bitbrains(folder, **vms):
    """Files of (time, size, active) in KB."""
    for name, rows in vms.items():
        lines = [
            f"{t};\t4;\t1;\t1;\t1;\t{size};\t{active};\t0;\t0;\t0;\t0\n" for t, size, active in rows
        ]
        (folder / f"{name.lstrip('v')}.csv").write_text(HEAD + "".join(lines))
    return folder


def table(folder, text, name="t.csv"):
    (folder / name).write_text(text)
    return folder / name


def test_a_folder_of_bitbrains_is_read_vm_by_vm(tmp_path):
    times = [1000 + 300 * n for n in range(4)]
    bitbrains(
        tmp_path,
        v10=[(t, 4096, 100 + n) for n, t in enumerate(times)],
        v2=[(t, 8192, 50.5) for t in times[1:3]],
    )
    demand = load(tmp_path)
    assert demand.names == ("2", "10") and (demand.start, demand.step) == (1000, 300)
    assert demand.size[1].tolist() == [4096 * KIB] * 4
    assert demand.active[1].tolist() == [(100 + n) * KIB for n in range(4)]
    assert demand.active[0][1:3].tolist() == [50.5 * KIB] * 2
    assert np.isnan(demand.active[0][[0, 3]]).all(), "what was not read is missing"
    assert np.isnan(demand.used).all() and demand.found == ()


@pytest.mark.parametrize(
    ("line", "passed_over", "left"),
    [
        ("", 0, 2),  # no line
        ("1;2;x\n", 1, 2),
        ("\n", 0, 2),
        ("600;\t1;\t1;\t1;\t1;\tnan;\t7", 0, 3),  # and its end is missing
    ],
)
def test_a_line_that_is_none_costs_that_line(tmp_path, line, passed_over, left):
    bitbrains(tmp_path, v1=[(0, 8, 5), (300, 8, 5)])
    text = (tmp_path / "1.csv").read_text()
    head, first, second = text.splitlines(keepends=True)
    at_end = line.startswith("600")
    (tmp_path / "1.csv").write_text(text + line if at_end else head + first + line + second)
    demand = load(tmp_path)
    assert demand.slots == left and np.isfinite(demand.active).all()
    assert len(demand.found) == passed_over
    if passed_over:
        assert "line 3" in demand.found[0]
    table(tmp_path, HEAD + first + second.replace("8", "4"), "1.csv")
    assert "line 3" in load(tmp_path).found[0], "lines are counted from the first"


@pytest.mark.parametrize("head", ["used_mib", "used [MiB]", "Used (MiB)", "USED_MiB", "used MiB"])
def test_the_unit_of_a_column_is_in_its_name(tmp_path, head):
    path = table(tmp_path, f"time,vm,size_gib,{head}\n0,a,1,3\n60,a,1,4.5\n")
    demand = load(path)
    assert demand.used.tolist() == [[3 * MIB, 4.5 * MIB]]
    assert demand.size.tolist() == [[1024 * MIB] * 2]


def test_a_unit_is_said_where_names_have_none(tmp_path):
    path = table(tmp_path, "time;vm;used\n2026-01-01T00:00:00Z;a;3\n2026-01-01 00:05;a;4\n")
    demand = load(path, unit="KiB")
    assert demand.used.tolist() == [[3 * KIB, 4 * KIB]]
    assert (demand.start, demand.step) == (1767225600, 300)
    assert load(path).used.tolist() == [[3, 4]], "bytes, if nobody says otherwise"


def test_what_cannot_be_is_counted_with_the_place_of_the_first(tmp_path):
    path = table(
        tmp_path,
        "time,vm,size,used\n"
        "0,a,100,50\n"
        "300,a,100,150\n"  # above size
        "600,a,100,\n"  # not read
        "900,a,100,x\n"  # no number
        "600,a,100,70\n"  # back, and again
        "soon,a,100,5\n"
        "1200,,100,5\n"
        "1200,a,-1,5\n"
        "1500,a,100,160\n",
    )
    demand = load(path)
    assert demand.slots == 6 and demand.step == 300
    expected = [50, math.nan, 70, math.nan, 5, math.nan]
    np.testing.assert_array_equal(demand.used, [expected])
    assert math.isnan(demand.size[0][4])
    said = "\n".join(demand.found)
    for what, count, line in (
        ("used above size", 2, 3),
        ("used that is no number", 1, 5),
        ("clocks that run backwards", 1, 6),
        ("without a time", 1, 7),
        ("without the name of a VM", 1, 8),
        ("size that is none of memory", 1, 9),
    ):
        (told,) = [each for each in demand.found if what in each]
        assert f": {count} (" in told and f"line {line}" in told, said
    (twice,) = [each for each in demand.found if "two readings of one moment" in each]
    assert ": 1 (" in twice


def test_a_clock_that_goes_back_between_two_batches_is_seen(tmp_path, monkeypatch):
    monkeypatch.setattr("pageengine.demand.csv._ROWS", 1)
    demand = load(table(tmp_path, "time,vm,used\n300,a,2\n0,a,1\n"))
    assert demand.used.tolist() == [[1, 2]]
    assert "backwards" in demand.found[0] and "line 3" in demand.found[0]


def test_several_files_are_put_together_and_one_name_in_two_is_said(tmp_path):
    one = table(tmp_path, "time,vm,used\n0,a,1\n300,a,2\n", "one.csv")
    two = table(tmp_path, "time,vm,used\n600,a,3\n0,b,9\n", "two.csv")
    demand = load(one, two)
    assert demand.names == ("a", "b")
    np.testing.assert_array_equal(demand.used, [[1, 2, 3], [9, math.nan, math.nan]])
    assert any("several files" in each and "two.csv" in each for each in demand.found)


def test_readings_of_one_slot_have_their_mean_and_the_step_can_be_chosen(tmp_path):
    path = table(tmp_path, "time,vm,used\n" + "".join(f"{t},a,{t}\n" for t in range(0, 60, 10)))
    demand = load(path, step=30)
    assert demand.used.tolist() == [[10, 40]] and demand.time.tolist() == [0, 30]


def test_cutting_by_time_and_by_name(tmp_path):
    path = table(
        tmp_path, "time,vm,used\n" + "".join(f"{t},{v},{t}\n" for t in (0, 5, 9) for v in "ab")
    )
    demand = load(path, step=5)
    assert demand.between(5, 99).used.tolist() == [[7.0], [7.0]]
    assert demand.only(["b"]).names == ("b",)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a,b\n1,2\n", "none of the kinds"),
        ("time,vm\n1,a\n", "line 1: no column size or used or active"),
        ("time,vm,used_parsec\n1,a,1\n", "line 1: column 'used_parsec'.*no unit of memory"),
        ("time,vm,used\n", "no readings of any VM"),
        ("time,vm,used\nx,a,1\n", r"no readings of any VM \(readings without a time"),
        ("", "an empty file"),
    ],
)
def test_a_file_that_is_none_says_what_would_be_right(tmp_path, text, why):
    with pytest.raises(DemandError, match=why) as error:
        load(table(tmp_path, text))
    assert "\n" not in str(error.value)


def test_what_is_asked_for_wrongly(tmp_path):
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "none.csv")
    with pytest.raises(DemandError, match="no file in this folder"):
        load(tmp_path)
    path = table(tmp_path, "time,vm,used\n0,a,1\n")
    with pytest.raises(ValueError, match="kind must be one of bitbrains, "):
        load(path, kind="cvs")
    with pytest.raises(ValueError, match="unit does not apply to bitbrains"):
        load(bitbrains(tmp_path, v1=[(0, 1, 1)]), unit="MiB", kind="bitbrains")
    assert len({reader.kind for reader in READERS}) == len(READERS) == 6
