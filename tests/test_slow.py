"""A test that is left out and not missed is as good as deleted. What tests/conftest.py leaves out
is looked at in a folder with two tests, one of them slow; and no file may be slow as a whole.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).with_name("conftest.py")
TWO = """\
import os
import pytest

def test_quick():
    pass

@pytest.mark.slow
def test_slow():
    pass

@pytest.mark.parametrize("part", range(4))
def test_whose(part):
    print("in", os.environ.get("PYTEST_XDIST_WORKER"))
    assert False
"""


def said(folder, *arguments):
    shutil.copy(CONFTEST, folder)
    (folder / "test_two.py").write_text(TWO)
    (folder / "pytest.ini").write_text("[pytest]\nmarkers =\n    slow\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True).stdout


def test_what_is_slow_is_left_out_and_counted(tmp_path):
    out = said(tmp_path)
    assert "slow tests left out: 1 (" in out and "1 passed" in out


@pytest.mark.slow
def test_with_workers_too_and_those_of_a_file_stay_in_one(tmp_path):
    pytest.importorskip("xdist")
    out = said(tmp_path, "-n", "2")
    assert "slow tests left out: 1 (" in out and "4 failed, 1 passed" in out
    assert len({line for line in out.splitlines() if line.startswith("in gw")}) == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "passed"),
    [
        (["--slow"], 2),
        (["-m", "slow"], 1),
        (["test_two.py::test_slow"], 1),
    ],
)
def test_what_is_asked_for_is_run(tmp_path, arguments, passed):
    out = said(tmp_path, *arguments)
    assert "left out" not in out and f"{passed} passed" in out


def test_what_is_shared_among_some_tests_of_a_file_is_that_of_a_file(request):
    rules = request.config.pluginmanager.get_plugin(str(CONFTEST)).SHARED
    assert rules and [name for name in rules if not (CONFTEST.parents[1] / name).exists()] == []


def test_no_file_is_slow_as_a_whole(request):
    if not request.config.option.slow:
        pytest.skip("only --slow collects all that there is to look at")
    kinds = {}
    for item in request.session.items:
        kinds.setdefault(item.path, set()).add(item.get_closest_marker("slow") is None)
    assert [path.name for path, quick in kinds.items() if True not in quick] == []
