"""Where output goes, looked at before anything runs: a run of hours must not end in a folder that
cannot be written."""

import os
from collections.abc import Sequence
from pathlib import Path

from pageengine import report
from pageengine.cli.console import Usage


def folder(path: str, option: str = "-o") -> Path:
    """A folder that is there, or can be made."""
    place = Path(path)
    if place.exists() and not place.is_dir():
        raise Usage(f"{option} {path}: that is a file; name a folder")
    _writable(place if place.exists() else _nearest(place), path, option)
    return place


def file(
    path: str, option: str = "-o", suffixes: Sequence[str] = (), makes_folder: bool = False
) -> Path:
    """A file that is there, or can be made in a folder that is, or that will be made. suffixes:
    what its name may end in; any, where there are none."""
    place = Path(path)
    if place.is_dir():
        raise Usage(f"{option} {path}: that is a folder; name a file")
    if suffixes and place.suffix.lower() not in suffixes:
        raise Usage(f"{option} {path}: its name must end in {' or '.join(suffixes)}")
    if not place.parent.is_dir() and not makes_folder:
        raise Usage(f"{option} {path}: there is no folder {place.parent}")
    _writable(place if place.exists() else _nearest(place), path, option)
    return place


def picture(path: str, option: str = "-o") -> Path:
    """A PNG file, as ``file``, where pictures can be drawn."""
    if not report.available():
        raise Usage('pictures need the package matplotlib: pip install "pageengine[report]"')
    return file(path, option, suffixes=(".png",))


def _nearest(place: Path) -> Path:
    """The nearest folder above that is there."""
    for above in place.absolute().parents:
        if above.exists():
            return above
    return Path("/")


def _writable(there: Path, path: str, option: str) -> None:
    if not there.is_dir() and there != Path(path):
        raise Usage(f"{option} {path}: {there} is a file, not a folder")
    if not os.access(there, os.W_OK | (os.X_OK if there.is_dir() else 0)):
        raise Usage(f"{option} {path}: {there} cannot be written")
