"""Who holds the other end of a Unix socket, as ``ss -xp`` tells: a monitor serves one client, and
the next one waits in its backlog without being told why.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
from collections.abc import Iterator

from pageengine.live.sources import process

_SOCK_DIAG_BY_FAMILY, _NLMSG_DONE, _NLMSG_ERROR = 20, 3, 2
_REQUEST_DUMP = 0x301  # NLM_F_REQUEST | NLM_F_DUMP
_NETLINK_SOCK_DIAG = 4
_ALL_STATES, _SHOW_FILE_AND_PEER = 0xFFFFFFFF, 2 | 4
_FILE, _PEER = 1, 2  # attributes: the socket's file, the inode of the other end


def holders(path: str) -> list[tuple[int, str]]:
    """Processes that are connected to the socket at this path: their numbers and programs; [] where
    that cannot be told.
    """
    try:
        file = os.stat(path).st_ino & 0xFFFFFFFF
        peers = {peer for own, peer in _connected_to(file) if own}
    except OSError:
        return []
    return [(pid, process.name_of(pid)) for pid in sorted(_having(peers))] if peers else []


def _connected_to(file: int) -> Iterator[tuple[int, int]]:
    """(inode of the end that was accepted, inode of the other end) of a socket file's."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG) as asked:
        asked.settimeout(1.0)
        body = struct.pack(
            "=BBHIIIII", socket.AF_UNIX, 0, 0, _ALL_STATES, 0, _SHOW_FILE_AND_PEER, 0, 0
        )
        head = struct.pack("=IHHII", 16 + len(body), _SOCK_DIAG_BY_FAMILY, _REQUEST_DUMP, 1, 0)
        asked.send(head + body)
        while True:
            said = asked.recv(1 << 16)
            while len(said) >= 16:
                length, kind = struct.unpack_from("=IH", said)
                if kind in (_NLMSG_DONE, _NLMSG_ERROR) or length < 16:
                    return
                # family, type, state, padding, inode, cookie: 16 bytes, then attributes
                (own,) = struct.unpack_from("=I", said, 20)
                found = dict(_attributes(said[32:length]))
                if len(found.get(_FILE, b"")) >= 4 and len(found.get(_PEER, b"")) >= 4:
                    if struct.unpack_from("=I", found[_FILE])[0] == file:
                        yield own, struct.unpack_from("=I", found[_PEER])[0]
                said = said[(length + 3) & ~3 :]


def _attributes(said: bytes) -> Iterator[tuple[int, bytes]]:
    while len(said) >= 4:
        length, kind = struct.unpack_from("=HH", said)
        if length < 4:
            return
        yield kind, said[4:length]
        said = said[(length + 3) & ~3 :]


def _having(inodes: set[int]) -> set[int]:
    """Processes that have one of these sockets open."""
    wanted = {f"socket:[{inode}]" for inode in inodes}
    found = set()
    for name in os.listdir("/proc"):
        if name.isdecimal():
            with contextlib.suppress(OSError):  # gone, or somebody else's
                for entry in os.scandir(f"/proc/{name}/fd"):
                    with contextlib.suppress(OSError):
                        if os.readlink(entry.path) in wanted:
                            found.add(int(name))
                            break
    return found
