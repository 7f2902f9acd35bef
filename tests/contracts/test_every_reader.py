"""Whatever is under the name of a file, its reader gives what is in it, or says what is wrong: an
error of its own family or one of the system, with the name of the file, in a line. Never an error
of a library, never a wait for what never comes, never more memory than there is.

Every reader of the product is in READERS; those of the tables of images, traces and demand come
into it by themselves.
"""

import gzip
import os
import random
import signal
import tracemalloc
import warnings
import zipfile
from contextlib import contextmanager
from typing import NamedTuple

import made_demand
import made_up
import pytest
import test_every_image_reader as image_samples
import test_every_trace_reader as trace_samples

from pageengine import demand, images, traces
from pageengine.errors import DemandError, ImageError, PageEngineError, TraceError
from pageengine.lab import build, contents
from pageengine.lab.results import Result, ResultError
from pageengine.lab.scenario import Scenario, ScenarioError
from pageengine.lab.sweep import sweep
from pageengine.policy import table

SCENARIO = """\
[host]
memory = "32 MiB"
[run]
duration = "2 s"
[[vm]]
name = "a"
size = "16 MiB"
workload = { kind = "zipf", rate = 500 }
"""


class Reads(NamedTuple):
    """A reader: make(folder) writes a good file and returns its path, read(path) reads it."""

    make: object
    read: object
    error: type[Exception]


def of_images(kind):
    def make(folder):
        path = folder / f"sample.{kind}"
        image_samples.SAMPLES[kind](path)
        return path

    def read(path):
        with images.open(path, kind=kind) as image:
            for _ in image:
                pass

    return Reads(make, read, ImageError)


def of_traces(kind):
    def read(path):
        for _ in traces.open(path, kind=kind):
            pass

    return Reads(lambda folder: trace_samples.sample(kind, folder), read, TraceError)


def of_demand(kind):
    def make(folder):
        if kind == "parquet":
            pytest.importorskip("pyarrow")
        return made_demand.sample(kind, folder)

    return Reads(make, lambda path: demand.load(path, kind=kind), DemandError)


def text(name, content):
    def make(folder):
        path = folder / name
        path.write_text(content)
        return path

    return make


def of_results(name):
    def make(folder):
        pytest.importorskip("pyarrow")
        return made_up.result(seconds=20).save(folder / "result") / name

    return Reads(make, lambda path: Result.load(path.parent), ResultError)


def journal(folder):
    """A sweep that was stopped after one of two runs."""
    pytest.importorskip("pyarrow")
    (folder / "lab.toml").write_text(SCENARIO)
    asked = iter([False, True])
    resume(folder / "t.parquet.journal", stop=lambda: next(asked))
    return folder / "t.parquet.journal"


def resume(path, **options):
    sweep(
        Scenario.load(path.parent / "lab.toml"),
        {"vm.count": [1, 2]},
        output=path.parent / "t.parquet",
        **options,
    )


PROFILE = contents.PROFILES["mixed"].to_json()
POLICY = "class Mine:\n    def decide(self, snapshot):\n        return None\n"
READERS = {
    **{
        f"image {r.kind}": of_images(r.kind)
        for r in images.READERS
        if r.kind in image_samples.SAMPLES
    },
    **{f"trace {r.kind}": of_traces(r.kind) for r in traces.READERS},
    **{f"demand {r.kind}": of_demand(r.kind) for r in demand.READERS},
    "scenario": Reads(
        text("lab.toml", SCENARIO), lambda p: build.check(Scenario.load(p)), ScenarioError
    ),
    "profile": Reads(text("mixed.json", PROFILE), contents.find, ValueError),
    "policy": Reads(text("mine.py", POLICY), lambda p: table.find(f"{p}:Mine"), ValueError),
    **{
        f"result {name}": of_results(name)
        for name in ("summary.json", "host.parquet", "vms.parquet")
    },
    "journal": Reads(journal, resume, PageEngineError),
}
ANY = ("image raw", "trace oracle")  # nearly every file is one
each = pytest.mark.parametrize("name", READERS)


