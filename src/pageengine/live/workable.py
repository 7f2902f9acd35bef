"""What of a config cannot work on this host and with these guests: found before anything is
touched, each in one line that names the value and what would be right.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from pageengine.live.config import Config, ConfigError, overdrawn
from pageengine.live.readings import GuestReading
from pageengine.live.settings import GuestSettings
from pageengine.live.watch import Seen
from pageengine.units import format_size


def check_places(config: Config, enforce: bool) -> None:
    """Raises ConfigError: what will be written cannot be. enforce: whether guests will be changed;
    else only what recommending writes is looked at.
    """
    places = {"audit": config.audit}
    if enforce:
        places |= {"state": config.state, "lock": config.lock, "hold": config.hold}
    for key, path in places.items():
        if path:
            _check_place(f"{config.path}: [host]: {key} {path}", key, path)
    for one in config.guests.values() if enforce else ():
        if one.cgroup:
            _check_cgroup(f"{config.path}: guest {one.name!r}: cgroup {one.cgroup}", one)


def _check_place(what: str, key: str, path: str) -> None:
    folder = Path(path).parent
    if not folder.is_dir():
        raise ConfigError(f"{what}: there is no folder {folder}: make it, or name another place")
    if key == "hold":
        return  # it is for others to make
    # a state file is written anew beside the one that is there; others are written to
    there = path if os.path.exists(path) and key != "state" else str(folder)
    if not os.access(there, os.W_OK):
        raise ConfigError(
            f"{what}: {there} cannot be written: name another place, or give rights to it"
        )


def _check_cgroup(what: str, one: GuestSettings) -> None:
    if not os.path.isdir(one.cgroup):
        raise ConfigError(
            f"{what}: there is no such folder: name the guest's, such as "
            "/sys/fs/cgroup/SLICE/NAME, or leave cgroup out"
        )
    reclaim = os.path.join(one.cgroup, "memory.reclaim")
    if one.page_out and not os.access(reclaim, os.W_OK):
        why = "may not be written" if os.path.exists(reclaim) else "is not there"
        raise ConfigError(
            f"{what}: memory.reclaim {why}: it has to be a cgroup of version 2 (Linux 5.19) that "
            "may be written; without cgroup, process_madvise is used"
        )


def check_seen(config: Config, seen: Seen) -> None:
    """Raises ConfigError: the file asks for what this host or these guests, as they were seen, have
    not.
    """
    where, total = f"{config.path}: [host]", seen.host.memory
    if total is not None:
        if config.memory is not None and config.memory > total:
            raise ConfigError(
                f"{where}: memory {format_size(config.memory)} is more than the host has, "
                f"{format_size(total)}: write 'all', or less than that"
            )
        memory = total if config.memory is None else config.memory
        if found := overdrawn(config.limits, config.guests.values(), memory):
            raise ConfigError(f"{where}: {found[1]}")
    for one in config.guests.values():
        if one.name in seen.guests and (why := over_size(one, seen.guests[one.name])):
            raise ConfigError(f"{config.path}: guest {one.name!r}: {why}")
    if why := too_small(config, seen.guests):
        raise ConfigError(f"{config.path}: {why}")


def over_size(agreed: GuestSettings, seen: GuestReading) -> str:
    """What a guest is promised beyond what it has; "": nothing."""
    for key, value in (("floor", agreed.floor), ("reservation", agreed.reservation)):
        if value is not None and value > seen.size:
            return (
                f"{key} {format_size(value)} is over its size, {format_size(seen.size)}: write no "
                "more than that"
            )
    return ""


def too_small(config: Config, readings: Mapping[str, GuestReading]) -> str:
    """Why these guests cannot be governed within ``memory``; "": they can."""
    beside = sum(each.overhead or 0 for each in readings.values())
    if config.memory is None or not beside or config.memory > beside:
        return ""
    least = beside + _floors(config, readings.items()) + config.limits.kept_free(config.memory)
    return (
        f"[host]: memory {format_size(config.memory)} is too small: QEMU itself takes "
        f"{format_size(beside)} for {len(readings)} of these guests; with their floors and the "
        f"reserve it has to be {format_size(least)} at least, or 'all'"
    )


def _floors(config: Config, readings: Iterable[tuple[str, GuestReading]]) -> int:
    """Bytes that balloons leave these guests at least."""
    floors = 0
    for name, each in readings:
        floor = config.guests[name].floor
        floors += int(config.limits.floor_part * each.size) if floor is None else floor
    return floors
