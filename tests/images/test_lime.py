"""LiME ranges end inclusively and need not end with a page; an error of one byte would shift
everything behind. Files written here by the format's own definition are read back through
`images.open`."""

import struct

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from pageengine import images
from pageengine.errors import ImageError

PAGE = 4096


def lime(*ranges, magic=0x4C694D45, version=1):
    head = struct.Struct("<IIQQQ")
    return b"".join(
        head.pack(magic, version, first, first + len(data) - 1, 0) + data for first, data in ranges
    )


def gather(path, **options):
    with images.open(path, batch=3, **options) as image:
        return image, {
            int(p): d.tobytes() for ppns, pages in image for p, d in zip(ppns, pages, strict=True)
        }


def test_ranges_lie_at_their_physical_addresses(tmp_path):
    a, b = np.random.default_rng(0).bytes(5 * PAGE), np.random.default_rng(1).bytes(PAGE)
    path = tmp_path / "a.lime"
    path.write_bytes(lime((0x1000, a), (0x100000, b)))
    image, found = gather(path)
    assert (image.kind, image.pages) == ("lime", 0x101)
    assert [tuple(s) for s in image.segments] == [(1, 0x1000, 5), (0x100, 0x100000, 1)]
    assert b"".join(found[i] for i in range(1, 6)) == a and found[0x100] == b and len(found) == 6
    image, found = gather(path, packed=True)
    assert image.pages == 6 and b"".join(found[i] for i in range(6)) == a + b


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 6000), st.integers(1, 9000)), min_size=1, max_size=6))
def test_random_ranges_read_as_a_plain_model_says(tmp_path_factory, shape):
    memory, at, ranges = bytearray(30 * PAGE), 0, []
    for index, (gap, length) in enumerate(shape):
        at += gap
        ranges.append((at, np.random.default_rng(index).bytes(length)))
        memory[at : at + length] = ranges[-1][1]
        at += length
    path = tmp_path_factory.mktemp("lime") / "image"
    path.write_bytes(lime(*ranges))
    image, found = gather(path)
    assert image.pages == -(-at // PAGE)
    for ppn in range(image.pages):
        assert found.get(ppn, bytes(PAGE)) == bytes(memory[ppn * PAGE : (ppn + 1) * PAGE])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (lime((0, b"x" * PAGE))[:20], "header of range 1 expected at byte 0"),
        (lime((0, b"x" * PAGE))[:-1], "truncated: range 1 .* instead of 4128"),
        (lime((0, b"x" * PAGE)) + b"EMiL", "header of range 2 expected at byte 4128"),
        (lime((0, b"x" * PAGE)) + b"y" * 99, "at byte 4128 the header of range 2 was expected"),
        (lime((0, b"x" * PAGE), version=3), "version 3"),
        (struct.pack("<IIQQQ", 0x4C694D45, 1, 9, 3, 0), "addresses 0x9 to 0x3"),
        (struct.pack("<IIQQQ", 0x4C694D45, 1, 9, 1 << 60, 0), "addresses 0x9 to"),
    ],
)
def test_damage_is_named(tmp_path, content, words):
    path = tmp_path / "bad.lime"
    path.write_bytes(content)
    with pytest.raises(ImageError, match=words):
        images.open(path)
