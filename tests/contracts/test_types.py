"""The package says that it is typed (``py.typed``), so editors and type checkers of users believe
its annotations: one that is wrong sends them astray, and one that is missing hides their mistakes.
mypy reads every module of it, strictly, as pyproject.toml has it.
"""

import subprocess
import sys

import pytest
import tree


def test_every_module_is_typed_and_what_it_says_is_right(tmp_path):
    pytest.importorskip("mypy")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--cache-dir", str(tmp_path / "cache")],
        cwd=tree.ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, f"\n{done.stdout}{done.stderr}"
