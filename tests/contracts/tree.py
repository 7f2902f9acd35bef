"""Where the contract tests find the parts of the tree."""

import re
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CSRC, PACKAGE, TESTS = ROOT / "csrc", ROOT / "src" / "pageengine", ROOT / "tests"
COMPILERS = [path for path in map(shutil.which, ("gcc", "clang")) if path]
INCLUDES = ["-D_GNU_SOURCE", f"-I{CSRC}", f"-I{CSRC / 'codec'}"]
C_FILES, HEADERS = sorted(CSRC.rglob("*.c")), sorted(CSRC.rglob("*.h"))


def name(path):
    """The path as it is written in messages and tables: from the root of the project."""
    return path.relative_to(ROOT).as_posix()


def without_comments(text):
    """C or Cython declarations with comments and strings blanked, line numbers kept."""
    pattern = r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\''
    return re.sub(pattern, lambda m: re.sub(r"[^\n]", " ", m[0]), text, flags=re.DOTALL)


def used_by_wrappers():
    """What the .pyx files and the .pxd files beside them say, but for what they import: whose word
    is in it has a user in Python.
    """
    files = (path for end in ("pyx", "pxd") for path in sorted(PACKAGE.rglob(f"*.{end}")))
    text = "\n".join(path.read_text() for path in files if path.parent.name != "_c")
    return re.sub(r"#[^\n]*|cimport \([^)]*\)|cimport [^\n]*", "", text)


def need_compiler():
    if not COMPILERS:
        pytest.skip("there is no C compiler")
    return COMPILERS[0]
