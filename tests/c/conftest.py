"""Collects tests/c/test_*.c: each is compiled with the sources named on its first line, under
AddressSanitizer and UndefinedBehaviorSanitizer, and run; every RUN(test) inside it is one pytest
item.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import c_objects
import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CC = os.environ.get("CC") or shutil.which("gcc") or shutil.which("cc") or shutil.which("clang")
WRAPPED = ("malloc", "calloc", "realloc", "pe_os_map", "pe_os_unmap")


def pytest_collect_file(parent, file_path):
    if file_path.suffix == ".c" and file_path.name.startswith("test_"):
        return CFile.from_parent(parent, path=file_path)
    return None


class CFile(pytest.File):
    """One C program; built once, when the first of its items runs."""

    def collect(self):
        self.built = None
        for name in re.findall(r"^\s*RUN\((\w+)\);", self.path.read_text(), re.MULTILINE):
            yield CItem.from_parent(self, name=name)

    def output(self):
        if self.built is None:
            self.built = _run(_build(self.path))
        return self.built


class CItem(pytest.Item):
    def runtest(self):
        if CC is None:
            pytest.skip("there is no C compiler")
        if sys.platform in ("darwin", "win32"):
            pytest.skip("the linker here cannot make allocations fail (--wrap)")
        code, output = self.parent.output()
        own = _lines_of(self.name, output)
        failed = re.search(r"^FAILED ", output, re.MULTILINE) is not None
        if f"passed {self.name}" not in output or code != failed:  # 1 is what a leak makes, too
            raise CFailure(own if f"FAILED {self.name}" in output else output)

    def repr_failure(self, excinfo, style=None):
        if isinstance(excinfo.value, CFailure):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self):
        return self.path, 0, f"{self.path.name}::{self.name}"


class CFailure(Exception):
    """What the program printed."""


def _lines_of(name, output):
    """What was printed by one test: the lines between the verdict before it and its own."""
    before = output.split(f"FAILED {name}")[0]
    return re.split(r"^(?:passed|FAILED) \w+$", before, flags=re.MULTILINE)[-1].strip("\n")


def _sources(path):
    match = re.match(r"/\* sources: (.*?) \*/", path.read_text(), re.DOTALL)
    if not match:
        raise CFailure(f"{path.name}: the first line must be /* sources: csrc/... */")
    return sorted(found for pattern in match[1].split() for found in ROOT.glob(pattern))


def _build(path):
    """The program for a test file."""
    sources = [path, HERE / "oom.c", *_sources(path)]
    wraps = [f"-Wl,--wrap={name}" for name in WRAPPED]
    if not any(source.name == "pe_os.c" for source in sources):  # nothing to wrap: satisfy oom.c
        wraps += [f"-Wl,--defsym=__real_{name}=0" for name in WRAPPED if name.startswith("pe_")]
    try:
        return c_objects.program(path.stem, CC, sources, c_objects.SANITIZERS, wraps)
    except c_objects.DoesNotCompile as error:
        raise CFailure(str(error)) from None


def _run(program):
    environment = {**os.environ, "ASAN_OPTIONS": "allocator_may_return_null=1:detect_leaks=1"}
    result = subprocess.run([program], capture_output=True, text=True, env=environment, timeout=600)
    return result.returncode, result.stdout + result.stderr
