"""Real guests as options name them, of all commands that look at some: ``--qemu NAME=SOCKET``,
``--libvirt DOMAIN[@URI]``, ``--process [NAME=]PID``, ``--config FILE``. What is wrong with a place
is said before anything is looked at.
"""

import argparse
import os
import pwd
import stat
from pathlib import Path

from pageengine.cli.console import Usage
from pageengine.live.settings import GuestSettings
from pageengine.plumbing import given

PROC = Path("/proc")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("guests")
    group.add_argument(
        "--qemu",
        action="append",
        default=[],
        metavar="NAME=SOCKET",
        help="QEMU by a QMP socket of its own (-qmp unix:SOCKET,server=on,wait=off); repeat",
    )
    group.add_argument(
        "--libvirt",
        action="append",
        default=[],
        metavar="DOMAIN[@URI]",
        help="a domain of libvirt (default URI: qemu:///system); repeat",
    )
    group.add_argument(
        "--process",
        action="append",
        default=[],
        metavar="[NAME=]PID",
        help="any process: it has no balloon, but memory to look at; repeat",
    )
    group.add_argument("--config", metavar="FILE", help="the guests of a file of pageengine govern")


def settings_of(arguments: argparse.Namespace) -> list[GuestSettings]:
    """The guests that were named, looked at as far as files go. Raises Usage."""
    found = list(_of_config(arguments.config)) if arguments.config else []
    for text in arguments.qemu:
        name, at = _named(text, "--qemu", "NAME=SOCKET")
        check_socket(at, f"--qemu {text}")
        found.append(GuestSettings(name=name, kind="qemu", at=at))
    for text in arguments.libvirt:
        name = text.partition("@")[0]
        if not name:
            raise Usage(f"--libvirt {text}: write DOMAIN, or DOMAIN@URI")
        found.append(GuestSettings(name=name, kind="libvirt", at=text))
    for text in arguments.process:
        name, sign, pid = text.rpartition("=")
        check_process(pid, f"--process {text}")
        found.append(GuestSettings(name=name if sign else pid, kind="process", at=pid))
    names = [each.name for each in found]
    for name in names:
        given.text(name, "the name of a guest", least=1)
        if names.count(name) > 1:
            raise Usage(f"two guests are called {name}: give each its own name")
    return found


def lock_of(arguments: argparse.Namespace) -> str:
    """The lock of whoever governs these guests."""
    from pageengine.live.config import Config, read_config

    return read_config(arguments.config).lock if arguments.config else Config.lock


def check_socket(path: str, option: str) -> None:
    """Raises Usage for a socket that is not there, or that is not ours to open."""
    from pageengine.live.qmp import is_libvirts

    try:
        found = os.stat(path)
    except FileNotFoundError:
        raise Usage(
            f"{option}: there is no socket {path}; QEMU makes it with -qmp "
            f"unix:{path},server=on,wait=off"
        ) from None
    except OSError as error:
        raise Usage(f"{option}: {path}: {error.strerror}") from None
    if not stat.S_ISSOCK(found.st_mode):
        raise Usage(f"{option}: {path} is no socket; name what QEMU was given with -qmp unix:")
    if is_libvirts(os.path.realpath(path)):
        raise Usage(
            f"{option}: this monitor is libvirt's own, which serves nobody else; "
            "use --libvirt DOMAIN"
        )
    if not os.access(path, os.R_OK | os.W_OK):
        raise Usage(
            f"{option}: {path} belongs to {_user(found.st_uid)} and may not be opened; run this as "
            f"{_user(found.st_uid)} or as root, or have the socket's group include you"
        )


def check_process(pid: str, option: str) -> None:
    """Raises Usage for a process that is not there, or whose memory we may not look at."""
    if not (pid.isascii() and pid.isdigit()):
        raise Usage(f"{option}: {given.shown(pid)} is no process number; write PID or NAME=PID")
    place = PROC / pid
    try:
        owner = _user(os.stat(place).st_uid)
    except OSError:
        raise Usage(f"{option}: there is no process {pid}") from None
    try:
        with open(place / "smaps_rollup", "rb") as file:
            file.read(1)
    except FileNotFoundError:
        raise Usage(f"{option}: this system does not tell the memory of processes") from None
    except PermissionError:
        raise Usage(
            f"{option}: process {pid} belongs to {owner} and its memory may not be looked at; run "
            f"this as {owner} or as root"
        ) from None
    except OSError:
        raise Usage(f"{option}: process {pid} has no memory of its own: name another") from None


def _named(text: str, option: str, form: str) -> tuple[str, str]:
    name, sign, at = text.partition("=")
    if not (sign and name and at):
        raise Usage(f"{option} {text}: write {form}")
    return name, at


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"user {number}"


def _of_config(path: str) -> list[GuestSettings]:
    from pageengine.live.config import read_config

    return list(read_config(path).guests.values())
