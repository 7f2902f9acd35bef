"""What all tests share: Hypothesis without a clock, as a busy computer is no reason for a test to
fail; tests that are slow are left out unless somebody asks for them, and that is said; workers of
pytest-xdist keep together what shares a run. And what run_sanitized.py needs to know of the run
inside it.
"""

import os
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("pageengine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("pageengine")

STATUS = os.environ.get("PAGEENGINE_SANITIZED")
if STATUS:
    # Programs that tests start do not look for leaks as they end: where the search itself fails,
    # as it may on a busy computer, it exits with 0 in place of the program's own status.
    os.environ["ASAN_OPTIONS"] += ":detect_leaks=0"
LEFT_OUT = pytest.StashKey[int]()
#: Tests of a file share what it prepares. Of these, those that share a run, by their names.
SHARED = {
    "tests/contracts/test_every_experiment.py": r"\[(.*)\]",
    "tests/contracts/test_every_law.py": r"\[.*?((?:no )?guest-.*)\]",
}
WORKERS_MAX = 8  # each loads NumPy, Arrow and Matplotlib: some 300 MB


def pytest_addoption(parser):
    parser.addoption("--slow", action="store_true", help="run the tests that are marked slow too")


@pytest.hookimpl(trylast=True)  # counts what -k and -m have left
def pytest_collection_modifyitems(config, items):
    """Leaves out what is slow, unless --slow, -m or a test's own name (file::test) asks for it."""
    named = any("::" in argument for argument in config.args)
    if config.option.slow or "slow" in config.option.markexpr or named:
        return
    slow = [item for item in items if item.get_closest_marker("slow")]
    if slow:
        items[:] = [item for item in items if not item.get_closest_marker("slow")]
        config.hook.pytest_deselected(items=slow)
    config.stash[LEFT_OUT] = len(slow)
    if hasattr(config, "workeroutput"):  # of pytest-xdist: all workers find the same
        config.workeroutput["left_out"] = len(slow)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    output = getattr(node, "workeroutput", {})  # none of a worker that died
    node.config.stash[LEFT_OUT] = output.get("left_out", node.config.stash.get(LEFT_OUT, 0))


def pytest_terminal_summary(terminalreporter, config):
    if left_out := config.stash.get(LEFT_OUT, 0):
        terminalreporter.write_line(
            f"slow tests left out: {left_out} (--slow runs them too, -m slow runs only them)"
        )


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers():
    """For -n auto: one for each processor that this process may use."""
    allowed = getattr(os, "sched_getaffinity", None)
    return min(len(allowed(0)) if allowed else os.cpu_count() or 1, WORKERS_MAX)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Tests that share what they prepare run in one worker, unless another --dist is asked for."""
    if config.option.dist != "load":
        return None
    from xdist.scheduler import LoadScopeScheduling

    class ByWhatIsShared(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            file, _, test = nodeid.partition("::")
            found = re.search(SHARED[file], test) if file in SHARED else None
            return f"{file} {found[1]}" if found else file

    return ByWhatIsShared(config, log)


def pytest_sessionfinish(exitstatus):
    if STATUS:
        Path(STATUS).write_text(str(int(exitstatus)))
