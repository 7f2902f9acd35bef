"""pageengine about: what a bug report needs."""

import argparse
import os
import platform
import sys
import tempfile
from importlib import metadata
from typing import Any

from pageengine import __version__
from pageengine.cli.console import Console, size
from pageengine.plumbing import reading
from pageengine.stores import codec as codec_room

HELP = "versions, computer and codecs: what a bug report needs"
DESCRIPTION = "Shows versions, platform, processor, memory, codecs and where swap files go."
EPILOG = """\
example:
  pageengine about --json > about.json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """None but the common ones."""


def run(arguments: argparse.Namespace, console: Console) -> int:
    folder = tempfile.gettempdir()
    space = os.statvfs(folder) if hasattr(os, "statvfs") else None
    codecs = {name: found.source for name, found in codec_room.codecs().items()}
    data: dict[str, Any] = {
        "pageengine": __version__,
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "numpy": _version_of("numpy"),
        "rich": _version_of("rich"),
        "platform": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory": reading.memory(),
        "byte_order": sys.byteorder,
        "page_size": os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else None,
        "swap_directory": folder,
        "swap_directory_free": space.f_bavail * space.f_frsize if space else None,
        "codecs": codecs,
    }
    console.result(data)
    shown = dict(data)
    for name in ("memory", "page_size", "swap_directory_free"):
        shown[name] = size(data[name])
    shown["codecs"] = ", ".join(f"{name} ({source})" for name, source in codecs.items())
    rows = [(name.replace("_", " "), value) for name, value in shown.items()]
    console.table("pageengine", ("what", "value"), rows, texts=2)
    return 0


def _version_of(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            for line in file:
                if line.startswith(("model name", "Model", "cpu model")):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
