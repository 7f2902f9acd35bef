"""Where in a TOML file a key stands, for messages: ``file:line``."""

import re

_VALUE = re.compile(r"[\"']?\s*[.=]")
_HEADER = re.compile(r"\s*\[(\[)?\s*([^\]]+?)\s*\]")


def line_of(text: str, section: str, number: int | None, key: str | None) -> int | None:
    """The line of ``key`` in ``[section]``, or in the ``number``-th ``[[section]]``, counted from
    0; that of the header where the key is not found; None where that is missing too."""
    seen, inside, header = -1, not section, None
    for line, content in enumerate(text.split("\n"), 1):
        match = _HEADER.match(content)
        if match:
            if inside and (header or section):
                break
            inside = False
            if not section and match[2] == key:
                return line
            if match[2].strip("\"'") == section:
                seen += 1
                inside = number is None or seen == number
                header = line if inside else None
        elif inside and key and _says(content, key):
            return line
    return header


def _says(content: str, key: str) -> bool:
    """Whether a line gives this key a value, or a key under it."""
    bare = content.lstrip().removeprefix('"').removeprefix("'")
    return bare.startswith(key) and bool(_VALUE.match(bare, len(key)))
