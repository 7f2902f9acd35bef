"""Hypothesis without a clock: a busy machine is no reason for a test to fail. And what
run_sanitized.py needs to know of the run inside it."""

import os
from pathlib import Path

from hypothesis import HealthCheck, settings

settings.register_profile(
    "pageengine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("pageengine")

STATUS = os.environ.get("PAGEENGINE_SANITIZED")
if STATUS:
    # Programs that tests start do not look for leaks as they end: where the search itself fails,
    # as it may on a busy machine, it exits with 0 in place of the program's own status.
    os.environ["ASAN_OPTIONS"] += ":detect_leaks=0"


def pytest_sessionfinish(exitstatus):
    if STATUS:
        Path(STATUS).write_text(str(int(exitstatus)))
