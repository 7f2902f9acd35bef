"""Text that came from elsewhere, made fit to be shown.

Names of VMs and files, texts of scenarios and traces may hold anything: escape sequences that
a terminal obeys, characters that turn the direction of a line, halves of characters that no
encoding has. Shown are such characters as Python writes them (``\\x1b``, ``\\u202e``), so that a
reader sees that they are there, and a terminal, a page or a picture does nothing but show them.
"""

from __future__ import annotations

import html


def visible(text: object, *, lines: bool = False) -> str:
    """The text with every character that cannot be seen written out: control characters (C0, DEL,
    C1), format characters (bidirectional overrides, zero widths), line separators, surrogates.
    lines: line ends stay."""
    text = str(text)
    if text.isprintable():
        return text
    return "".join(
        each
        if each.isprintable() or (lines and each == "\n") or _is_space(each)
        else each.encode("unicode_escape").decode("ascii")
        for each in text
    )


def on_page(text: object) -> str:
    """The text for a place in an HTML page, in quotes too: nothing of it is markup."""
    return html.escape(visible(text))


def _is_space(each: str) -> bool:
    """Spaces of some width, such as those that do not break."""
    return each.isspace() and each > "\x85" and each not in "\u2028\u2029"
