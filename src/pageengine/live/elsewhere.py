"""State files of other governors of this host. Whoever changes guests leaves a note beside the lock
of the host that says where its state file is, so that a governor of another config does not take
for a guest's own size what is still to be given back to it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from pageengine.errors import LiveError
from pageengine.live.readings import GuestReading
from pageengine.live.settings import GuestSettings
from pageengine.live.sources.process import has_ended, is_same
from pageengine.live.state import GuestState, Saved, StateFile
from pageengine.plumbing import reading, writing

_TEXT_MOST = 1 << 14  # bytes of a note
_BEGIN, _END = "pageengine-state-", ".path"


class Notes:
    """lock: path of the lock of the host, beside which notes are. state: path of our state file."""

    def __init__(self, lock: str, state: str):
        self._folder, self._state = Path(lock).absolute().parent, os.path.realpath(state)
        name = hashlib.sha256(os.fsencode(self._state)).hexdigest()[:16]
        self._path = self._folder / f"{_BEGIN}{name}{_END}"

    def leave(self) -> None:
        """Others find our state file from now on. OSError: the note cannot be written."""
        if not self._path.exists():
            writing.text(self._path, f"{self._state}\n")

    def remove(self) -> None:
        """There is nothing in our state file that is to be given back."""
        with suppress(OSError):  # one that stays names a file in which nothing is found
            self._path.unlink()

    def check(
        self,
        settings: Iterable[GuestSettings],
        seen: Mapping[str, GuestReading],
        of_this_start: Callable[[StateFile, Saved], bool],
    ) -> None:
        """Raises LiveError where one of these guests is still to be given back by another state
        file, or one cannot be read; says what to do first. seen: what was read of them.
        """
        settings = list(settings)
        for path in self._others():
            file = StateFile(path)
            try:
                saved = file.read()
                if saved is None or not of_this_start(file, saved):
                    continue
            except (LiveError, OSError) as error:
                said = reading.brief(error)
                raise LiveError(
                    f"what a governor before has taken cannot be read: {said}; put that right, or "
                    f"delete {path} if all guests have their memory back"
                ) from None
            changed = [
                f"guest {one.name!r}"
                for one in settings
                for entry in saved.guests.values()
                if _is_of(entry, one, seen.get(one.name))
            ] + (["KSM"] if saved.knobs is not None else [])
            for what in changed:
                raise LiveError(
                    f"{what} was changed by the governor of {saved.config}, and is not as it was; "
                    f"give back first what that has taken: pageengine release {path}"
                )

    def _others(self) -> list[str]:
        found = []
        for note in sorted(self._folder.glob(f"{_BEGIN}*{_END}")):
            with suppress(LiveError, OSError):  # gone meanwhile, or none of ours
                path = reading.text(note, LiveError, _TEXT_MOST).strip()
                if "\0" not in path and os.path.isabs(path) and path != self._state:
                    found.append(path)
        return found


def _is_of(entry: GuestState, one: GuestSettings, seen: GuestReading | None) -> bool:
    """Whether an entry is of this guest, and of a process that may be there yet."""
    if seen is not None:
        return is_same(entry.life, seen.life)
    return _place(entry.settings) == _place(one) and not has_ended(entry.life)


def _place(one: GuestSettings) -> tuple[str, str]:
    return one.kind, os.path.realpath(one.at) if one.kind == "qemu" else one.at
