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


def lines(form, letters, first="", last=""):
    """A writer of lines; letters: of reads and writes."""

    def write(path, pages, writes):
        told = [
            form.format(k=letters[int(w)], a=page * 4096 + 8)
            for page, w in zip(pages.tolist(), writes, strict=True)
        ]
        path.write_text(first + "\n".join(told) + "\n" + last)

    return write


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
    "lackey": ("trace.log", lines(" {k} {a:08x},8", "LS", "==12== Lackey, an example\n"), True),
    "pin": ("pinatrace.out", lines("0x401f00: {k} {a:#x}", "RW", last="#eof\n"), True),
    "dynamorio": (
        "memtrace.log",
        lines("0x0000f0,{k},8,{a:#018x}", "rw", "Format: <instr address>,<(r)ead/(w)rite>,...\n"),
        True,
    ),
    "dinero": ("trace.din", lines("{k} {a:x}", "01"), True),
    "lines": ("trace.txt", lines("{k} {a:#x} 8", "RW"), True),
    "csv": ("trace.csv", csv, True),
    "npz": ("trace.npz", npz, True),
    "parquet": ("trace.parquet", parquet, True),
    "oracle": ("trace.oracleGeneral", oracle, False),
}
CUT = {  # lines that end too early
    "lackey": " L 12,",
    "csv": "2",
    "pin": "0x401f00: R",
    "dynamorio": "0x0000f0,r,8,",
    "dinero": "1 ",
    "lines": "R 0x",
}
TEXT = [kind for kind in SAMPLES if kind not in ("npz", "parquet", "oracle")]
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


@pytest.mark.slow
@each
def test_a_long_trace_comes_in_many_batches_and_whole(kind, tmp_path):
    draw = np.random.default_rng(1)
    pages, writes = draw.integers(0, 2**30, 200_000), draw.random(200_000) < 0.3
    trace = traces.open(sample(kind, tmp_path, pages, writes))
    assert sum(1 for _ in trace) > 1
    assert (everything(trace)[0] == pages).all()


@each
def test_a_replay_is_one_of_its_batches(kind, tmp_path):
    draw = np.random.default_rng(2)
    pages, writes = draw.zipf(1.3, 20_000) % 5000, draw.random(20_000) < 0.3
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
    if kind in TEXT:
        path = sample(kind, tmp_path)
        path.write_text(path.read_text().removesuffix("#eof\n") + CUT[kind])
    with pytest.raises(TraceError, match=f"{path.name}"):
        everything(traces.open(path, kind=kind))


@each
def test_a_kind_may_be_said(kind, tmp_path):
    path = sample(kind, tmp_path)
    other = path.rename(tmp_path / "file")
    assert everything(traces.open(other, kind=kind))[0].tolist() == PAGES.tolist()


@pytest.mark.parametrize("kind", TEXT)
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
