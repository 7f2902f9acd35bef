"""Readers of traces. The first byte says which reader, the second how the file is named, the rest
is the file. A reader gives accesses, with warnings or without, or a TraceError that names the file.
"""

import gzip
import io
import warnings
import zipfile

import numpy as np
from fuzz import scratch

from pageengine import Guest, traces
from pageengine.errors import TraceError

KINDS = (None, *(reader.kind for reader in traces.READERS if reader.kind != "parquet"))
NAMES = ("t.log", "t.csv", "t.npz", "t.oracleGeneral", "t.din", "t.log.gz", "t.csv.gz", "t.out")
DICTIONARY = (
    b"page",
    b"address",
    b"write",
    b"time",
    b"vm",
    b"run",
    b"key",
    b"page,write\n",
    b"PK\x03\x04",
    b"PK\x01\x02",
    b"PK\x05\x06",
    b"\x93NUMPY\x01\0",
    b"'descr': '<i8'",
    b"'shape': (2,)",
    b"'fortran_order': False",
    b" L 1000,8\n",
    b" S ",
    b"I  ",
    b" M ",
    b"0x401f00: R 0x7ff0\n",
    b"#eof\n",
    b"Format: <instr address>",
    b"==12== Lackey",
    b"R 0x",
    b"W ",
    b"\x1f\x8b\x08",
    b"18446744073709551615",
    b"-9223372036854775808",
    b"1e300",
    b"nan",
    b"\xef\xbb\xbf",
    b"\r\n",
)


def one(data):
    """One input: whether it was read. Raises what no reader may raise."""
    if len(data) < 2:
        return False
    kind, base = KINDS[data[0] % 16 % len(KINDS)], (None, 10, 16)[data[0] // 16 % 3]
    path = scratch.file(data[2:], NAMES[data[1] % len(NAMES)])
    with scratch.in_time(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            trace = traces.open(path, kind=kind, base=base)
        except TraceError as error:
            assert str(path) in str(error), error
            return False
        except ValueError as error:
            assert "base does not apply" in str(error), error
            return False
        return read(trace, str(path), data[1] & 128)


def read(trace, path, replays):
    """All of it, as batches or by a guest: whether that could be done."""
    try:
        if replays:
            trace.replay(Guest(64, swap_pages=64), "memory")
            return True
        for batch in trace:
            assert batch.page.dtype == np.int64 and batch.write.dtype == bool
            assert 0 < len(batch) == len(batch.page) == len(batch.write)
    except TraceError as error:
        assert path in str(error) and "\n" not in str(error), error
        return False
    return True


def seeds():
    """Small valid files, by name."""
    lackey = b"==12== Lackey, an example\nI  04000,3\n L 1ffe,8\n S 2000,4\n M 3000,8\n"
    rows = b"page,write,time,vm\n1,0,0.5,1\n2,1,1.5,2\n-5,0,2.5,1\n"
    pages = np.array([5, 5, 0, 2**40, 7], np.int64)
    oracle = scratch.folder() / "seed.oracleGeneral"
    traces.write_oracle(oracle, pages)
    parts = {
        "lackey": ("lackey", "t.log", lackey),
        "lackey-gz": ("lackey", "t.log.gz", gzip.compress(lackey, mtime=0)),
        "pin": ("pin", "t.out", b"0x401f00: R 0x7ff0\n0x401f08: W 0x8ff0\n#eof\n"),
        "dynamorio": (
            "dynamorio",
            "t.log",
            b"Format: <instr address>,<(r)ead/(w)rite>,...\n0x0000f0,r,8,0x0001008\n",
        ),
        "dinero": ("dinero", "t.din", b"0 1008\n1 2008\n2 3008\n"),
        "lines": ("lines", "t.log", b"R 0x1008 8\nW 0x2008 8\n"),
        "csv": ("csv", "t.csv", rows),
        "csv-base": ("csv", "t.csv", b"address;write\n0x1000;r\n0x2000;w\n"),
        "csv-keys": (None, "t.csv.gz", gzip.compress(b'key,run\n"a b",2\n\xc3\xa4,1\n', mtime=0)),
        "npz": ("npz", "t.npz", npz(page=pages, write=pages > 4)),
        "npz-packed": (None, "t.npz", npz(zipfile.ZIP_DEFLATED, address=pages * 4096)),
        "oracle": ("oracle", "t.oracleGeneral", oracle.read_bytes()),
    }
    return {
        name: bytes([KINDS.index(kind), NAMES.index(named)]) + content
        for name, (kind, named, content) in parts.items()
    }


def npz(how=zipfile.ZIP_STORED, **columns):
    """As numpy writes it, but with no time of writing."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", how) as archive:
        for name, values in columns.items():
            array = io.BytesIO()
            np.save(array, values)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), array.getvalue(), how)
    return made.getvalue()
