"""A file that is cut, empty, of another kind, or made to do harm is refused with an error of the
family that its reader has, which names the file; nothing is read into a VM before that.
"""

import gzip
import struct
import zlib

import numpy as np
import pytest

import pageengine as pe
from pageengine import images, traces
from pageengine.errors import ImageError, TraceError

PAGE = 4096
IDENT = b"\x7fELF\x02\x01\x01" + bytes(9)


def elf(phoff=64, phentsize=56, phnum=1, kind=4, e_machine=62, segment=b"", tail=b""):
    head = IDENT + struct.pack(
        "<HHIQQQIHHHHHH", kind, e_machine, 1, 0, phoff, 0, 0, 64, phentsize, phnum, 0, 0, 0
    )
    return head + segment + tail


def load(offset=PAGE, address=0, stored=PAGE, size=PAGE):
    return struct.pack("<IIQQQQQQ", 1, 4, offset, address, address, stored, size, PAGE)


def lime(first=0, last=PAGE - 1, version=1, magic=0x4C694D45, data=b"\1" * PAGE):
    return struct.pack("<IIQQQ", magic, version, first, last, 0) + data


PAGES = b"\1" * PAGE
IMAGES = {
    "empty": b"",
    "a byte": b"\1",
    "a page and a byte": PAGES + b"\1",
    "ELF: the magic alone": b"\x7fELF",
    "ELF: half a head": IDENT + bytes(20),
    "ELF: 32 bits without a table": b"\x7fELF\x01\x01\x01" + bytes(60),
    "ELF: other byte order": b"\x7fELF\x02\x02\x01" + bytes(80),
    "ELF: no class": b"\x7fELF\x07\x01\x01" + bytes(80),
    "ELF: a program": elf(kind=2, segment=load(), tail=bytes(2 * PAGE)),
    "ELF: no segments": elf(phnum=0),
    "ELF: table beyond the end": elf(phoff=2**62),
    "ELF: table at the top": elf(phoff=2**64 - 8),
    "ELF: entries of one byte": elf(phentsize=1, segment=load(), tail=bytes(2 * PAGE)),
    "ELF: many entries": elf(phnum=65534, segment=load()),
    "ELF: extended count, no section": elf(phnum=65535, segment=load()),
    "ELF: data beyond the end": elf(segment=load(offset=2**40)),
    "ELF: data at the top": elf(segment=load(offset=2**64 - PAGE)),
    "ELF: more stored than there is": elf(segment=load(stored=2**62, size=2**62)),
    "ELF: cut in the data": elf(segment=load(), tail=bytes(PAGE)),
    "LiME: the magic alone": b"EMiL",
    "LiME: half a head": lime()[:20],
    "LiME: version 9": lime(version=9),
    "LiME: cut in the data": lime()[:-1],
    "LiME: ends before it begins": lime(first=2 * PAGE, last=PAGE),
    "LiME: from here to the end of all": lime(first=0, last=2**64 - 1),
    "LiME: something else behind": lime() + b"garbage!" * 4,
    "gzip: the magic alone": b"\x1f\x8b",
    "gzip: half a head": b"\x1f\x8b\x08\0\0\0",
    "gzip: cut": gzip.compress(PAGES * 4)[:-9],
    "gzip: checksum": gzip.compress(PAGES)[:-8] + bytes(8),
    "gzip: garbage": gzip.compress(PAGES)[:10] + b"\xff" * 100,
    "gzip: not whole pages": gzip.compress(PAGES + b"\1"),
    "gzip: nothing in it": gzip.compress(b""),
    "zstd: the magic alone": b"\x28\xb5\x2f\xfd",
    "zstd: garbage": b"\x28\xb5\x2f\xfd" + b"\xff" * 100,
    "qcow2": b"QFI\xfb" + bytes(PAGE - 4),
    "VMDK": b"KDMV" + bytes(PAGE - 4),
    "zip": b"PK\3\4" + bytes(PAGE - 4),
    "xz": b"\xfd7zXZ\0" + bytes(PAGE - 6),
    "bzip2": b"BZh91AY&SY" + bytes(PAGE - 10),
}


