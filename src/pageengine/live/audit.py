"""The audit log: one line of JSON a decision, with all that is needed to make it again.

Lines are whole: each is appended with all of its bytes or none. A file that has grown too large is
put aside under its name with ``.1``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pageengine.control.controller import Decision
from pageengine.errors import LiveError
from pageengine.live import records
from pageengine.plumbing import reading, writing
from pageengine.plumbing.frozen import Frozen, fresh
from pageengine.policy.guard import Limits

SCHEMA = 1


class Logged(Frozen):
    """One line of the log.

    Attributes:
        time: [text] when, as ISO 8601 in UTC
        mode: [text] "recommend" or "enforce"
        policy: [text] who decided
        options: [by name] of the policy
        limits: [Limits] what the guard kept to; None: there was none
        decision: [Decision] what was seen and said
        orders: [by name] what it came to (live.orders.Orders)
        states: [text by name] of each guest (live.watch.STATES)
        why: [text by name] of those that did not answer, or are left alone
        results: [Carried each] what became of the orders; none where nothing was to be done
    """

    time: str
    mode: str
    policy: str
    options: Mapping[str, Any]
    limits: Limits | None
    decision: Decision
    orders: Any = fresh(factory=dict)
    states: Mapping[str, str] = fresh(factory=dict)
    why: Mapping[str, str] = fresh(factory=dict)
    results: tuple[Any, ...] = ()


class AuditLog:
    """The file that is written. most: bytes at which it is put aside. OSError: it cannot be."""

    def __init__(self, path: str, most: int):
        self.path, self._most = path, most
        self._whole = False

    def add(self, entry: Logged) -> None:
        """One line, on the disk when this returns."""
        text = records.line({"schema": SCHEMA, **vars(entry)}) + "\n"
        size = _size(self.path)
        if size and size + len(text) > self._most:
            writing.put_aside(self.path, f"{self.path}.1")
            size = None
        if size is None:
            writing.text(self.path, text)
        else:
            cut = not self._whole and not _ends_whole(self.path)
            writing.append(self.path, (("\n" if cut else "") + text).encode("utf-8"))
        self._whole = True


class Unread(Frozen):
    """A line that cannot be read.

    Attributes:
        line: [number] from 1
        why: [text] what is wrong with it
    """

    line: int
    why: str


def entries(path: str) -> Iterator[Logged | Unread]:
    """What a log holds, line by line. Raises LiveError: it is no regular file; OSError."""
    reading.regular(path, LiveError)
    with open(path, "rb") as file:
        for number, data in enumerate(file, 1):
            if data.strip():
                try:
                    yield _entry(data)
                except (LiveError, ValueError, RecursionError) as error:
                    cut = "" if data.endswith(b"\n") else "the line is cut off: "
                    yield Unread(number, cut + reading.brief(error))


def _entry(data: bytes) -> Logged:
    found = json.loads(data)
    if not isinstance(found, dict) or found.pop("schema", None) != SCHEMA:
        raise LiveError(f"no decision of this version (schema {SCHEMA})")
    return records.made(Logged, found, decision=_decision, limits=records.limits, results=tuple)


def _decision(data: Any) -> Decision:
    return records.made(
        Decision,
        data,
        snapshot=records.snapshot,
        plan=records.plan,
        guarded=records.plan,
        clips=records.clips,
    )


def _size(path: str) -> int | None:
    """Bytes of the file; None where there is none."""
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return None


def _ends_whole(path: str) -> bool:
    """Whether the file ends where a line does: power may have gone in the middle of one."""
    if not reading.is_file(path) or not _size(path):
        return True
    with Path(path).open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"
