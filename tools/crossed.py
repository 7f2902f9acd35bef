"""The core for other systems: every source of csrc/ compiled by zig without a warning, and the C
tests of tests/c linked and run where something here runs their programs (qemu, wine).
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import built
from targets import CORES, ROOT

TESTS = ROOT / "tests" / "c"
STRICT = ["-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror"]
#: For tests/c: comments that name sources by a pattern, functions of a header that a test leaves.
OF_TESTS = ["-Wno-comment", "-Wno-unused-function"]
#: As in tests/c/conftest.py: allocations of a test program go through tests/c/oom.c.
WRAPPED = ("malloc", "calloc", "realloc", "pe_os_map", "pe_os_unmap")
#: Which of them a source defines: where calls are renamed, not there.
DEFINED = defaultdict(tuple, {"pe_os.c": ("pe_os_map", "pe_os_unmap")})
#: Headers that Windows does not have: tests that include one are of swap in files of POSIX.
POSIX = re.compile(r"#include <(unistd|pthread|sys/\w+)\.h>")


def everywhere() -> None:
    """Compiles for every system of CORES, and runs what can be run. SystemExit: something did not
    compile, or a test failed.
    """
    worst = 0
    for triple, runner in CORES.items():
        with tempfile.TemporaryDirectory() as scratch:
            built_for = Core(triple, Path(scratch))
            built_for.compile()
            found = _runner(triple, runner)
            if found is None:
                print(f"{triple}: compiled without a warning; not run", flush=True)
                continue
            passed, failed, left_out = built_for.test(found)
            worst += len(failed)
            print(f"{triple}: compiled; {passed} programs of C tests passed", end="")
            print(f", {len(left_out)} left out ({', '.join(left_out)})" if left_out else "")
            print("".join(f"  FAILED {each}\n" for each in failed), end="", flush=True)
    if worst:
        sys.exit(1)


def _runner(triple: str, wanted: tuple[str, ...] | None) -> list[str] | None:
    """The command before a program; None: nothing here runs it."""
    processor = platform.machine()
    if wanted is None or (wanted == ("",) and not triple.startswith(processor)):
        return None
    if wanted == ("",) or triple.startswith(f"{processor}-linux"):
        return []
    return next(([path] for each in wanted if (path := shutil.which(each))), None)


class Core:
    """The core for one system, its objects in a folder."""

    def __init__(self, triple: str, work: Path) -> None:
        self.triple, self.work = triple, work
        self.windows = "windows" in triple
        self.cc = [str(built.zig()), "cc", "-target", triple, *STRICT, "-O1", "-g0"]
        self.cc += ["-fno-sanitize=all", f"-I{ROOT / 'csrc'}", f"-I{ROOT / 'csrc' / 'codec'}"]

    def compile(self) -> None:
        sources = [*sorted((ROOT / "csrc").rglob("*.c"))]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(self._object, sources))

    def _object(self, source: Path) -> Path:
        made = self.work / f"{source.stem}.o"
        if not made.exists():
            lenient = OF_TESTS if TESTS in source.parents else []
            built.run([*self.cc, *lenient, *self._renamed(source), "-c", source, "-o", made])
        return made

    def _renamed(self, source: Path) -> list[str]:
        """For Windows, whose linker has no --wrap: calls are renamed where they are compiled."""
        if not self.windows:
            return []
        if source.name == "oom.c":
            return [f"-D__real_{name}={name}" for name in WRAPPED]
        return [f"-D{name}=__wrap_{name}" for name in WRAPPED if name not in DEFINED[source.name]]

    def test(self, runner: list[str]) -> tuple[int, list[str], list[str]]:
        """Links each file of tests/c and runs it. Returns how many passed, what failed, and those
        left out for what the system does not have.
        """
        tests = sorted(TESTS.glob("test_*.c"))
        left_out = [each.stem for each in tests if self.windows and _needs_posix(each)]
        failed, passed = [], 0
        for each in tests:
            if each.stem not in left_out:
                said = self._run(each, runner)
                failed += [f"{each.stem}: {said}"] if said else []
                passed += not said
        return passed, failed, left_out

    def _run(self, test: Path, runner: list[str]) -> str:
        """What is wrong with a test; empty: it passed."""
        found = re.match(r"/\* sources: (.*?) \*/", test.read_text(), re.DOTALL)
        sources = {path for pattern in found[1].split() for path in ROOT.glob(pattern)}
        sources |= {test, TESTS / "oom.c", ROOT / "csrc" / "pe_os.c"}
        program = self.work / f"{test.stem}.exe"
        command = [*self.cc, "-o", program, *(self._object(each) for each in sorted(sources))]
        wraps = [] if self.windows else [f"-Wl,--wrap={name}" for name in WRAPPED]
        built.run([*command, *wraps])
        environment = {**os.environ, "WINEDEBUG": "-all", "WINEPREFIX": str(self.work / "wine")}
        try:
            done = subprocess.run(
                [*runner, program], capture_output=True, text=True, env=environment, timeout=900
            )
        except subprocess.TimeoutExpired:
            return "not over after 15 minutes"
        wanted = re.findall(r"^\s*RUN\((\w+)\);", test.read_text(), re.MULTILINE)
        missing = [name for name in wanted if f"passed {name}\n" not in done.stdout]
        if done.returncode or missing:
            return f"status {done.returncode}, not passed: {', '.join(missing)}"
        return ""


def _needs_posix(test: Path) -> bool:
    included = re.findall(r'#include "(\w+\.h)"', test.read_text())
    texts = [test.read_text(), *((TESTS / name).read_text() for name in included
                                 if (TESTS / name).exists())]  # fmt: skip
    return any(POSIX.search(text) for text in texts)
