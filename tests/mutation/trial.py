"""One change tried: is there a test that sees it?

C tests run as programs of their own. Python tests run in a child that is forked from a process
which has pytest and its company loaded already, but nothing of the package: half a second each
instead of two.
"""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

C_SECONDS = 30
PYTHON_SECONDS, PYTHON_CPU_SECONDS = 300, 45
PYTHON_BYTES = 6 * 2**30
C_MIB = 2048
OPTIONS = [
    "-x",
    "-q",
    "-p",
    "no:cacheprovider",
    "--benchmark-disable",
    "--no-header",
    "--slow",
    "-W",
    "ignore",
]


@dataclass(frozen=True)
class Verdict:
    """what: "killed", "survived", "equal" (the same program), "invalid" (none at all). by: the test
    that saw it.
    """

    what: str
    by: str = ""
    seconds: float = 0.0


def preload() -> None:
    """What every Python test needs, before the first fork."""
    import hypothesis  # noqa: F401
    import hypothesis.stateful  # noqa: F401
    import numpy  # noqa: F401
    import numpy.testing  # noqa: F401
    import pytest  # noqa: F401

    assert "pageengine" not in sys.modules


def c_verdict(workshop, names) -> Verdict | None:
    """The verdict of C tests; None when none of them sees anything."""
    for name in names:
        command = workshop.c_test(name)
        where = f"tests/c/test_pe_{name}.c"
        if command is None:
            return Verdict("killed", f"{where} (does not link)")
        failed = _run(command)
        if failed:
            return Verdict("killed", f"{where}: {failed}")
    return None


def _run(command) -> str:
    """What a C test said was wrong, or nothing."""
    options = f"allocator_may_return_null=1:detect_leaks=1:hard_rss_limit_mb={C_MIB}"
    environment = {**os.environ, "ASAN_OPTIONS": options}
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            env=environment,
            timeout=C_SECONDS,
            errors="replace",
        )
    except subprocess.TimeoutExpired:
        return "no end"
    text = done.stdout + done.stderr
    failed = [line.split()[1] for line in text.splitlines() if line.startswith("FAILED ")]
    if failed:
        return failed[0]
    if done.returncode:
        kinds = [line for line in text.splitlines() if "ERROR: " in line or "runtime error" in line]
        return (kinds or [f"exit {done.returncode}"])[0][:80]
    return ""


def python_verdict(workshop, tests) -> Verdict | None:
    """The verdict of Python tests, in this order."""
    if not tests:
        return None
    output = workshop.folder / "output"
    child = os.fork()
    if child == 0:
        _be_pytest(workshop.tree, tests, output)
    code = _wait(child)
    if code == 0:
        return None
    if code is None:
        return Verdict("killed", "no end")
    text = output.read_text(errors="replace")
    lines = text.splitlines()
    named = [line.split()[1] for line in lines if line.startswith(("FAILED ", "ERROR "))]
    return Verdict("killed", named[0] if named else f"exit {code}")


def _be_pytest(tree: Path, tests, output: Path):
    """In the child: never returns."""
    code = 70
    try:
        os.setsid()
        with output.open("wb") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        resource.setrlimit(resource.RLIMIT_AS, (PYTHON_BYTES, PYTHON_BYTES))
        resource.setrlimit(resource.RLIMIT_CPU, (PYTHON_CPU_SECONDS, PYTHON_CPU_SECONDS))
        os.chdir(tree)
        os.environ["PYTHONPATH"] = str(tree / "src")
        os.environ["HYPOTHESIS_PROFILE"] = "quick"  # of tests/test_engine_stateful.py
        sys.path[:] = [str(tree / "src"), *(p for p in sys.path if "pageengine" not in p)]
        import pytest

        code = int(pytest.main([*OPTIONS, "--rootdir", str(tree), *tests]))
        sys.stdout.flush()
    except BaseException as error:
        os.write(2, repr(error).encode())
    finally:
        os._exit(code)


def _wait(child: int) -> int | None:
    """The child's exit code, negative for a signal; None when it had to be ended."""
    end = time.monotonic() + PYTHON_SECONDS
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            code = os.waitstatus_to_exitcode(status)
            return None if code == -signal.SIGXCPU else code
        time.sleep(0.02)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None
