"""Code is laid out by tools alone, so that nobody spends thought on it or argues about it. The
tools are of the extra "dev"; another version of one may see it otherwise, and is not asked.
"""

import subprocess
import sys
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

import pytest
import tree

PYTHON = sorted(
    path
    for folder in ("src", "tests", "bench", "docs", "examples")
    for end in ("py", "pyi")
    for path in (tree.ROOT / folder).rglob(f"*.{end}")
)
C = sorted(
    path
    for folder in ("csrc", "tests/c", "tests/fuzz", "examples")
    for end in ("c", "h")
    for path in (tree.ROOT / folder).rglob(f"*.{end}")
)


def of_this_version(tool):
    """Skips where the tool is not the one that the project is laid out by."""
    try:
        wanted = next(
            line.split(";")[0] for line in requires("pageengine") or () if line.startswith(tool)
        )
        there = version(tool)
    except (PackageNotFoundError, StopIteration):
        pytest.skip(f"needs {tool}: pip install -e '.[dev]'")
    major = wanted.partition("==")[2].rstrip(".*")
    if not f"{there}.".startswith(f"{major}."):
        pytest.skip(f"{wanted} is wanted, {there} is here")


def test_python_is_as_ruff_has_it():
    of_this_version("ruff")
    command = [sys.executable, "-m", "ruff"]
    for what in (["format", "--check", "-q"], ["check", "-q", "--select", "I,F401"]):
        done = subprocess.run(
            [*command, *what, *map(str, PYTHON), "setup.py"],
            cwd=tree.ROOT,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_c_is_as_clang_format_has_it():
    of_this_version("clang-format")
    done = subprocess.run(
        [str(Path(sys.executable).with_name("clang-format")), "--dry-run", "-Werror", *map(str, C)],
        cwd=tree.ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def test_no_layout_is_by_hand():
    by_hand = "fmt" + ": "
    assert [tree.name(p) for p in PYTHON if f"# {by_hand}" in p.read_text(encoding="utf-8")] == []