@contextmanager
def in_time(seconds=20):
    """An alarm, so that a reader that waits for ever fails, and does not hold up all tests."""

    def ring(*_):
        raise AssertionError("the reader waits for what never comes")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def read(name, path):
    """None where it could be read, else the message, which keeps the contract."""
    reader = READERS[name]
    with in_time(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            reader.read(path)
        except (reader.error, OSError) as error:
            told = str(error)
            assert os.path.basename(path) in told, f"names no file: {told}"
            assert "\n" not in told and len(told) < 1500, f"no line: {told[:2000]}"
            assert "Errno" not in told or isinstance(error, OSError)
            return told
        return None


def refused(name, path, *words):
    told = read(name, path)
    assert told is not None, "it was read"
    assert all(word in told for word in words), told


@each
def test_a_good_file_is_read(name, tmp_path):
    assert read(name, READERS[name].make(tmp_path)) is None


@each
def test_what_is_not_there_or_no_file_is_said(name, tmp_path):
    path = READERS[name].make(tmp_path)
    content = path.read_bytes()
    path.unlink()
    if name != "journal":  # where there is none, a sweep begins
        refused(name, path)
    os.symlink(path.name, path)
    refused(name, path)
    path.unlink()
    path.mkdir()
    refused(name, path)
    path.rmdir()
    os.mkfifo(path)
    refused(name, path, "regular file")
    path.unlink()
    path.symlink_to("/dev/zero")
    refused(name, path, "regular file")
    path.unlink()
    (path.parent / "elsewhere").write_bytes(content)
    path.symlink_to(path.parent / "elsewhere")
    assert read(name, path) is None


@each
@pytest.mark.skipif(os.name != "posix", reason="needs permissions as POSIX has them")
def test_what_may_not_be_read_is_said(name, tmp_path):
    path = READERS[name].make(tmp_path)
    for folder in [*tmp_path.parents, tmp_path, path.parent]:
        if os.stat(folder).st_uid == os.getuid():
            os.chmod(folder, os.stat(folder).st_mode | 0o055)
    os.chmod(path, 0)
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        refused(name, path)
    finally:
        if root:
            os.seteuid(0)


@each
def test_no_damage_is_an_error_of_a_library(name, tmp_path):
    path = READERS[name].make(tmp_path)
    whole, draw = path.read_bytes(), random.Random(name)
    spoilt = [whole[:end] for end in sorted({0, 1, 7, len(whole) // 2, len(whole) - 1})]
    for _ in range(25):
        damaged = bytearray(whole)
        for _ in range(draw.choice([1, 1, 4])):
            damaged[draw.randrange(len(whole))] = draw.randrange(256)
        spoilt.append(bytes(damaged))
    for content in spoilt:
        path.write_bytes(content)
        read(name, path)


def packed(kind, content):
    if kind == "gzip":
        return gzip.compress(content)
    if kind == "xz":
        return __import__("lzma").compress(content)
    if kind == "bzip2":
        return __import__("bz2").compress(content)
    if kind == "zip":
        import io

        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("page.txt", content)
        return file.getvalue()
    return pytest.importorskip("zstandard").compress(content)


GARBAGE = {
    "empty": b"",
    "zeros": bytes(5000),
    "binary": random.Random(5).randbytes(5001),
    "no UTF-8": b"\xff\xfe" * 999 + b"\n",
    "a line": b"what is this?\n",
    "deep": b"[" * 100_000,
    "deep TOML": b"a = " + b"[" * 5000,
    "deep JSON": b'{"a":' * 50_000,
    "digits": b'{"version": ' + b"9" * 9000 + b"}",
    "digits TOML": b"a = " + b"9" * 9000,
    "NaN": b'{"version": NaN}',
    "a string": b'"x"',
    "nulls": b"null",
    "bytes": b"\x00",
    "utf-16": '{"version": 1}\n'.encode("utf-16"),
    "escape": b"\x1b]0;owned\x07\x1b[31m\n" * 3,
}


@each
@pytest.mark.parametrize("what", GARBAGE)
def test_what_is_another_file_is_said(name, what, tmp_path):
    path = READERS[name].make(tmp_path)
    path.write_bytes(GARBAGE[what])
    told = read(name, path)
    no_access = what == "empty" and name.startswith("trace")  # kind= says that it is one
    if name not in ANY and name != "policy" and not no_access:
        assert told, "it was read"


@each
@pytest.mark.parametrize("kind", ["gzip", "zstd", "xz", "bzip2", "zip"])
def test_the_wrong_compression_is_said(name, kind, tmp_path):
    path = READERS[name].make(tmp_path)
    path.write_bytes(packed(kind, path.read_bytes()))
    allowed = (
        name == f"image {kind}"
        or name in ANY
        or kind == "gzip"
        and (name.removeprefix("trace ") in trace_samples.TEXT)
    )
    assert read(name, path) or allowed


@each
def test_a_file_without_end_takes_no_memory(name, tmp_path):
    """A terabyte of nothing, which takes no space on the disk."""
    path = READERS[name].make(tmp_path)
    if name in ("image raw", "image elf", "image gzip", "trace oracle"):
        pytest.skip("that is a large one, or one that may end in zeros")
    with open(path, "r+b") as file:
        try:
            file.truncate(1 << 40)
        except OSError:
            pytest.skip("no such file system")
    tracemalloc.start()
    try:
        refused(name, path)
        assert tracemalloc.get_traced_memory()[1] < 80 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("kind", ["gzip", "zstd"])
def test_a_bomb_is_read_a_batch_at_a_time(kind, tmp_path):
    """A quarter of a gigabyte in a file of some kilobytes."""
    path = tmp_path / "bomb"
    path.write_bytes(packed(kind, bytes(1 << 28)))
    assert path.stat().st_size < 1 << 19
    tracemalloc.start()
    try:
        assert read(f"image {kind}", path) is None
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()


def test_a_table_that_asks_for_more_than_there_is_is_refused(tmp_path, monkeypatch):
    path = READERS["result host.parquet"].make(tmp_path)
    monkeypatch.setattr("pageengine.plumbing.reading.memory", lambda: 1000)
    refused("result host.parquet", path, "it asks for")


def test_tables_of_two_runs_are_not_taken_for_one(tmp_path):
    """As a save that was killed between two names would leave them."""
    path = READERS["result host.parquet"].make(tmp_path)
    other = made_up.result(seconds=30).save(tmp_path / "other")
    path.write_bytes((other / "host.parquet").read_bytes())
    refused("result host.parquet", path, "not what was saved with summary.json")


def test_every_reader_of_the_tables_is_here():
    assert {f"demand {r.kind}" for r in demand.READERS} <= set(READERS)
    kinds = {f"image {r.kind}" for r in images.READERS} - {"image process", "image foreign"}
    assert kinds | {f"trace {r.kind}" for r in traces.READERS} <= set(READERS)
