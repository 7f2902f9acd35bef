"""Programs in C for the tests, built once for a content: a source is compiled anew only when it, a
header, a flag or the compiler has changed, and one object serves every program that wants it.
"""

import contextlib
import fcntl
import hashlib
import os
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# of every program that the tests build, so that they share their objects
FLAGS = [
    "-std=c11",
    "-D_GNU_SOURCE",
    "-O1",
    "-g",
    "-fno-omit-frame-pointer",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-Wno-unused-function",
    "-Wno-comment",
    f"-I{ROOT / 'csrc'}",
    f"-I{ROOT / 'csrc' / 'codec'}",
]
SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"]
HEADERS = (*ROOT.glob("csrc/**/*.h"), *ROOT.glob("tests/**/*.h"))


class DoesNotCompile(Exception):
    """What the compiler said."""


def program(name, cc, sources, instrument, link=()):
    """The path of a program made of these sources under FLAGS and the flags that ``instrument``
    both them and the program. Raises DoesNotCompile.
    """
    flags, link = [*FLAGS, *instrument], [*instrument, *link]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        objects = list(pool.map(lambda source: _object(cc, source, flags), sources))
    made = _folder() / f"{name}-{_digest(cc, *objects, *link)}"
    _make(made, [cc, *map(str, objects), *link])
    return made


def _object(cc, source, flags):
    known = _digest(cc, *flags, _headers(), source.read_text())
    made = _folder() / f"{source.stem}-{known}.o"
    _make(made, [cc, *flags, "-c", str(source)])
    return made


def _make(path, command):
    """Runs the command that makes a file, unless it is there; it is whole or not there. Who wants a
    file that another process makes waits for it.
    """
    if path.exists():
        return
    with _held(path), tempfile.TemporaryDirectory(dir=_folder()) as scratch:
        if path.exists():
            return
        part = Path(scratch) / "made"
        done = subprocess.run([*command, "-o", str(part)], capture_output=True, text=True)
        if done.returncode:
            raise DoesNotCompile(f"{path.name} does not compile:\n{done.stderr}")
        part.replace(path)


@contextlib.contextmanager
def _held(path):
    """While this process alone makes the file."""
    with path.with_name(f"{path.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _digest(*parts):
    return hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()[:16]


@cache
def _headers():
    return _digest(*(path.read_text() for path in sorted(HEADERS)))


@cache
def _folder():
    path = Path(tempfile.gettempdir()) / f"pageengine-c-tests-{os.getuid()}"
    path.mkdir(mode=0o700, exist_ok=True)
    return path
