"""Files that are there whole or not at all: every file that the package writes is written here.

A file is written without a name, or under one of its own in the same folder, brought to the disk
(fsync), and only then given its name; the folder is brought to the disk too. Whoever reads the name
finds the whole old file or the whole new one, whatever ends the program, or none where there was
none. Where the system has files without names (Linux: O_TMPFILE) not even SIGKILL leaves anything
behind; elsewhere it may leave a ``.pageengine-*.part``, which nothing reads.

Errors are OSError with the name that was asked for (``filename``), never that of a part. What is
no regular file (a terminal, a pipe, /dev/null) is written as it comes, for it keeps nothing.
"""

from __future__ import annotations

import errno
import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO

_NO_NAMELESS = {errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL, errno.ENOENT}
_OPEN = os.O_WRONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_HANDLES = "/proc/self/fd"  # a file without a name gets one by way of its handle


@contextmanager
def whole(path: str | os.PathLike[str], mode: int | None = None) -> Iterator[Out]:
    """A file to write bytes to. It appears as ``path`` when the block ends, and not if that ends by
    an exception. mode: its permissions; those of the file that it replaces, or the usual ones."""
    with together() as files:
        yield files.open(path, mode)


@contextmanager
def together() -> Iterator[Files]:
    """Several files, of which none gets its name before the last is written."""
    files = Files()
    try:
        yield files
        files.commit()
    finally:
        files.close()


def text(path: str | os.PathLike[str], content: str) -> None:
    """Writes a file of UTF-8 text."""
    with whole(path) as file:
        file.write(content.encode("utf-8"))


def append(path: str | os.PathLike[str], data: bytes) -> None:
    """Adds bytes to the end of a file, all of them or none, and brings them to the disk."""
    target = os.fspath(path)
    with _named(target):
        handle = os.open(target, _OPEN | os.O_APPEND)
    with Out(handle, target) as file:
        before = os.fstat(handle).st_size
        try:
            file.write(data)
            with _named(target):
                os.fsync(handle)
        except BaseException:
            with suppress(OSError):
                os.ftruncate(handle, before)
            raise


def put_aside(path: str | os.PathLike[str], other: str | os.PathLike[str]) -> None:
    """Gives a file another name, in place of what had it."""
    with _named(os.fspath(path)):
        os.replace(path, other)


def exclusive(path: str | os.PathLike[str], content: str) -> Out:
    """A file that one process has at a time, as long as it has it open, and no longer, however it
    ends. content: who has it, for those who come later; left as it is where it is somebody else's
    file. The file stays when it is free. BlockingIOError: another process has it.
    """
    import fcntl

    target = os.fspath(path)
    with _named(target):
        handle = _opened_by_any(target)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with suppress(OSError):  # it may be read, and so locked, but not written
                os.ftruncate(handle, 0)
                os.pwrite(handle, content.encode("utf-8"), 0)
        except BaseException:
            os.close(handle)
            raise
    return Out(handle, target)


def _opened_by_any(target: str) -> int:
    """A file that is there is not made anew: in a folder for all (/run/lock) the system refuses
    that for a file of somebody else's."""
    flags = os.O_RDWR | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)
    try:
        return os.open(target, flags)
    except FileNotFoundError:
        return os.open(target, flags | os.O_CREAT, 0o644)
    except PermissionError:
        return os.open(target, flags & ~os.O_RDWR | os.O_RDONLY)


def write_at(file: BinaryIO | Out, data: Any, offset: int) -> None:
    """Writes all of the bytes of a buffer at an offset of an open file."""
    view = memoryview(data).cast("B")
    done = 0
    with _named(getattr(file, "target", file.name)):
        while done < len(view):
            done += os.pwrite(file.fileno(), view[done:], offset + done)


