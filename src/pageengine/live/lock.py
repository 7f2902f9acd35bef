"""Who governs: one governor per host, and a mark per guest that says whose it is. Both are locks of
the kernel's on small files, so that they are gone with the process that holds them, however it
ends.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

from pageengine.errors import LiveError
from pageengine.live.settings import GuestSettings
from pageengine.plumbing import reading, writing

_TEXT_MOST = 4096  # bytes of a lock file
_SAYS = b"process "  # how one begins


class Lock:
    """The lock of a host, held until ``release`` or the end of the process.

    path: of the file. who: what others are told of whoever holds it. Raises LiveError: somebody
    else governs this host, named; or the file cannot be used.
    """

    def __init__(self, path: str, who: str):
        self.path = path
        if not _is_lock(path):
            raise LiveError(
                f"{path}: this file holds something else, which a lock would write over; name "
                "another one (key lock in [host])"
            )
        try:
            self._file = writing.exclusive(path, f"{_SAYS.decode()}{os.getpid()}: {who}\n")
        except BlockingIOError:
            raise LiveError(
                f"{path}: this host is governed already, by {_holder(path)}; one governor per "
                "host: stop that one first"
            ) from None
        except OSError as error:
            raise LiveError(
                f"{path}: {error.strerror}; the lock must be a file that may be read here, or a "
                "name in a folder that may be written (key lock in [host])"
            ) from None

    def release(self) -> None:
        """The host may be governed by others."""
        self._file.close()


class Marks:
    """Which guests are governed from here: a mark of each, beside the lock of the host, by where
    the guest is. Governors of other locks see it too, if their locks are in the same folder.
    """

    def __init__(self, lock: str, who: str):
        self._folder, self._who = Path(lock).absolute().parent, who
        self._held: dict[str, Lock] = {}

    def take(self, settings: GuestSettings) -> str:
        """Makes the guest ours; "" if it is, or else whose it is."""
        place = self._place(settings)
        if place in self._held:
            return ""
        try:
            self._held[place] = Lock(place, self._who)
        except LiveError as error:
            return f"it is not ours: {_holder(place) or error}"
        return ""

    def keep(self, settings: Iterable[GuestSettings]) -> None:
        """No other guests than these are ours any more."""
        places = {self._place(one) for one in settings}
        for place in self._held.keys() - places:
            self._held.pop(place).release()

    def release(self) -> None:
        """No guest is ours any more."""
        for lock in self._held.values():
            lock.release()
        self._held = {}

    def _place(self, settings: GuestSettings) -> str:
        at = os.path.realpath(settings.at) if settings.kind == "qemu" else settings.at
        name = hashlib.sha256(f"{settings.kind}\0{at}".encode()).hexdigest()[:16]
        return str(self._folder / f"pageengine-guest-{name}.lock")


def _is_lock(path: str) -> bool:
    """Whether there is nothing yet, or what a lock says of its holder."""
    if not reading.is_file(path):
        return True
    try:
        with open(path, "rb") as file:
            return file.read(len(_SAYS)) in (b"", _SAYS)
    except OSError:  # whatever is wrong with it is said when it is opened
        return True


def _holder(path: str) -> str:
    """What whoever holds a lock says of itself."""
    try:
        return reading.text(path, LiveError, _TEXT_MOST).strip() or "a process that does not say"
    except (LiveError, OSError):
        return "a process that does not say"


def governor_of(path: str, root: Path = Path("/")) -> str:
    """What whoever holds this lock says of itself, "" where nobody does; the lock is not touched.
    root: folder in which proc/ is found.
    """
    try:
        file = os.stat(path).st_ino
        locks = (root / "proc/locks").read_text().splitlines()
    except OSError:
        return ""
    for words in map(str.split, locks):  # 1: FLOCK ADVISORY WRITE PID MAJOR:MINOR:INODE 0 EOF
        if words[1:2] == ["FLOCK"] and words[5].rpartition(":")[2] == str(file):
            return _holder(path)
    return ""
