"""Wheels installed where there is nothing: an empty environment without a compiler, with the tests
of the sdist run on what was installed.

A wheel for a Python of this computer goes into an environment of it, with every compiler left out
of the path; so does one for musl where a Python of musl is named. For another Python a bare Debian
is unpacked that has it (mmdebstrap, as root); for another processor too, and its Python is run by
qemu. What can be run by neither is said.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import built
import checked
from targets import ROOT, Target, interpreters

#: Debian's release that has a Python.
SUITES = {"3.11": "bookworm", "3.13": "trixie", "3.14": "forky"}
DEBIAN = {"x86_64": "amd64", "aarch64": "arm64"}
COMPILERS = re.compile(r"(.*-)?(gcc|g\+\+|cc|c\+\+|c89|c99|tcc|clang|clang\+\+|cpp)(-[\d.]+)?")
TESTS = ["-q", "-p", "no:cacheprovider", "--benchmark-disable"]
#: Run in a bare system, which has few of the tests' packages, and under emulation, where
#: a test takes ten times as long and starts no Python: what is computed in C, from Python.
EMULATED = (
    "test_access_order test_codec test_device test_draws test_frames test_guest test_hashing "
    "test_host test_model test_profile test_sharing test_swap test_tokens test_zcache policy"
).split()
#: What the tests ask for that has wheels for every processor and C library.
NEEDED = ["pytest>=8", "hypothesis>=6.100", "pytest-benchmark>=4", "rich>=13", "zstandard>=0.22"]
NEEDED += ["xxhash>=3.4", "jsonschema>=4.18"]
FOR_MUSL = [*NEEDED, "pytest-xdist>=3.6", "matplotlib>=3.8", "pyarrow>=15"]


def wheels(paths: list[Path], musl: Path | None = None) -> None:
    """Tries each that can be run here. musl: a Python of musl that has pip, for wheels of its
    version. SystemExit: tests failed.
    """
    failed = []
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        tree = built.unpack(built.sdist(ROOT, work / "sdist"), work / "tree")
        for path in paths:
            said = _try(path.resolve(), tree, work / path.stem, musl)
            print(f"{path.name}: {said or 'tests failed'}", flush=True)
            failed += [path.name] * (not said)
    if failed:
        sys.exit(1)


def _try(path: Path, tree: Path, work: Path, musl: Path | None) -> str:
    """How a wheel was tried; empty: its tests failed."""
    target, version = checked.platform(path), _python_of(path)
    if target is None or (target.musl and (musl is None or not target.native)):
        return "not run: nothing here runs its Python"
    python = musl if target.musl else interpreters().get(version)
    if target.native and python:
        more = FOR_MUSL if target.musl else [f"{path}[test]"]
        done = _in_environment(path, python, more, tree, work)
        return done and f"in an empty environment without a compiler: {done}"
    if version not in SUITES or not shutil.which("mmdebstrap") or os.geteuid() != 0:
        return f"not run: no Python {version} for {target.processor}, nor mmdebstrap as root"
    if not target.native and not shutil.which("qemu-aarch64-static"):
        return "not run: no qemu-aarch64-static"
    done = _in_room(path, target, version, tree, work)
    return done and f"in a bare Debian {SUITES[version]} ({target.processor}): {done}"


def _python_of(path: Path) -> str:
    return re.sub(r"^cp3", "3.", path.stem.split("-")[2])


def _in_environment(path: Path, python: Path, more: list[str], tree: Path, work: Path) -> str:
    """From nothing to the demo, timed; then the tests, for which `more` is installed."""
    venv, tools = work / "venv", work / "tools"
    built.run([python, "-m", "venv", venv])
    own = venv / "bin" / "python"
    _without_compilers(tools)
    environment = {key: value for key, value in os.environ.items() if key not in ("CC", "CXX")}
    environment |= {"PATH": f"{venv / 'bin'}:{tools}"}
    for name in ("PYTHONPATH", "PYTHONHOME"):
        environment.pop(name, None)
    install = [own, "-m", "pip", "install", "-q", "--only-binary=:all:"]
    began = time.monotonic()
    built.run([*install, path], env=environment, cwd=work)
    installed = time.monotonic()
    built.run([venv / "bin" / "pageengine", "demo"], env=environment, cwd=work)
    took = f"installed in {installed - began:.0f} s, demo in {time.monotonic() - installed:.0f} s"
    built.run([*install, *more], env=environment, cwd=work)
    said = _verdict([own, "-m", "pytest", *TESTS, "-n", "auto"], cwd=tree, env=environment)
    return said and f"{took}; {said}"


def _without_compilers(folder: Path) -> None:
    """A folder with all programs of the path but compilers."""
    folder.mkdir(parents=True)
    for place in os.environ["PATH"].split(":"):
        for program in Path(place).glob("*"):
            link = folder / program.name
            if not COMPILERS.fullmatch(program.name) and not link.exists():
                link.symlink_to(program)


def _verdict(command: list, **options) -> str:
    """The last line of a run of pytest; empty if it failed, and then its end is shown."""
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, **options
    )
    lines = done.stdout.strip().splitlines()
    if done.returncode:
        print("\n".join(lines[-30:]), done.stderr[-2000:], sep="\n", flush=True)
        return ""
    return lines[-1].strip("= ")


def _in_room(path: Path, target: Target, version: str, tree: Path, work: Path) -> str:
    """In a Debian that has nothing but this Python and what its packages need."""
    home = room(version, target.processor, work / "room")
    site = home / "srv" / "site"
    _install_from_outside([path, *NEEDED], site, target, version)
    shutil.copytree(tree, home / "srv" / "tree")
    python = f"/usr/bin/python{version}"
    some = [f"tests/{name}" if name == "policy" else f"tests/{name}.py" for name in EMULATED]
    if target.native:
        mounts = "for each in proc dev sys; do mount --rbind /$each $0/$each; done"
        command = ["unshare", "--mount", "sh", "-c", f'{mounts}; exec chroot "$0" "$@"', home]
        command += ["env", "-C", "/srv/tree", "PYTHONPATH=/srv/site", python]
        return _verdict([*command, "-m", "pytest", *TESTS, *some])
    command = ["qemu-aarch64-static", "-L", home, "-E", f"PYTHONPATH={site}"]
    command += ["-E", f"PYTHONHOME={home}/usr", f"{home}{python}", "-m", "pytest", *TESTS]
    return _verdict([*command, *some], cwd=tree)


def room(version: str, processor: str, target: Path) -> Path:
    """Unpacks a Debian with one Python into a folder."""
    command = ["mmdebstrap", "--variant=extract", f"--architectures={DEBIAN[processor]}"]
    command += ['--aptopt=Acquire::Check-Valid-Until "false"']  # a mirror may stand still
    # /lib and its like are of base-files; NumPy asks for C++, the tests for a shell
    command += [f"--include=base-files,dash,coreutils,libstdc++6,ca-certificates,python{version}"]
    target.parent.mkdir(parents=True, exist_ok=True)
    built.run([*command, SUITES[version], target])
    return target


def _install_from_outside(what: list, site: Path, target: Target, version: str) -> None:
    """Installs wheels for another Python or processor."""
    command = [sys.executable, "-m", "pip", "install", "-q", "--target", site]
    command += ["--only-binary=:all:", f"--python-version={version}"]
    for baseline in ("2_17", "2_28"):
        command += [f"--platform=manylinux_{baseline}_{target.processor}"]
    built.run([*command, *what])
