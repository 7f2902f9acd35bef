"""A bad line deep in a trace of gigabytes must be found by who reads the message. Each format's
own rules, and the place that its errors name.
"""

import numpy as np
import pytest

from pageengine import Guest, traces
from pageengine.errors import TraceError, TraceWarning


def read(path, **options):
    return list(traces.open(path, **options))


def write(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text)
    return path


def test_an_access_across_pages_is_two(tmp_path):
    path = write(tmp_path, "t.log", " S 1ffe,8\nI  3000,3\n M 0,1\n")
    (batch,) = read(path)
    assert batch.page.tolist() == [1, 2, 3, 0]
    assert batch.write.tolist() == [True, True, False, True]
    (batch,) = read(path, instructions=False)
    assert batch.page.tolist() == [1, 2, 0]


def test_what_the_traced_program_prints_is_counted_and_said(tmp_path):
    path = write(tmp_path, "t.log", "Hello, 12\n==3== Counted\n L 4000,8\nI am done,8\n")
    trace = traces.open(path)
    with pytest.warns(TraceWarning, match=r"t\.log: 2 lines .*not read, the first is line 1"):
        assert [b.page.tolist() for b in trace] == [[4]]
    assert len(trace.notes) == 1 and "'Hello, 12'" in trace.notes[0]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("x,1,0", "line 3: page is 'x', and should be a whole number"),
        ("1_0,1,0", "line 3: page is '1_0', and should be a whole number"),
        ("4.0,1,0", "line 3: page is '4.0', and should be a whole number"),
        ("ff,1,0", "line 3: page is 'ff'.*say base=16"),
        ("web,1,0", "line 3: page is 'web'.*name the column 'key'"),
        ("0xf,1,0", r"line 3: page is '0xf', and should be of base 10 .*\('1', .*line 2\)"),
        ("4,w,0", r"line 3: write is 'w', and should be 0 or 1 as the first .*\('0', .*line 2\)"),
        ("4,1,1_0", "line 3: time is '1_0', and should be seconds"),
        ('4,1,"0', "line 3: the CSV is damaged"),
        ("4,2,0", "line 3: write is 2, and should be 0 or 1"),
        ("4,1,soon", "line 3: time is 'soon', and should be seconds"),
        ("4,1,nan", "line 3: time is nan, and should be seconds, 0 or more"),
        ("4,1", "line 3: 2 values, and there are 3 columns"),
        (f"{2**64},1,0", "line 3: page should be a number of 64 bits"),
        (f"{'9' * 5000},1,0", "line 3: page should be a number of 64 bits"),
    ],
)
def test_a_bad_line_of_csv_is_named(tmp_path, row, message):
    path = write(tmp_path, "t.csv", f"page,write,time\n1,0,0.5\n{row}\n")
    with pytest.raises(TraceError, match=message):
        read(path)


def test_csv_takes_addresses_words_and_other_columns(tmp_path):
    text = "Address,who,write,vm,run\n0x2fff,me,W,1,3\n0x1000,you,r,0,1\n\n"
    trace = traces.open(write(tmp_path, "t.csv", text))
    (batch,) = trace
    assert trace.notes == ["not read: the columns 'who'"]
    assert batch.page.tolist() == [2, 1]
    assert batch.write.tolist() == [True, False]
    assert (batch.vm.tolist(), batch.run.tolist(), batch.time) == ([1, 0], [3, 1], None)


def test_a_trace_without_pages_is_none(tmp_path):
    with pytest.raises(TraceError, match="needs a column 'page'.*has 'when', 'what'"):
        read(write(tmp_path, "t.csv", "when,what\n1,2\n"))
    np.savez(tmp_path / "t.npz", pages=[1])
    with pytest.raises(TraceError, match="has 'pages'"):
        read(tmp_path / "t.npz")
    with pytest.raises(TraceError, match="line 1: the column 'page' is there twice"):
        read(write(tmp_path, "t.csv", "page,page\n1,2\n"))


def test_arrays_of_a_trace_must_be_of_one_length_and_whole(tmp_path):
    np.savez(tmp_path / "t.npz", page=[1, 2], write=[True])
    with pytest.raises(TraceError, match=r"'write' has the shape \(1,\), and should have \(2,\)"):
        read(tmp_path / "t.npz")
    np.savez(tmp_path / "t.npz", page=[1.0, 2.5])
    with pytest.raises(TraceError, match=r"entry 1: page is 2\.5, and should be a whole number"):
        read(tmp_path / "t.npz")


def test_empty_entries_of_parquet_are_named(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    import pyarrow.parquet

    path = tmp_path / "t.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"page": [1, None, 3]}), path)
    with pytest.raises(TraceError, match="row 1: page is empty"):
        read(path)


def test_oracle_records_know_their_next_access(tmp_path):
    path = tmp_path / "t.oracleGeneral"
    traces.write_oracle(path, np.array([3, 4, 3, 3]), times=np.array([0, 1, 1, 9]))
    (batch,) = read(path)
    assert batch.page.tolist() == [3, 4, 3, 3]
    assert batch.time.tolist() == [0, 1, 1, 9]
    assert np.fromfile(path, traces.oracle.RECORD)["next"].tolist() == [2, -1, 3, -1]


def test_a_trace_of_several_vms_is_replayed_one_at_a_time(tmp_path):
    path = tmp_path / "t.npz"
    np.savez(path, page=np.array([0, 1, 0, 1, 1]), vm=np.array([0, 0, 1, 1, 1]))
    trace = traces.open(path)
    with pytest.raises(TraceError, match=r"several VMs, such as 0 and 1: .*vm=0"):
        trace.replay(Guest(8))
    assert trace.replay(Guest(8), vm=0) == (2, 2) and trace.replay(Guest(8), vm=1) == (3, 2)
    with pytest.raises(TraceError, match="no accesses of vm 7; it has vm 0, 1"):
        trace.replay(Guest(8), vm=7)
    with pytest.raises(TypeError, match="vm, the number of a VM, .* got 'web'"):
        trace.replay(Guest(8), vm="web")
    np.savez(path, page=[1, 2])
    with pytest.raises(TraceError, match="no column vm"):
        traces.open(path).replay(Guest(8), vm=0)


def test_an_oracle_without_records_has_no_accesses(tmp_path):
    path = tmp_path / "t.oracleGeneral"
    path.write_bytes(b"")
    assert list(traces.open(path)) == [] and traces.open(path).replay(Guest(8)) == (0, 0)


def test_what_is_no_trace_is_refused(tmp_path):
    path = write(tmp_path, "t.bin", "what is this\n")
    with pytest.raises(TraceError, match="not a trace of a known kind"):
        read(path)
    with pytest.raises(ValueError, match="unknown trace reader 'lacky'.*did you mean 'lackey'"):
        read(path, kind="lacky")
    with pytest.raises(ValueError, match="instructions does not apply to csv"):
        read(path, kind="csv", instructions=True)
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "none")
