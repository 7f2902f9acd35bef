"""Where in a TOML file a key stands, for messages: ``file:line``."""

import re

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
        elif inside and key and re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*[.=]", content):
            return line
    return header