@pytest.mark.parametrize("name", IMAGES)
def test_an_image_that_is_none_is_refused_and_nothing_of_it_is_loaded(tmp_path, name):
    path = tmp_path / "image"
    path.write_bytes(IMAGES[name])
    with pytest.raises(ImageError) as caught, images.open(path) as image:
        for _ in image:
            pass
    assert type(caught.value) is ImageError and str(path) in str(caught.value)
    with pe.Host(64 * PAGE, swap=0) as host:
        vm = host.add_vm("web", 32 * PAGE)
        with pytest.raises(ImageError):
            vm.load(path)
        if not name.startswith("gzip"):  # which is read as it is unpacked
            assert vm.stats.accesses == 0
        host.check()


def records(*rows):
    return b"".join(struct.pack("<IQIq", *row) for row in rows)


TRACES = {  # contents, by the name of the file
    "empty.csv": b"",
    "names.csv": b"page,write\n",
    "no-page.csv": b"pgae,write\n1,0\n",
    "twice.csv": b"page,page\n1,2\n",
    "short.csv": b"page,write\n1\n",
    "long.csv": b"page,write\n1,0,5\n",
    "word.csv": b"page,write\nweb,0\n",
    "fraction.csv": b"page,write\n1.5,0\n",
    "exponent.csv": b"page,write\n1e3,0\n",
    "digits.csv": b"page,write\n" + b"9" * 5000 + b",0\n",
    "large.csv": b"page,write\n36893488147419103232,0\n",
    "maybe.csv": b"page,write\n1,maybe\n",
    "time.csv": b"time,page\nsoon,1\n",
    "nan.csv": b"time,page\nnan,1\n",
    "inf.csv": b"time,page\ninf,1\n",
    "quote.csv": b'page,write\n"1,0\n',
    "nul.csv": b"page,write\n1\0,0\n",
    "wide.csv": "page\n1\n".encode("utf-16"),
    "latin.csv": b"page\n\xff\n",
    "arabic.csv": "page\n\u0661\n".encode(),
    "packed.csv": b"\x28\xb5\x2f\xfd" + bytes(40),
    "cut.csv.gz": gzip.compress(b"page\n" + b"1\n" * 5000)[:-20],
    "sum.csv.gz": gzip.compress(b"page\n1\n")[:-8] + bytes(8),
    "noise.txt": b"this is a letter\nto a friend\n",
    "binary.txt": bytes(range(256)) * 24,
    "one.npz": b"PK\3\4",
    "end.npz": b"PK\5\6" + bytes(18),
    "cut.parquet": b"PAR1",
    "foot.parquet": b"PAR1" + bytes(8) + b"\xff\xff\xff\x7fPAR1",
    "odd.oracleGeneral": records((1, 5, PAGE, -1))[:-1],
    "deflate.csv.gz": b"\x1f\x8b\x08\0\0\0\0\0\0\3" + zlib.compress(b"page\n1\n"),
}


@pytest.mark.parametrize("name", TRACES)
def test_a_trace_that_is_none_is_refused(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(TRACES[name])
    with pytest.raises(TraceError) as caught:
        list(traces.open(path))
    message = str(caught.value)
    assert type(caught.value) is TraceError and str(path) in message, message
    assert "\n" not in message and len(message) < 1000


@pytest.mark.parametrize(
    "arrays",
    [
        {},
        {"pgae": [1]},
        {"page": [1.5]},
        {"page": ["a"]},
        {"page": [True]},
        {"page": [[1, 2]]},
        {"page": 1},
        {"page": [1], "write": [0, 1]},
        {"page": [1], "time": [float("nan")]},
        {"page": [1], "write": ["yes"]},
        {"page": np.array([None], object)},
        {"page": np.array(["1970"], "M8[Y]")},
    ],
    ids=str,
)
def test_arrays_that_are_no_trace_are_named(tmp_path, arrays):
    path = tmp_path / "t.npz"
    np.savez(path, **arrays)
    with pytest.raises(TraceError) as caught:
        list(traces.open(path))
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("what", ["folder", "missing", "beyond"])
def test_what_is_no_file_is_an_error_of_the_system(tmp_path, what):
    path = {"folder": tmp_path, "missing": tmp_path / "no", "beyond": tmp_path / ("n" * 300)}[what]
    for reads in (images.open, traces.open):
        with pytest.raises((OSError, ImageError)) as caught:
            reads(path)
        assert str(path) in str(caught.value)
