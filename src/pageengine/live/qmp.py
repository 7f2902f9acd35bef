"""The monitor of one QEMU, by the library qemu.qmp: opened with a deadline, closed without waiting,
and every error of the library's said as LiveError.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import socket
import stat
import struct
from collections.abc import Mapping
from functools import cache
from typing import Any

from pageengine.errors import LiveError
from pageengine.live.guests import Gone
from pageengine.live.holders import holders
from pageengine.live.sources import process
from pageengine.live.worker import Worker

GREETING_SECONDS = 2.0  # QEMU greets at once, if it does at all
_ANSWER_MOST = 1 << 20  # bytes
SOCKET = "-qmp unix:{},server=on,wait=off"
OWN = f"give QEMU one of its own: {SOCKET.format('PATH')}"


class Refused(LiveError):
    """QEMU understood a command and refused it. kind: QEMU's class of the error."""

    kind = ""


class Monitor:
    """One connection. ``await open()`` first. pid: of who listens, 0 where that cannot be told."""

    def __init__(self, path: str, worker: Worker):
        self.path = path
        self.pid = 0
        self.heard: set[str] = set()
        self.resets = 0
        self._worker = worker
        self._client: Any = None
        self._socket: socket.socket | None = None

    async def open(self) -> None:
        """Connects. Raises Gone: nobody listens there; LiveError: it is another's, does not
        greet, or is libvirt's.
        """
        self._refuse_libvirt(self.path)
        library = _library()
        made = self._connected()
        self._socket = made
        self.pid = struct.unpack("3i", made.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[
            0
        ]
        if self.pid:
            self._refuse_libvirt(" ".join(process.command_of(self.pid)))
        client = _client(library)(self.path, _ANSWER_MOST)
        client.events.names.add("")  # the library's own listener would keep all events for ever
        client.register_listener(_listener(library, self))
        try:
            async with asyncio.timeout(GREETING_SECONDS):
                await client.connect(made)
        except TimeoutError:
            raise LiveError(await self._worker.run(self._who_holds)) from None
        except library.QMPError as error:
            raise LiveError(f"{self.path} does not speak QMP: {_said(error)}; {OWN}") from error
        self._client = client

    async def execute(self, command: str, **arguments: Any) -> Any:
        """What QEMU answers. Raises Refused; LiveError: the connection broke."""
        library = _library()
        if self._client is None:
            raise LiveError(f"{self.path}: the monitor is not open")
        try:
            return await self._client.execute(command, arguments or None)
        except library.ExecuteError as error:
            refused = Refused(f"QEMU refuses {command}: {error}")
            refused.kind = error.error_class
            raise refused from error
        except (library.QMPError, OSError, EOFError) as error:
            raise LiveError(f"{self.path}: the monitor was closed: {_said(error)}") from error

    async def asked(self, command: str, **arguments: Any) -> Any:
        """What QEMU answers; None where it refuses: it is older, or has not what is asked for."""
        try:
            return await self.execute(command, **arguments)
        except Refused:
            return None

    async def close(self) -> None:
        """Closes it, whatever state it is in."""
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)  # so that no flush waits for QEMU
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(Exception):  # what broke it is of no interest any more
                await client.disconnect()
        if self._socket is not None:
            self._socket.close()

    def _connected(self) -> socket.socket:
        made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        made.setblocking(False)  # a full backlog is an error then, and nothing to wait for
        try:
            made.connect(self.path)
        except (OSError, ValueError) as error:
            made.close()
            raise self._unreachable(error) from error
        return made

    def _unreachable(self, error: OSError | ValueError) -> LiveError:
        number = getattr(error, "errno", None)
        if number == errno.ENOENT:
            return Gone(
                f"{self.path}: there is no such socket: start QEMU with {SOCKET.format(self.path)}"
            )
        if number == errno.ECONNREFUSED:
            with contextlib.suppress(OSError):
                if not stat.S_ISSOCK(os.stat(self.path).st_mode):
                    return LiveError(f"{self.path} is not a socket; {OWN}")
            return Gone(f"{self.path}: nobody listens there any more; QEMU has ended")
        if number == errno.EAGAIN:
            return LiveError(self._who_holds())
        if number in (errno.EACCES, errno.EPERM):
            whose = ""
            with contextlib.suppress(OSError):
                whose = f", it is user {os.stat(self.path).st_uid}'s"
            return LiveError(f"{self.path} may not be opened{whose}: be its user, or in its group")
        why = getattr(error, "strerror", None) or str(error)
        return LiveError(f"{self.path} cannot be opened: {why}")

    def _who_holds(self) -> str:
        held = holders(self.path)
        if held:
            said = ", ".join(f"{name or '?'} (process {pid})" for pid, name in held)
            return f"{self.path} is held by {said}, and a monitor serves one client; {OWN}"
        if self.pid and process.is_stopped(self.pid):
            return f"{self.path}: its QEMU, process {self.pid}, is stopped by a signal (SIGCONT)"
        return f"{self.path}: somebody listens and does not greet: QEMU hangs, or serves another"

    def _refuse_libvirt(self, said: str) -> None:
        if is_libvirts(said):
            raise LiveError(
                f"{self.path}: this guest is libvirt's, which has to know of every change: give it "
                "as kind libvirt, at its domain's name"
            )


def is_libvirts(said: str) -> bool:
    """Whether a socket's path, or a QEMU's command line, is of a guest that libvirt runs. That a
    disk lies where libvirt has its images says nothing.
    """
    return "charmonitor" in said or "/libvirt/qemu/" in said


def mapping(said: Any) -> Mapping[str, Any]:
    """An answer that should be an object; an empty one if it is not."""
    return said if isinstance(said, Mapping) else {}


def mappings(said: Any) -> list[Mapping[str, Any]]:
    """The objects of an answer that should be a list of them."""
    return [one for one in said if isinstance(one, Mapping)] if isinstance(said, list) else []


def flag_of(said: Any) -> bool | None:
    """An answer that should be true or false; None if it is neither."""
    return said if isinstance(said, bool) else None


def _said(error: Exception) -> str:
    """An error of the library's in one line."""
    cause = getattr(error, "exc", None)
    return " ".join(str(error if cause is None else cause).split()) or type(error).__name__


@cache  # else each command would add a handler more
def _library() -> Any:
    try:
        import qemu.qmp as library
    except ImportError as error:
        raise LiveError(
            "QEMU is spoken to by the package qemu.qmp: pip install 'pageengine[live]'"
        ) from error
    # what goes wrong is raised; the library would print it as well
    logging.getLogger("qemu.qmp").addHandler(logging.NullHandler())
    return library


@cache
def _client(library: Any) -> Any:
    class Quiet(library.QMPClient):  # type: ignore[misc]  # the library has no types here
        """Logs no messages: the library's own writes each out, indented, whoever listens, which
        takes as long as all the rest of it.
        """

        def _cb_outbound(self, msg: Any) -> Any:
            return msg

        def _cb_inbound(self, msg: Any) -> Any:
            return msg

    return Quiet


def _listener(library: Any, monitor: Monitor) -> Any:
    class Heard(library.EventListener):  # type: ignore[misc]  # the library has no types here
        """Notes which events came, and keeps none of them."""

        async def put(self, event: Any) -> None:
            name = str(event["event"])
            monitor.heard.add(name)
            monitor.resets += name == "RESET"

    return Heard()
