"""Every reader of the table must keep the same promises, or a consumer breaks with one kind of
image only. A small sample of each kind is made here, read, read again, cut short and damaged."""

import gzip
import os
import struct
import subprocess
import sys

import numpy as np
import pytest

from pageengine import images
from pageengine.errors import ImageError

PAGE, PAGES = 4096, 5
CONTENT = np.random.default_rng(9).integers(0, 256, (PAGES, PAGE), dtype=np.uint8)


def raw(path):
    path.write_bytes(CONTENT.tobytes())


def elf(path):
    head = b"\x7fELF\2\1\1".ljust(16, b"\0") + struct.pack(
        "<HHIQQQIHHHHHH", 4, 62, 1, 0, 64, 0, 0, 64, 56, 1, 0, 0, 0
    )
    path.write_bytes(
        head
        + struct.pack("<IIQQQQQQ", 1, 6, 120, 0, 0, PAGES * PAGE, PAGES * PAGE, 1)
        + CONTENT.tobytes()
    )


def lime(path):
    path.write_bytes(struct.pack("<4sIQQQ", b"EMiL", 1, 0, PAGES * PAGE - 1, 0) + CONTENT.tobytes())


def gzipped(path):
    path.write_bytes(gzip.compress(CONTENT.tobytes()))


def zstd(path):
    path.write_bytes(pytest.importorskip("zstandard").compress(CONTENT.tobytes()))


SAMPLES = {"raw": raw, "elf": elf, "lime": lime, "gzip": gzipped, "zstd": zstd}
KINDS = [reader.kind for reader in images.READERS]


@pytest.fixture
def sample(request, tmp_path):
    """(path, whether the content is CONTENT) for a kind."""
    kind = request.param
    if kind == "process":
        if not os.path.exists("/proc/self/mem"):
            pytest.skip("needs Linux /proc")
        run = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
        request.addfinalizer(lambda: run.communicate(b"\n"))
        return f"/proc/{run.pid}", False
    path = tmp_path / f"sample.{kind}"
    SAMPLES[kind](path)
    return str(path), True


def each(*left_out):
    return pytest.mark.parametrize("sample", [k for k in KINDS if k not in left_out], indirect=True)


def test_every_reader_has_a_sample_and_a_name_of_its_own():
    assert set(KINDS) == set(SAMPLES) | {"process", "foreign"} and len(set(KINDS)) == len(KINDS)
    assert KINDS[-1] == "raw", "anything may be raw memory, so raw comes last"
    assert all(reader.what for reader in images.READERS)


@each("foreign")
def test_an_image_says_what_it_is(sample, request):
    path, known = sample
    with images.open(path) as image:
        kind = request.node.callspec.params["sample"]
        assert (
            image.kind == kind and image.path == path and image.description and path in repr(image)
        )
        assert len(image) == image.pages > 0 and image.bytes == image.pages * PAGE
        assert 0 < image.data_pages <= image.pages and bool(image)
        if known:
            assert image.pages == PAGES
        assert sum(s.pages for s in image.segments) <= image.pages
        assert list(image.segments) == sorted(image.segments)
    image.close()


@each("foreign")
@pytest.mark.parametrize("batch", [1, 2, 1024])
def test_batches_have_the_promised_shape_and_order(sample, batch):
    path, known = sample
    with images.open(path, batch=batch) as image:
        last = -1
        for ppns, pages in image:
            assert ppns.dtype == np.int64 and pages.dtype == np.uint8
            assert (
                0 < len(ppns) <= batch
                and pages.shape == (len(ppns), PAGE)
                and pages.flags.c_contiguous
            )
            assert last < ppns[0] and (np.diff(ppns) > 0).all()
            if known:
                assert (pages == CONTENT[ppns]).all()
            last = ppns[-1]
        assert last < image.pages


