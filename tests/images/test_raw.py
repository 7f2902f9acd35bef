"""A raw image is read in bounded memory, holes and all, and anything else than whole pages is
refused with advice. Small files are written and read back through the public `images.open`."""

import os
import subprocess
import sys

import numpy as np
import pytest

from pageengine import images
from pageengine.errors import ImageError


def random_pages(n, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, 4096), dtype=np.uint8)


def gather(image):
    """All pages of an image, holes as zeros, and the set of PPNs that were yielded."""
    out, seen = np.zeros((image.pages, 4096), np.uint8), []
    for ppns, pages in image:
        assert (
            ppns.dtype == np.int64 and pages.dtype == np.uint8 and pages.shape == (len(ppns), 4096)
        )
        out[ppns] = pages
        seen.extend(ppns.tolist())
    assert seen == sorted(set(seen))
    return out, seen


def test_what_was_written_is_read(tmp_path):
    path, pages = tmp_path / "a.raw", random_pages(37)
    pages.tofile(path)
    with images.open(path, batch=8) as image:
        assert (image.kind, image.pages, len(image), image.bytes) == ("raw", 37, 37, 37 * 4096)
        out, seen = gather(image)
        assert [len(ppns) for ppns, _ in image] == [8, 8, 8, 8, 5]
        assert [len(ppns) for ppns, _ in image.batches(20)] == [20, 17]
    assert (out == pages).all() and seen == list(range(37))


def test_batches_that_are_kept_stay_as_they_were(tmp_path):
    path, pages = tmp_path / "a.raw", random_pages(64)
    pages.tofile(path)
    kept = [(ppns, data[1:]) for ppns, data in images.open(path, batch=4)]
    for ppns, data in kept:
        assert (data == pages[ppns[1:]]).all()


def test_holes_of_a_sparse_file_are_not_yielded(tmp_path):
    path, pages = tmp_path / "sparse.vmem", random_pages(4)
    with open(path, "wb") as file:
        file.truncate(4096 * 1000)
        os.pwrite(file.fileno(), pages[:3].tobytes(), 4096 * 100)
        os.pwrite(file.fileno(), pages[3].tobytes(), 4096 * 900)
    image = images.open(path)
    out, seen = gather(image)
    assert (
        image.pages == 1000 and (out[100:103] == pages[:3]).all() and (out[900] == pages[3]).all()
    )
    assert not np.delete(out, [100, 101, 102, 900], axis=0).any()
    if len(seen) == 1000:
        pytest.skip("this file system keeps no holes")
    assert {100, 101, 102, 900} <= set(seen) and image.data_pages == len(seen) < 100
    assert "VMware" in image.description


def test_a_remainder_is_refused_with_a_command_that_helps(tmp_path):
    path = tmp_path / "it's odd.raw"
    path.write_bytes(b"x" * 5000)
    with pytest.raises(ImageError, match=r"odd\.raw.*remainder of 904.*truncate -s 8192") as caught:
        images.open(path)
    command = str(caught.value).rsplit(": ", 1)[1]
    subprocess.run(command, shell=True, check=True, cwd=tmp_path)
    with images.open(f"{path}.padded") as image:
        assert gather(image)[0].tobytes() == (b"x" * 5000).ljust(8192, b"\0")
    assert path.stat().st_size == 5000


def test_what_looks_compressed_is_not_told_to_be_padded(tmp_path):
    path = tmp_path / "odd"
    path.write_bytes(np.random.default_rng(2).bytes(5000))
    with pytest.raises(ImageError, match="look compressed or encrypted") as caught:
        images.open(path)
    assert "truncate" not in str(caught.value)


def test_an_empty_file_is_refused(tmp_path):
    path = tmp_path / "empty.raw"
    path.touch()
    with pytest.raises(ImageError, match="holds no memory"):
        images.open(path)


def test_memory_may_begin_at_an_offset(tmp_path):
    path, pages = tmp_path / "a.raw", random_pages(3)
    path.write_bytes(b"h" * 100 + pages.tobytes())
    assert (gather(images.open(path, offset=100))[0] == pages).all()
    with pytest.raises(ValueError, match="-1"):
        images.open(path, offset=-1)
    with pytest.raises(ImageError, match="holds no memory"):
        images.open(path, offset=10**6)


@pytest.mark.parametrize("damage", ["shorter", "rewritten"])
def test_a_file_that_changes_while_it_is_read_is_an_error(tmp_path, damage):
    path = tmp_path / "a.raw"
    random_pages(16).tofile(path)
    steps = iter(images.open(path, batch=4))
    next(steps)
    if damage == "shorter":
        os.truncate(path, 4096 * 6)
    else:
        os.utime(path, ns=(1, 1))
    with pytest.raises(ImageError, match="changed while it was read"):
        list(steps)


def test_bad_arguments_are_named(tmp_path):
    path = tmp_path / "a.raw"
    random_pages(1).tofile(path)
    with pytest.raises(ValueError, match="batch.*0"):
        images.open(path, batch=0)
    with pytest.raises(TypeError, match=r"batch.*1\.5"):
        images.open(path, batch=1.5)
    with pytest.raises(ValueError, match="'nonsense'"):
        images.open(path, kind="nonsense")
    with pytest.raises(FileNotFoundError):
        images.open(tmp_path / "missing")


def test_a_closed_image_says_so(tmp_path):
    path = tmp_path / "a.raw"
    random_pages(1).tofile(path)
    image = images.open(path)
    image.close()
    image.close()
    with pytest.raises(ValueError, match="closed"):
        list(image)


def test_progress_counts_bytes_up_to_the_total(tmp_path):
    path, calls = tmp_path / "a.raw", []
    random_pages(10).tofile(path)
    list(images.open(path).batches(4, lambda done, total: calls.append((done, total))))
    assert calls[-1] == (40960, 40960) and calls == sorted(calls)


def test_what_is_no_file_is_refused_at_once(tmp_path):
    with pytest.raises(ImageError, match="a directory"):
        images.open(tmp_path)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(ImageError, match="not a regular file"):
            images.open(tmp_path / "pipe")


def test_a_path_may_be_text_bytes_or_a_path_object(tmp_path):
    path = tmp_path / "a.raw"
    random_pages(2).tofile(path)
    for name in (path, str(path), os.fsencode(path)):
        assert images.open(name).path == str(path)


def test_peak_memory_does_not_depend_on_the_size_of_the_image(tmp_path):
    code = """if True:
        import resource, sys
        from pageengine import images
        peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        images.open(sys.argv[1])
        before = peak()
        for ppns, pages in images.open(sys.argv[1], batch=256):
            pass
        print(peak() - before)
    """
    pytest.importorskip("resource")
    path = tmp_path / "large.raw"
    with open(path, "wb") as file:
        file.writelines(b"x" * (1 << 20) for _ in range(64))
    shown = subprocess.run([sys.executable, "-c", code, path], check=True, capture_output=True)
    assert int(shown.stdout) < 16, "MiB more than before reading 64 MiB"
