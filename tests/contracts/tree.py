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


def need_compiler():
    if not COMPILERS:
        pytest.skip("there is no C compiler")
    return COMPILERS[0]