@each("foreign")
def test_two_iterations_at_once_do_not_disturb_each_other(sample):
    path, known = sample
    with images.open(path, batch=2) as image:
        for (a, x), (b, y) in zip(image, image.batches(2), strict=False):
            assert (a == b).all() and x is not y and not np.shares_memory(x, y)
            x[:] = 0
            if known:
                assert (y == CONTENT[b]).all()


@each("foreign")
def test_batches_may_be_kept_and_changed(sample):
    path, known = sample
    with images.open(path, batch=1) as image:
        kept = [(int(ppns[0]), pages) for (ppns, pages), _ in zip(image, range(20), strict=False)]
    marks = []
    for index, (_, pages) in enumerate(kept):
        if known:
            assert (pages[0] == CONTENT[kept[index][0]]).all()
        pages[:] = index
        marks.append(pages)
    assert all((pages == index).all() for index, pages in enumerate(marks))


@each("foreign")
def test_progress_grows_to_its_total(sample):
    calls = []
    with images.open(sample[0]) as image:
        for _ in image.batches(2, progress=lambda done, total: calls.append((done, total))):
            pass
    assert calls and calls == sorted(calls) and calls[-1][0] == calls[-1][1] == calls[0][1]


@each("foreign")
def test_a_closed_image_and_bad_arguments_are_named(sample):
    image = images.open(sample[0])
    image.close()
    with pytest.raises(ValueError, match="closed"):
        list(image)
    with pytest.raises(ValueError, match="-3"):
        images.open(sample[0], batch=-3)
    with pytest.raises(ValueError, match="0"):
        image.batches(0)


@each("foreign", "raw")
def test_options_of_other_kinds_are_refused(sample, request):
    kind = request.node.callspec.params["sample"]
    reader = next(r for r in images.READERS if r.kind == kind)
    for option in {"offset", "stop"} - set(reader.options):
        with pytest.raises(ValueError, match=f"{option} does not apply"):
            images.open(sample[0], kind=kind, **{option: 1})


@each("foreign")
def test_a_packed_image_has_no_gaps_between_its_segments(sample):
    with images.open(sample[0], packed=True) as image:
        ends = [0] + [segment.ppn + segment.pages for segment in image.segments]
        assert ends == [segment.ppn for segment in image.segments] + [image.pages]


@each("foreign", "process")
def test_a_cut_at_any_byte_is_an_image_error_or_a_smaller_image(sample, tmp_path):
    path, _ = sample
    with open(path, "rb") as file:
        whole = file.read()
    cut = tmp_path / "cut"
    sizes = {*range(300), *range(0, len(whole), 61), *range(0, len(whole), PAGE), len(whole) - 1}
    for size in sizes:
        cut.write_bytes(whole[:size])
        try:
            with images.open(cut) as image:
                for ppns, pages in image:
                    assert image.kind == "raw" and pages.tobytes() == whole[: pages.size]
                    assert ppns[0] == 0
        except ImageError as error:
            assert str(cut) in str(error)


@each("foreign", "process", "raw")
def test_damaged_headers_raise_nothing_but_image_errors(sample, tmp_path, request):
    path, _ = sample
    with open(path, "rb") as file:
        whole = bytearray(file.read())
    damaged, kind = tmp_path / "damaged", request.node.callspec.params["sample"]
    for at in range(min(200, len(whole))):
        for value in (0, 1, 0x7F, 0xFF):
            damaged.write_bytes(whole[:at] + bytes([value]) + whole[at + 1 :])
            try:
                with images.open(damaged, kind=kind) as image:
                    for _, pages in image:
                        assert pages.shape[1] == PAGE
            except ImageError as error:
                assert str(damaged) in str(error)


@each("foreign", "process")
def test_a_file_that_grows_while_it_is_read_is_an_error(sample):
    path, _ = sample
    with images.open(path, batch=1) as image:
        steps = iter(image)
        next(steps)
        with open(path, "ab") as file:
            file.write(b"x")
        with pytest.raises(ImageError):
            list(steps)