class Out(io.FileIO):
    """A file that is being written. Every write is whole; what fails names the file."""

    def __init__(self, handle: int, target: str):
        super().__init__(handle, "wb")
        self.target = target

    def write(self, data: Any) -> int:
        """All of the bytes of a buffer at the file's position."""
        view = memoryview(data).cast("B")
        done = 0
        while done < len(view):
            with _named(self.target):
                done += super().write(view[done:]) or 0
        return done


class Files:
    """Files that get their names together."""

    def __init__(self) -> None:
        self._parts: list[_Part] = []

    def open(self, path: str | os.PathLike[str], mode: int | None = None) -> Out:
        """One more file to write bytes to."""
        part = _Part(os.fspath(path), mode)
        self._parts.append(part)
        return part.out

    def commit(self) -> None:
        """Brings all files to the disk, then gives them their names."""
        for part in self._parts:
            part.sync()
        for part in self._parts:
            part.give_name()
        for folder in dict.fromkeys(part.folder for part in self._parts if part.folder):
            _sync_folder(folder)

    def close(self) -> None:
        """Drops what has not got its name."""
        for part in self._parts:
            part.drop()


class _Part:
    """A file before it has its name. folder: where it will be; empty where it is written as it
    comes."""

    def __init__(self, target: str, mode: int | None):
        self._target, self._hidden, self.folder = target, "", ""
        with _named(target):
            found = _there(target)
            if found is not None and not stat.S_ISREG(found.st_mode):
                self.out = Out(os.open(target, _OPEN), target)
                return
            real = os.path.realpath(target)  # a link stays one
            if found is not None and not os.access(real, os.W_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), target)
            self.folder, self._name = os.path.split(real)
            self.out = Out(self._opened(0o666 if mode is None else mode), target)
            if found is not None and mode is None:
                self._take_over(found)

    def _opened(self, mode: int) -> int:
        if hasattr(os, "O_TMPFILE") and os.path.isdir(_HANDLES):
            try:
                return os.open(self.folder, _OPEN | os.O_TMPFILE, mode)
            except OSError as error:
                if error.errno not in _NO_NAMELESS:
                    raise
        self._hidden = self._part_name()
        return os.open(self._hidden, _OPEN | os.O_CREAT | os.O_EXCL, mode)

    def _part_name(self) -> str:
        return os.path.join(self.folder, f".pageengine-{os.getpid()}-{os.urandom(6).hex()}.part")

    def _take_over(self, found: os.stat_result) -> None:
        """Permissions and owner of the file that is replaced, as far as we may."""
        if hasattr(os, "fchmod"):
            os.fchmod(self.out.fileno(), found.st_mode & 0o777)
        if hasattr(os, "fchown") and os.geteuid() == 0:
            with suppress(OSError):
                os.fchown(self.out.fileno(), found.st_uid, found.st_gid)

    def sync(self) -> None:
        if self.folder:
            with _named(self._target):
                os.fsync(self.out.fileno())

    def give_name(self) -> None:
        if not self.folder:
            return
        with _named(self._target):
            if not self._hidden:
                hidden = self._part_name()
                _link(self.out.fileno(), hidden)
                self._hidden = hidden
            os.replace(self._hidden, os.path.join(self.folder, self._name))
            self._hidden = ""

    def drop(self) -> None:
        self.out.close()
        if self._hidden:
            with suppress(OSError):
                os.unlink(self._hidden)


def _link(handle: int, path: str) -> None:
    """Names an open file that has no name."""
    handles = os.open(_HANDLES, os.O_RDONLY)  # a folder's handle, or the link would be to a link
    try:
        os.link(str(handle), path, src_dir_fd=handles, follow_symlinks=True)
    finally:
        os.close(handles)


def _sync_folder(folder: str) -> None:
    """Brings a new name to the disk, where the system lets us."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _there(path: str) -> os.stat_result | None:
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    return found


@contextmanager
def _named(target: str) -> Iterator[None]:
    """Errors of the system carry the name that the caller knows."""
    try:
        yield
    except OSError as error:
        if error.errno is None:
            raise
        raise OSError(error.errno, os.strerror(error.errno), target) from error
