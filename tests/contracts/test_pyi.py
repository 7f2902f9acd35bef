"""A stub that differs from its module lies to every editor and type checker. mypy's stubtest
imports the package and holds each stub against it.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import tree

import pageengine

STUBS = sorted(tree.PACKAGE.rglob("*.pyi"))
# what C may call of a module: no name of Python's. Whatever else is there is in the stub
CYTHON_OWN = r"pageengine(\.\w+)+\.__pyx_capi__"


def test_a_stub_is_of_a_compiled_module():
    """Beside a module in Python it would hide what is written there."""
    assert STUBS and [path.name for path in STUBS if not path.with_suffix(".pyx").exists()] == []


@pytest.mark.slow
def test_every_stub_says_what_its_module_has(tmp_path):
    pytest.importorskip("mypy.stubtest")
    allowed = tmp_path / "allowed.txt"
    allowed.write_text(CYTHON_OWN)
    home = Path(pageengine.__file__).resolve().parents[1]
    path = "" if home.name in ("site-packages", "dist-packages") else str(home)
    modules = [
        ".".join(path.relative_to(tree.PACKAGE.parent).with_suffix("").parts) for path in STUBS
    ]
    config = tmp_path / "mypy.ini"  # errors of the stubs, not of every module that imports them
    strict = "".join(f"[mypy-{module}]\nignore_errors = False\n" for module in modules)
    config.write_text(f"[mypy]\nignore_errors = True\nignore_missing_imports = True\n{strict}")
    result = subprocess.run(
        [
            sys.executable,
            "-m",
            "mypy.stubtest",
            *modules,
            "--ignore-disjoint-bases",
            "--mypy-config-file",
            str(config),
            "--allowlist",
            str(allowed),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={
            **os.environ,
            "MYPYPATH": path,
            "PYTHONPATH": str(home),
            "MYPY_CACHE_DIR": str(tmp_path / "cache"),
        },
    )
    assert result.returncode == 0, result.stdout + result.stderr
