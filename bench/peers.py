"""What the package is held against, whether it is here, and how to get it: one table, so that what
a run does not compare is said once and with the reason. Peers in C and C++ are compiled for the
run.
"""

import ctypes
import functools
import importlib
import importlib.util
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

HERE = Path(__file__).parent
CORE = HERE.parent / "csrc"
KSM = Path("/sys/kernel/mm/ksm")
ABSEIL = ("-std=c++17", *(f"-labsl_{x}" for x in "raw_hash_set hash city low_level_hash".split()))


class Peer(NamedTuple):
    """missing: why it is not here, or "". against: what is held against it."""

    missing: Callable[[], str]
    against: str


def module(name: str, package: str = "") -> Callable[[], str]:
    """Missing where there is no such module to import."""

    def missing() -> str:
        if importlib.util.find_spec(name.partition(".")[0]):
            return ""
        return f"not installed (pip install {package or name})"

    return missing


def codec_library(name: str) -> Callable[[], str]:
    def missing() -> str:
        from pageengine.stores.codec import codecs

        return "" if name in codecs() else f"lib{name} was not found (a package of the system)"

    return missing


def built(file: str, *flags: str) -> Callable[[], str]:
    """Missing where there is no compiler, or it cannot make the peer."""

    def missing() -> str:
        try:
            _built(file, *flags)
        except CannotBuild as why:
            return str(why)
        return ""

    return missing


def ksm() -> str:
    if os.access(KSM / "run", os.W_OK):
        return ""
    return f"{KSM}/run cannot be written (root on a Linux host with KSM)"


class CannotBuild(Exception):
    """Why a peer in C or C++ is not there."""


@functools.cache
def _built(name: str, *flags: str) -> str:
    cc = "g++" if name.endswith(".cc") else "gcc"
    if shutil.which(cc) is None:
        raise CannotBuild(f"no {cc} to compile {name}")
    out = Path(tempfile.mkdtemp()) / (name + ".so")
    command = [cc, "-O3", "-march=native", "-shared", "-fPIC", str(HERE / name), "-o", str(out)]
    done = subprocess.run([*command, *flags], capture_output=True, text=True)
    if done.returncode:
        error = next((x for x in done.stderr.splitlines() if "error: " in x), done.stderr[:200])
        raise CannotBuild(f"{name} does not compile ({error.rpartition('error: ')[2]})")
    return str(out)


PEERS = {
    "C": Peer(built("peers.c"), "reading, touching and frames in C"),
    "Abseil": Peer(built("peers.cc", *ABSEIL), "the sharing table"),
    "liblz4": Peer(codec_library("lz4"), "codecs"),
    "libzstd": Peer(codec_library("zstd"), "the dense codec"),
    "python-lz4": Peer(module("lz4"), "codecs"),
    "xxhash": Peer(module("xxhash"), "the page hash and the scan"),
    "zstandard": Peer(module("zstandard"), "images in zstd"),
    "scipy": Peer(module("scipy"), "the entitlement"),
    "libcachesim": Peer(module("libcachesim"), "replacement of the guest"),
    "Linux KSM": Peer(ksm, "the sharing scan"),
}


@functools.cache
def missing(name: str) -> str:
    """Why the peer is not here, or ""."""
    return PEERS[name].missing()


def need(name: str) -> None:
    """Skips the benchmark, with the reason, where the peer is not here."""
    if why := missing(name):
        pytest.skip(f"{name}: {why}")


def imported(name: str, module: str):
    """The peer's module."""
    need(name)
    return importlib.import_module(module)


def lines() -> list[str]:
    """Those that are not here, one line each: what is not compared, and why."""
    return [
        f"{name}: {why}; {peer.against} not compared with it"
        for name, peer in PEERS.items()
        if (why := missing(name))
    ]


def compiled(name: str, *flags: str):
    """The shared library made of bench/NAME, or a skipped benchmark."""
    try:
        return ctypes.CDLL(_built(name, *flags))
    except CannotBuild as why:
        pytest.skip(str(why))


def pointer(array):
    """The array's memory."""
    return ctypes.c_void_p(array.ctypes.data)


def size(number: int):
    """A 64-bit count."""
    return ctypes.c_int64(number)
