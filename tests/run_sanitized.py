"""Runs the tests of the package on extension modules built under AddressSanitizer and
UndefinedBehaviorSanitizer.

    python tests/run_sanitized.py [arguments of pytest in place of the choice below]

Builds into build/sanitized, loads the sanitizers' libraries into Python before anything else, and
fails when a test fails, when a sanitizer reports anything, or when memory that the core allocated
is left at the end.
"""

import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BASE = ROOT / "build" / "sanitized"
OURS = re.compile(r"csrc/|pageengine/\w+\.c\b|pageengine/\w+\.cpython")
PROCESSES_MAX = 4  # each has the sanitizers' memory too
# Not those that capture processes: under AddressSanitizer a process maps terabytes of shadow.
# The C tests have sanitizers of their own; images and most contracts are plain Python.
LEFT_OUT = {
    "test_cli.py",
    "test_cli_stopped.py",
    "test_schemas.py",
    "test_shipped.py",
    "test_notebooks.py",
    "test_docs.py",
    "test_slow.py",
}
CHOICE = [
    str(path) for path in sorted((ROOT / "tests").glob("test_*.py")) if path.name not in LEFT_OUT
] + [
    str(ROOT / "tests" / "contracts" / f"test_every_{name}.py") for name in ("codec", "replacement")
]


def build():
    """The package with sanitized extension modules; the folder to put on PYTHONPATH."""
    command = [sys.executable, "setup.py", "-q", "build", "--build-base", str(BASE)]
    subprocess.run(command, cwd=ROOT, check=True, env={**os.environ, "PAGEENGINE_SANITIZE": "1"})
    return next(BASE.glob("lib.*"))


def library(name):
    cc = os.environ.get("CC", "gcc")
    found = subprocess.run(
        [cc, f"-print-file-name={name}"], capture_output=True, text=True, check=True
    ).stdout.strip()
    if not os.path.isabs(found):
        sys.exit(f"{cc} has no {name}: its sanitizers are not installed")
    return found


def run(package, arguments):
    """Exit status and reports. The choice is divided among the processors, a process of pytest for
    each: leaks are looked for as a process ends by itself, which workers of pytest-xdist need not.
    """
    logs = BASE / "logs"
    logs.mkdir(exist_ok=True)
    for old in logs.iterdir():
        old.unlink()
    processes = min(os.cpu_count() or 1, PROCESSES_MAX)
    parts = [arguments] if arguments else [CHOICE[i::processes] for i in range(processes)]
    with ThreadPoolExecutor(len(parts)) as pool:
        codes = list(pool.map(lambda i: tests(package, logs, parts[i], i), range(len(parts))))
    texts = {path.name: path.read_text(errors="replace") for path in sorted(logs.iterdir())}
    if any("LeakSanitizer has encountered a fatal error" in text for text in texts.values()):
        print("sanitizers: could not look for leaks in this run")
    return max(codes, key=abs), {name: text for name, text in texts.items() if is_ours(text)}


def tests(package, logs, arguments, number):
    """Runs pytest; its exit status. What it says is printed as one."""
    status = BASE / f"status-{number}"  # of pytest; the process's own may be the leak search's
    status.write_text("1")
    environment = {
        **os.environ,
        "LD_PRELOAD": f"{library('libasan.so')} {library('libubsan.so')}",
        # pytest would swallow a report on standard error; leaks are judged by their reports, Python
        # has its own
        "ASAN_OPTIONS": f"log_path={logs}/report:detect_leaks=1:allocator_may_return_null=1",
        "UBSAN_OPTIONS": f"log_path={logs}/report:print_stacktrace=1",
        "LSAN_OPTIONS": "exitcode=0",
        "PYTHONMALLOC": "malloc",
        "PYTHONPATH": str(package),
        "PAGEENGINE_SANITIZED": str(status),
    }
    options = ["-q", "-p", "no:cacheprovider", "--benchmark-disable", "--durations=5", "--slow"]
    command = [sys.executable, "-m", "pytest", *options, *arguments]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    print(done.stdout.decode(errors="replace"), flush=True)
    return done.returncode or int(status.read_text())


def is_ours(text):
    """Any error, or a leak with one of our frames in its trace."""
    if "ERROR: AddressSanitizer" in text or "runtime error:" in text:
        return True
    return any(OURS.search(leak) for leak in re.split(r"\n(?=(?:Direct|Indirect) leak)", text)[1:])


def main():
    code, reports = run(build(), sys.argv[1:])
    for name, text in reports.items():
        print(f"\n---- {name}\n{text[:8000]}")
    print("sanitizers:", f"{len(reports)} reports" if reports else "nothing to report")
    sys.exit(1 if reports else code)


if __name__ == "__main__":
    main()
