"""Single keys from the terminal, as they are pressed."""

import os
import re
import select
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

#: What arrow keys and their neighbours send, without the escape before it.
_NAMES = {
    b"[A": "up",
    b"[B": "down",
    b"[C": "right",
    b"[D": "left",
    b"[H": "home",
    b"[F": "end",
    b"[1~": "home",
    b"[4~": "end",
}
_NAMES |= {b"O" + code[1:]: name for code, name in _NAMES.items() if len(code) == 2}
#: What one key sends: a sequence, or a byte.
_CODE = re.compile(rb"\x1b[\[O][0-9;?]*[@-~]?|.", re.S)


@contextmanager
def pressed() -> Iterator[Callable[[], list[str]]]:
    """Yields what returns the names of the keys that were pressed since it was last asked; none
    where standard input is no terminal. The terminal is put back as it was.
    """
    if not (sys.stdin and sys.stdin.isatty()):
        yield lambda: []
        return
    import termios  # not everywhere, but where there are such terminals
    import tty

    handle = sys.stdin.fileno()
    before = termios.tcgetattr(handle)
    tty.setcbreak(handle)
    try:
        yield lambda: named(_waiting(handle))
    finally:
        termios.tcsetattr(handle, termios.TCSADRAIN, before)


def _waiting(handle: int) -> bytes:
    """The bytes that nobody has read."""
    found = b""
    while select.select([handle], [], [], 0)[0]:
        more = os.read(handle, 1024)
        if not more:
            break
        found += more
    return found


def named(data: bytes) -> list[str]:
    """The keys that sent these bytes, by name; one that has none is left out."""
    keys = []
    for code in _CODE.findall(data):
        if code[:1] == b"\x1b":
            keys.append(_NAMES.get(code[1:], ""))
        else:
            keys.append(code.decode("ascii") if b" " <= code <= b"~" else "")
    return [key for key in keys if key]
