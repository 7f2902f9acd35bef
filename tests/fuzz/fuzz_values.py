"""Small texts that people and other programs write: sizes, times and values of a command line, the
JSON of a content profile, the mappings of a process. The first byte says which; the rest is the
text. Each is read, or refused with a ValueError that says something.
"""

from fuzz import scratch

from pageengine.images import mappings
from pageengine.lab import contents, fields
from pageengine.units import parse_size

DICTIONARY = (
    b"MiB",
    b"GiB",
    b"pages",
    b"%",
    b"1 h 30 min",
    b"1e999",
    b"inf",
    b"nan",
    b"0x10",
    b"[[[[",
    b"{",
    b'"sizes"',
    b'"zero"',
    b'"name"',
    b'"copies"',
    b"null",
    b"\xd9\xa3",
    b"00400000-00452000 r-xp",
    b"VmFlags: rd ex mr mw me dw",
    b"Rss: 4 kB",
    b"(deleted)",
    b"[heap]",
)


def split(text):
    return [fields.value(part) for part in fields.split(text)]


READ = (
    lambda text: parse_size(text, "size"),
    fields.size,
    fields.duration,
    fields.part,
    fields.size_or_part,
    fields.shares,
    fields.name,
    split,
    fields.value,
    contents.ContentProfile.from_json,
    contents.find,
    mappings.parse,
)


def one(data):
    """One input: whether it was read. Raises what no text may lead to."""
    if not data:
        return False
    text = data[1:].decode("utf-8", "surrogateescape" if data[0] & 128 else "replace")
    with scratch.in_time():
        try:
            READ[data[0] % 16 % len(READ)](text)
        except (ValueError, OSError) as error:
            assert str(error), repr(error)
            return False
    return True


def seeds():
    """Small valid texts, by name."""
    smaps = (
        "00400000-00452000 r-xp 00000000 08:02 173521 /usr/bin/a b\nSize: 328 kB\nRss: 4 kB\n"
        "Anonymous: 4 kB\nSwap: 0 kB\nVmFlags: rd ex mr mw me dw\n"
    )
    texts = {
        "size": (0, "1.5 GiB"),
        "pages": (1, "512 MiB"),
        "time": (2, "1 h 30 min"),
        "part": (3, "75 %"),
        "most": (4, "65%"),
        "shares": (5, "high"),
        "name": (6, "web-1"),
        "list": (7, "4 GiB, [1, 2], { a = 'b,c' }"),
        "value": (8, "{ kind = 'zipf', rate = 10 }"),
        "profile": (9, contents.PROFILES["linux"].to_json()),
        "preset": (10, "linux"),
        "smaps": (11, smaps),
    }
    return {name: bytes([which]) + text.encode() for name, (which, text) in texts.items()}
