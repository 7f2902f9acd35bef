"""What is built: the platforms, the Pythons, and how each is named by the tools that have a part in
it. Adding a platform or a Python is a line here.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
#: CPython versions that get a wheel on every platform. Free-threaded ones get none: the package
#: does not support them (docs/embedding.md).
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
#: Most bytes of a wheel. docs/building.md says what they are made of.
SIZE_MAX = 1_720_000


@dataclass(frozen=True)
class Target:
    """A platform that wheels are built for.

    Attributes:
        name: how the command line calls it.
        triple: how zig calls it, the version of the C library with it.
        tag: the platform tag of a repaired wheel.
        processor: the processor, as Python and the kernel call it.
        suffix: the last part of an extension module's name, after the Python's own.
    """

    name: str
    triple: str
    tag: str
    processor: str
    suffix: str

    @property
    def host(self) -> str:
        """What Python calls the platform ("linux-aarch64")."""
        return f"linux-{self.processor}"

    @property
    def musl(self) -> bool:
        return "musl" in self.triple

    def gcc(self) -> list[str]:
        """The gcc of this computer as it compiles for the platform; empty: there is none. For musl
        it takes that library's headers (Debian: musl-dev of the processor) in place of glibc's.
        """
        found = shutil.which(f"{self.processor}-linux-gnu-gcc")
        if not found or not self.musl:
            return [found] if found else []
        library = Path(f"/usr/include/{self.processor}-linux-musl")
        if not library.is_dir():
            return []
        ask = [found, "-print-file-name=include"]
        own = subprocess.run(ask, capture_output=True, text=True).stdout.strip()
        command = [found, "-nostdinc", "-isystem", str(library), "-isystem", own]
        if self.processor == "aarch64":  # else atomic operations are calls of gcc's own library
            command.append("-mno-outline-atomics")
        return command

    @property
    def native(self) -> bool:
        """Whether its programs run on this computer as they are."""
        return platform.machine() == self.processor


def _linux(processor: str) -> list[Target]:
    return [
        Target(
            f"manylinux-{processor}",
            f"{processor}-linux-gnu.2.17",
            f"manylinux_2_17_{processor}",
            processor,
            f"{processor}-linux-gnu",
        ),
        Target(
            f"musllinux-{processor}",
            f"{processor}-linux-musl",
            f"musllinux_1_2_{processor}",
            processor,
            f"{processor}-linux-musl",
        ),
    ]


#: Wheels are built for these.
TARGETS = {each.name: each for processor in ("x86_64", "aarch64") for each in _linux(processor)}
#: The core is compiled for these too, without a warning: zig's name -> what runs its programs,
#: ("",) this computer itself, None nothing that is there without more. Programs with musl hold it.
CORES = {
    "x86_64-linux-gnu.2.17": ("",),
    "aarch64-linux-gnu.2.17": None,
    "x86_64-linux-musl": ("",),
    "aarch64-linux-musl": ("qemu-aarch64-static",),
    "x86_64-windows-gnu": ("wine64", "/usr/lib/wine/wine64"),  # Debian's is not on the path
    "aarch64-windows-gnu": None,
    "x86_64-macos": None,
    "aarch64-macos": None,
}


def tag_of(version: str) -> str:
    """ "cp314" of "3.14"."""
    return "cp" + version.replace(".", "")


def interpreters() -> dict[str, Path]:
    """The CPythons of this computer by version: this one, those on the path, pyenv's."""
    found = {}
    for version in PYTHONS:
        places = [shutil.which(f"python{version}") or ""]
        pyenv = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser() / "versions"
        places += [str(each / "bin" / "python3") for each in sorted(pyenv.glob(f"{version}.*"))]
        if sys.version_info[:2] == tuple(map(int, version.split("."))):
            places.insert(0, sys.executable)
        for place in filter(None, places):
            if _is_usable(place, version):
                found[version] = Path(place)
                break
    return found


def _is_usable(python: str, version: str) -> bool:
    probe = (
        "import ensurepip, sys, sysconfig, venv;"
        "print(sys.implementation.name, '%d.%d' % sys.version_info[:2],"
        "sysconfig.get_config_var('Py_GIL_DISABLED') or 0)"
    )
    try:
        said = subprocess.run([python, "-c", probe], capture_output=True, text=True).stdout
    except OSError:
        return False
    return said.split() == ["cpython", version, "0"]


def headers(given: dict[str, Path]) -> dict[str, Path]:
    """The folder with Python.h by version: as it was given, or that of an interpreter here."""
    found = dict(given)
    for version, python in interpreters().items():
        ask = [str(python), "-c", "import sysconfig; print(sysconfig.get_path('include'))"]
        folder = Path(subprocess.run(ask, capture_output=True, text=True).stdout.strip())
        if (folder / "Python.h").exists():
            found.setdefault(version, folder)
    return found
