"""A reader that reads a trace wrongly, or half of it, gives wrong results that look right. Every
entry of the table of readers keeps the same promises: same accesses, from the start every time,
damage named with its place.
"""

import gzip

import numpy as np
import pytest

from pageengine import Guest, traces
from pageengine.errors import TraceError

PAGES = np.array([5, 5, 0, 2**40, 7, 5], np.int64)
WRITES = np.array([0, 1, 0, 1, 1, 0], bool)


def lackey(path, pages, writes):
    kinds = [" S" if write else " L" for write in writes]
    lines = [f"{k} {page * 4096 + 8:x},8" for k, page in zip(kinds, pages.tolist(), strict=True)]
    path.write_text("==12== Lackey, an example\n" + "\n".join(lines) + "\n")


def csv(path, pages, writes):
    rows = [f"{page},{int(w)}" for page, w in zip(pages.tolist(), writes, strict=True)]
    path.write_text("\n".join(["page,write", *rows]) + "\n")


def npz(path, pages, writes):
    np.savez(path, page=pages, write=writes)


def parquet(path, pages, writes):
    pyarrow = pytest.importorskip("pyarrow")
    import pyarrow.parquet

    pyarrow.parquet.write_table(pyarrow.table({"page": pages, "write": writes}), path)


def oracle(path, pages, writes):
    traces.write_oracle(path, pages)


SAMPLES = {  # kind -> (file name, writer, whether it can say that an access writes)
    "lackey": ("trace.log", lackey, True),
    "csv": ("trace.csv", csv, True),
    "npz": ("trace.npz", npz, True),
    "parquet": ("trace.parquet", parquet, True),
    "oracle": ("trace.oracleGeneral", oracle, False),
}
each = pytest.mark.parametrize("kind", [reader.kind for reader in traces.READERS])


def sample(kind, tmp_path, pages=PAGES, writes=WRITES):
    name, write, _ = SAMPLES[kind]
    path = tmp_path / name
    write(path, pages, writes)
    return path


def everything(trace):
    batches = list(trace)
    return np.concatenate([b.page for b in batches]), np.concatenate([b.write for b in batches])


@each
def test_the_accesses_come_in_order_each_time(kind, tmp_path):
    trace = traces.open(sample(kind, tmp_path))
    assert trace.kind == kind
    for _ in range(2):
        pages, writes = everything(trace)
        assert pages.tolist() == PAGES.tolist()
        assert pages.dtype == np.int64 and writes.dtype == bool
        assert writes.tolist() == (WRITES if SAMPLES[kind][2] else WRITES & False).tolist()


@each
def test_a_long_trace_comes_in_many_batches_and_whole(kind, tmp_path):
    draw = np.random.default_rng(1)
    pages, writes = draw.integers(0, 2**30, 300_000), draw.random(300_000) < 0.3
    trace = traces.open(sample(kind, tmp_path, pages, writes))
    assert sum(1 for _ in trace) > 1
    assert (everything(trace)[0] == pages).all()


@each
def test_a_replay_is_one_of_its_batches(kind, tmp_path):
    draw = np.random.default_rng(2)
    pages, writes = draw.zipf(1.3, 70_000) % 5000, draw.random(70_000) < 0.3
    trace = traces.open(sample(kind, tmp_path, pages, writes))
    whole, parts = (Guest(300, swap_pages=5000, replacement="lru") for _ in range(2))
    replay = trace.replay(whole, "memory")
    assert replay.done == len(pages)
    assert replay == trace.replay(Guest(300, replacement="lru"), "file")
    assert replay.misses == sum(
        parts.replay("memory", batch.page, batch.write).misses for batch in trace
    )
    assert whole.stats == parts.stats
    assert trace.replay(Guest(100, swap_pages=0), "memory").done < len(pages)  # out of memory
    with pytest.raises(ValueError, match="kind must be"):
        trace.replay(whole, "disk")


@each
def test_a_file_that_is_cut_off_is_named(kind, tmp_path):
    path = sample(kind, tmp_path)
    path.write_bytes(path.read_bytes()[:-3])
    if kind in ("lackey", "csv"):  # text: the cut line is still a line, or is none
        path.write_bytes(path.read_bytes().rsplit(b"\n", 1)[0] + b"\n L 12,\n")
        if kind == "csv":
            path.write_bytes(b"page,write\n1,1\n2\n")
    with pytest.raises(TraceError, match=f"{path.name}"):
        everything(traces.open(path, kind=kind))


@each
def test_a_kind_may_be_said(kind, tmp_path):
    path = sample(kind, tmp_path)
    other = path.rename(tmp_path / "file")
    assert everything(traces.open(other, kind=kind))[0].tolist() == PAGES.tolist()


@pytest.mark.parametrize("kind", ["lackey", "csv"])
def test_text_may_be_zipped(kind, tmp_path):
    path = sample(kind, tmp_path)
    zipped = path.with_name(path.name + ".gz")
    zipped.write_bytes(gzip.compress(path.read_bytes()))
    assert everything(traces.open(zipped))[0].tolist() == PAGES.tolist()
    zipped.write_bytes(zipped.read_bytes()[:-9])
    with pytest.raises(TraceError, match="gzip"):
        everything(traces.open(zipped, kind=kind))


def test_every_reader_has_a_sample():
    assert set(SAMPLES) == {reader.kind for reader in traces.READERS}
