"""Runs what looks for faults that no test asks for: sanitizers, memcheck, static analysers.

    python tests/run_checked.py            all of them, one after the other
    python tests/run_checked.py --list     what there is
    python tests/run_checked.py tsan gcc-analyzer

Each ends in "nothing to report", or prints what it found, and then the exit status is 1. One whose
tool is not installed is left out, and that is said. They build into build/.
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path

TESTS = Path(__file__).resolve().parent
sys.path[:0] = [str(TESTS)]

from checks import running, static  # noqa: E402


def sanitized():
    """Reports of AddressSanitizer, UndefinedBehaviorSanitizer and LeakSanitizer."""
    done = subprocess.run([sys.executable, str(TESTS / "run_sanitized.py")])
    return [f"tests/run_sanitized.py ended with {done.returncode}"] if done.returncode else []


CHECKS = {  # name -> (what it does, what is missing for it, reports)
    "gcc-analyzer": ("gcc -fanalyzer over csrc/", lambda: static.missing("gcc"), static.gcc),
    "clang-analyzer": ("clang --analyze over csrc/", lambda: static.missing("clang"), static.clang),
    "tsan": (
        "ThreadSanitizer: threads on the core, and on hosts from Python",
        running.missing_compiler,
        running.races,
    ),
    "valgrind": ("memcheck on a short scenario", running.missing_valgrind, running.memory),
    "asan": (
        "the Python tests under AddressSanitizer and UBSan (tests/run_sanitized.py)",
        lambda: static.missing("gcc"),
        sanitized,
    ),
}


def main(arguments=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="of checks; all if none")
    parser.add_argument("--list", action="store_true", help="name the checks and end")
    given = parser.parse_args(arguments)
    unknown = set(given.names) - CHECKS.keys()
    if unknown:
        parser.error(f"there is no check {sorted(unknown)}; there are {', '.join(CHECKS)}")
    if given.list:
        for name, (what, missing, _) in CHECKS.items():
            why = missing()
            print(f"{name:<16}{what}{f' (left out: {why})' if why else ''}")
        return 0
    failed = 0
    for name in given.names or CHECKS:
        failed += not held(name)
    return 1 if failed else 0


def held(name):
    """Runs one check and prints what it has to say. Whether there was nothing, or no tool."""
    _, missing, reports_of = CHECKS[name]
    why = missing()
    if why:
        print(f"{name}: left out: {why}", flush=True)
        return True
    start = time.monotonic()
    reports = reports_of()
    for report in reports:
        print(f"---- {name}\n{report[:8000]}")
    said = f"{len(reports)} reports" if reports else "nothing to report"
    print(f"{name}: {said} ({time.monotonic() - start:.0f} s)", flush=True)
    return not reports


if __name__ == "__main__":
    sys.exit(main())
