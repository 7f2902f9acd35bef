"""Peers that are written in C and C++, compiled for the run; those that cannot be are skipped."""

import ctypes
import functools
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

HERE = Path(__file__).parent
CORE = HERE.parent / "csrc"


@functools.cache
def compiled(name: str, *flags: str):
    """The shared library made of bench/NAME, or a skipped benchmark."""
    compiler = shutil.which("g++" if name.endswith(".cc") else "gcc")
    if compiler is None:
        pytest.skip(f"needs a compiler for {name}")
    out = Path(tempfile.mkdtemp()) / (name + ".so")
    command = [compiler, "-O3", "-march=native", "-shared", "-fPIC", str(HERE / name), "-o", out]
    done = subprocess.run([*command, *flags], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"{name} does not compile: {done.stderr.splitlines()[0]}")
    return ctypes.CDLL(str(out))


def pointer(array):
    """The array's memory."""
    return ctypes.c_void_p(array.ctypes.data)


def size(number: int):
    """A 64-bit count."""
    return ctypes.c_int64(number)
