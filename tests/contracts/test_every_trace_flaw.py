"""Files as they come: damaged, half written, of another kind, made to do harm. Whatever is in one,
its reader gives accesses, or a TraceError that names the file; never an error of a library, never
silence, never more memory than the file deserves.
"""

import gzip
import io
import random
import tracemalloc
import warnings
import zipfile
import zlib

import numpy as np
import pytest
from test_every_trace_reader import SAMPLES, TEXT, sample

from pageengine import Guest, traces
from pageengine.errors import TraceError

KINDS = [reader.kind for reader in traces.READERS]
each = pytest.mark.parametrize("kind", KINDS)


def read(path, kind):
    """How many accesses it gives, and what is said besides."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        trace = traces.open(path, kind=kind)
        n = sum(len(batch) for batch in trace)
    return n, [str(each.message) for each in told]


def refused(path, kind, place=""):
    with pytest.raises(TraceError) as caught:
        read(path, kind)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)
    assert place in str(caught.value), str(caught.value)


@each
@pytest.mark.parametrize(
    "data",
    [
        b"\n",
        b"\0",
        b" ",
        b"#\n",
        b"page\n",
        b"page,write\n",
        b"garbage",
        b"\x00" * 5000,
        b"PK\x03\x04",
        b"PAR1",
        b"PAR1PAR1",
        b"\x93NUMPY",
        b"\x1f\x8b",
        gzip.compress(b"", mtime=0),
        gzip.compress(b"x", mtime=0)[:-5],
        b"\x28\xb5\x2f\xfd\0\0\0\0",
        b"\xfd7zXZ\0" * 24,
        b"BZh9" * 24,
        "page\n1\n".encode("utf-16"),
        b"\xff" * 4096,
        bytes(range(256)) * 24,
        random.Random(1).randbytes(24 * 700),
        b"page" * 400_000,
        b"\r" * 24,
    ],
)
def test_what_is_no_trace_is_refused_by_every_reader(kind, data, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(data)
    if kind == "oracle" and len(data) % 24 == 0 and not data.strip(b"\0\r"):
        pytest.skip("such records could be")
    refused(path, kind)
    with pytest.raises(TraceError):
        traces.open(path).replay(Guest(8))


@each
def test_a_cut_anywhere_gives_a_part_or_is_named(kind, tmp_path):
    path = sample(kind, tmp_path)
    whole = path.read_bytes()
    for end in range(1, len(whole), max(1, len(whole) // 150)):
        path.write_bytes(whole[:end])
        try:
            n, _ = read(path, kind)
        except TraceError as error:
            assert str(path) in str(error)
        else:
            assert kind in TEXT or kind == "oracle" and end % 24 == 0
            assert 0 < n <= 6


@each
def test_a_byte_that_fell_over_is_read_said_or_named(kind, tmp_path):
    draw = random.Random(kind)
    path = sample(kind, tmp_path)
    whole = path.read_bytes()
    for _ in range(200):
        damaged = bytearray(whole)
        for _ in range(draw.choice([1, 1, 5])):
            damaged[draw.randrange(len(whole))] = draw.randrange(256)
        path.write_bytes(damaged)
        try:
            read(path, kind)
        except TraceError as error:
            assert str(path) in str(error)


JUNK = [b"\0\0\0", b"what is this", b"R", b"7", "päge".encode(), b"\xff"]


@pytest.mark.parametrize("kind", TEXT)
@pytest.mark.parametrize("junk", JUNK)
def test_no_line_of_a_text_is_lost_in_silence(kind, junk, tmp_path):
    path = sample(kind, tmp_path)
    lines = path.read_bytes().splitlines()
    path.write_bytes(b"\n".join([*lines[:3], junk, *lines[3:]]) + b"\n")
    try:
        n, told = read(path, kind)
    except TraceError as error:
        assert f"{path}, line 4" in str(error)
    else:
        assert n == 6 and len(told) == 1 and "line 4" in told[0]


def arrays(path, **columns):
    np.savez(path, **columns)


def table(path, **columns):
    pyarrow = pytest.importorskip("pyarrow")
    import pyarrow.parquet

    pyarrow.parquet.write_table(pyarrow.table(columns), path)


def rows(path, **columns):
    told = [",".join(columns)]
    told += [",".join(map(str, row)) for row in zip(*columns.values(), strict=True)]
    path.write_text("\n".join(told) + "\n")


@pytest.mark.parametrize(
    ("kind", "make", "place"),
    [("npz", arrays, "entry 1"), ("parquet", table, "row 1"), ("csv", rows, "line 3")],
)
@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("page", [1.0, 1.5]),
        ("page", [1.0, float("nan")]),
        ("page", [1.0, 1e300]),
        ("page", [1.0, 2.0**53]),
        ("address", [0, -4096]),
        ("write", [0, 2]),
        ("write", [1, -1]),
        ("time", [0.0, -1.0]),
        ("time", [0.0, float("nan")]),
        ("time", [0.0, float("inf")]),
        ("run", [1, 0]),
        ("run", [1, -5]),
        ("vm", [1.0, 0.5]),
    ],
)
def test_a_value_that_cannot_be_is_named(kind, make, place, column, values, tmp_path):
    path = tmp_path / "file"
    columns = {column: values}
    if column not in ("page", "address"):
        columns["page"] = [1, 2]
    with open(path, "wb") as file:
        make(path if kind != "npz" else file, **columns)
    if kind == "csv" and isinstance(values[0], float) and column in ("page", "vm"):
        place = "line 2"  # decimal points are none of names
    refused(path, kind, place)
    refused(path, kind, column)


@pytest.mark.parametrize(("kind", "make"), [("npz", arrays), ("parquet", table), ("csv", rows)])
def test_names_are_any_64_bits(kind, make, tmp_path):
    path = tmp_path / "file"
    for names, dtype in (([2**64 - 1, 2**63, 5, 0], np.uint64), ([-1, -(2**63), 5, 0], np.int64)):
        with open(path, "wb") as file:
            make(path if kind != "npz" else file, page=np.array(names * 2, dtype))
        trace = traces.open(path, kind=kind)
        assert next(iter(trace)).page.tolist() == [-1, -(2**63), 5, 0] * 2
        assert trace.replay(Guest(8)) == (8, 4)


@pytest.mark.parametrize(("kind", "make"), [("npz", arrays), ("parquet", table), ("csv", rows)])
def test_keys_may_be_text(kind, make, tmp_path):
    path = tmp_path / "file"
    with open(path, "wb") as file:
        make(path if kind != "npz" else file, key=np.array(["ab", "ä", "ab", "7"]))
    first = next(iter(traces.open(path, kind=kind))).page
    assert first[0] == first[2] and len(set(first.tolist())) == 3
    assert first[3] == -9038873097560174361


def test_hashed_objects_are_names_and_two_never_share_a_number(tmp_path):
    path = tmp_path / "t.oracleGeneral"
    high = [2**63, 2**64 - 1, 2**62, 2**62 + 1, 2**63 - 1, 2**63 + 2**62]
    names = np.array([0, *high, 1], np.uint64)
    traces.write_oracle(path, np.tile(names, 3))
    assert traces.open(path).replay(Guest(8, replacement="lru")) == (24, 8)
    assert next(iter(traces.open(path))).page.view(np.uint64).tolist() == names.tolist() * 3


def test_what_pickles_or_lies_about_its_size_is_refused(tmp_path):
    path = tmp_path / "t.npz"
    np.savez(path, page=np.array([Trap()], object))
    refused(path, "npz", "not unpickled")
    assert not Trap.sprung
    for shape, descr in (
        ("(1000000000000,)", "<i8"),
        ("(2,)", "<i9"),
        ("(-1,)", "<i8"),
        ("(" * 900, "<i8"),
        ("(9" + "9" * 400 + ",)", "<i8"),
        ("5", "<i8"),
        ("(2, 1)", "<i8"),
        ("()", "<i8"),
        ("(True,)", "<i8"),
    ):
        header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}}}\n".encode()
        npy = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(16)
        with zipfile.ZipFile(path, "w") as file:
            file.writestr("page.npy", npy)
        refused(path, "npz", "page")


class Trap:
    sprung = False

    def __reduce__(self):
        return _spring, ()


def _spring():
    Trap.sprung = True


def test_a_bomb_takes_no_memory(tmp_path):
    """Far more data than the file has bytes is read as it is used."""
    path = tmp_path / "t.npz"
    array = io.BytesIO()
    np.save(array, np.zeros(8 << 20, np.int64))  # 64 MiB, in 64 KiB of the file
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("page.npy", array.getvalue())
    del array
    line = tmp_path / "t.log.gz"
    pack = zlib.compressobj(9, zlib.DEFLATED, 31)
    line.write_bytes(b"".join(pack.compress(b"L" * (1 << 20)) for _ in range(64)) + pack.flush())
    tracemalloc.start()
    try:
        first = next(iter(traces.open(path)))
        assert len(first) == 1 << 16
        refused(line, "lackey", "line 1: no line ends")
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()


def test_columns_of_tables_that_are_nested_or_hold_something_else_are_named(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    path = tmp_path / "t.parquet"
    for column in (
        [[1], [2]],
        [{"a": 1}, {"a": 2}],
        ["1", "2"],
        [True, False],
        [None, None],
        pyarrow.array([1, 2], pyarrow.timestamp("us")),
        pyarrow.array([1, 2], pyarrow.decimal128(9)),
    ):
        table(path, page=column)
        refused(path, "parquet", "'page'")
    table(path, page=pyarrow.array([5, 6, 5]).dictionary_encode())
    assert read(path, "parquet")[0] == 3
    np.savez(tmp_path / "t.npz", page=np.array(["1", "2"]))
    refused(tmp_path / "t.npz", "npz", "page holds <U1, and should hold whole numbers")


def test_a_file_that_is_not_there_is_no_damage(tmp_path):
    for kind in KINDS:
        with pytest.raises(FileNotFoundError):
            traces.open(tmp_path / "none", kind=kind)
        with pytest.raises(IsADirectoryError):
            traces.open(tmp_path, kind=kind)


def test_what_every_kind_of_file_is_has_a_sample():
    assert set(SAMPLES) == set(KINDS)
