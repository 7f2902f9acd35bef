"""Readers of memory images. The first byte says which reader (or that the file says it itself), the
rest is the file. A reader gives pages of the promised shape, ascending and within the image, or an
ImageError that names the file; nothing else, and in bounded time.
"""

import gzip
import struct

import numpy as np
from fuzz import scratch

from pageengine import images
from pageengine.errors import ImageError

KINDS = (None, "elf", "lime", "gzip", "zstd", "raw", "foreign")
DICTIONARY = (
    b"\x7fELF",
    b"EMiL",
    b"AVML",
    b"\x1f\x8b\x08",
    b"\x28\xb5\x2f\xfd",
    b"\x50\x2a\x4d\x18",
    b"CORE\0",
    b"VMCOREINFO\0",
    b"\x04\0\x3e\0",
    b"\xff\xff\xff\xff\xff\xff\xff\x7f",
    b"QFI\xfb",
    b"KDMV",
    b"conectix",
    b"koly",
    b"EVF\x09",
    b"MDMP",
    b"PAGEDU64",
    b"KDUMP   ",
    b"QEVM",
)
PAGE = 4096


def one(data):
    """One input: whether it was read. Raises what no reader may raise."""
    if not data:
        return False
    kind, packed = KINDS[data[0] % 8 % len(KINDS)], bool(data[0] & 8)
    path = scratch.file(data[1:])
    with scratch.in_time():
        try:
            with images.open(path, kind=kind, batch=64, packed=packed) as image:
                keeps_its_promises(image)
        except ImageError as error:
            assert str(path) in str(error), error
            return False
    return True


def keeps_its_promises(image):
    """Reads all of it."""
    last, read = -1, 0
    assert image.description and len(image) == image.pages >= 0
    assert sum(segment.pages for segment in image.segments) <= image.pages
    for ppns, pages in image:
        assert ppns.dtype == np.int64 and pages.dtype == np.uint8
        assert 0 < len(ppns) <= 64 and pages.shape == (len(ppns), PAGE)
        assert last < ppns[0] and (np.diff(ppns) > 0).all()
        last, read = int(ppns[-1]), read + len(ppns)
    assert last < image.pages and read == image.data_pages


def seeds():
    """Small valid files, by name."""
    content = np.random.default_rng(9).integers(0, 256, 2 * PAGE, dtype=np.uint8)
    content[200:PAGE] = 0
    content[PAGE + 200 :] = 7
    content = content.tobytes()
    ranges = [(0, content[:PAGE]), (4 * PAGE, content[PAGE:])]
    made = {
        "raw": bytes([5]) + content,
        "elf": bytes([0]) + elf([(1, at, part) for at, part in ranges]),
        "elf-note": bytes([9]) + elf([(4, 0, note()), *((1, at, part) for at, part in ranges)]),
        "elf-overlap": bytes([1]) + elf([(1, 0, content), (1, PAGE, content[PAGE:])]),
        "lime": bytes([0]) + b"".join(lime(b"EMiL", 1, at, part) for at, part in ranges),
        "gzip": bytes([0]) + gzip.compress(content, mtime=0),
        "gzip-two": bytes([3]) + gzip.compress(content[:PAGE], mtime=0) * 2,
        "refused": bytes([6]) + b"QFI\xfb\0\0\0\3" + bytes(64),
    }
    try:
        import zstandard
    except ImportError:
        return made
    made["zstd"] = bytes([0]) + zstandard.compress(content)
    packed = lime(b"AVML", 2, 0, content[:PAGE])
    return {**made, "refused-avml": bytes([2]) + packed}


def elf(segments):
    """A 64-bit core file of (type, physical address, bytes)."""
    head = b"\x7fELF\2\1\1".ljust(16, b"\0") + struct.pack(
        "<HHIQQQIHHHHHH", 4, 62, 1, 0, 64, 0, 0, 64, 56, len(segments), 0, 0, 0
    )
    at, table, body = 64 + 56 * len(segments), b"", b""
    for kind, address, part in segments:
        size = len(part)
        table += struct.pack("<IIQQQQQQ", kind, 6, at + len(body), address, address, size, size, 1)
        body += part
    return head + table + body


def note():
    """A note as guests' dumps have them."""
    text = b"OSRELEASE=6.1.0\nPAGESIZE=4096\n\0\0"
    return struct.pack("<III", 11, len(text), 0) + b"VMCOREINFO\0\0" + text


def lime(magic, version, first, part):
    """One range of a LiME file."""
    return struct.pack("<4sIQQQ", magic, version, first, first + len(part) - 1, 0) + part
