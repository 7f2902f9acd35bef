"""Python without its global lock (3.13t, 3.14t) is not supported: no interpreter of that kind was
there to test on. The modules say so, and such an interpreter takes its lock back when it imports
one. A module that says otherwise must come with tests that ran without the lock.
"""

import re
import subprocess
import sys
import sysconfig

import pytest
import tree

MODULES = sorted(
    ".".join(path.relative_to(tree.PACKAGE).with_suffix("").parts)
    for path in tree.PACKAGE.rglob("*.pyx")
)
IMPORT = "import sys, importlib; importlib.import_module(sys.argv[1]); print(sys._is_gil_enabled())"


def test_no_source_says_that_it_can_do_without_the_lock():
    sources = [tree.ROOT / "setup.py", *tree.PACKAGE.rglob("*.pyx"), *tree.PACKAGE.rglob("*.pxd")]
    declared = re.compile(r"freethreading_compatible|Py_MOD_GIL_NOT_USED|Unstable_Module_SetGIL")
    assert [tree.name(path) for path in sources if declared.search(path.read_text())] == []
    assert len(MODULES) > 10


def test_the_classifiers_do_not_promise_it():
    assert "Free Threading" not in (tree.ROOT / "pyproject.toml").read_text()


@pytest.mark.skipif(
    not sysconfig.get_config_var("Py_GIL_DISABLED"),
    reason="this Python has its global lock at all times",
)
def test_an_interpreter_without_the_lock_takes_it_back():
    for module in MODULES:
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", IMPORT, f"pageengine.{module}"],
            capture_output=True,
            text=True,
        )
        assert done.stdout == "True\n", f"{module}: {done.stderr}"
