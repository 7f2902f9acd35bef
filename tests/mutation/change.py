"""One small change of one source file, and the name it keeps when lines move."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Change:
    """text[start:end] of the file becomes ``put``. before, after: the lines it touches, blanks
    squeezed; with file and function they are what it is known by.
    """

    file: str
    function: str
    start: int
    end: int
    put: str
    line: int = 0
    before: str = ""
    after: str = ""
    nth: int = field(default=0)  # among changes of the same lines of one function

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What stands for it in equivalent.toml."""
        return self.file, self.function, self.before, self.after

    @property
    def id(self) -> str:
        named = "\0".join((*self.key, str(self.nth)))
        return hashlib.sha256(named.encode()).hexdigest()[:8]

    def apply(self, text: str) -> str:
        return text[: self.start] + self.put + text[self.end :]


def squeezed(text: str) -> str:
    return " ".join(text.split())


def named(text: str, found: list[Change]) -> list[Change]:
    """The changes in the order of the file, each once, with line, lines before and after, and
    their number among those that look the same.
    """
    seen: Counter = Counter()
    done = []
    for change in sorted(set(found), key=lambda c: (c.start, c.end, c.put)):
        first = text.rfind("\n", 0, change.start) + 1
        last = text.find("\n", change.end)
        last = len(text) if last < 0 else last
        before = squeezed(text[first:last])
        after = squeezed(text[first : change.start] + change.put + text[change.end : last])
        if before == after:
            continue
        known = (change.function, before, after)
        done.append(
            Change(
                change.file,
                change.function,
                change.start,
                change.end,
                change.put,
                text.count("\n", 0, change.start) + 1,
                before,
                after,
                seen[known],
            )
        )
        seen[known] += 1
    return done
