"""Tools that watch the core while it runs: ThreadSanitizer and valgrind's memcheck, over a short
scenario (scenario.py) and, for threads, over the core alone (threads.c). Only what has the core or
its wrappers in its trace counts: Python itself is built for neither.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import c_objects

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
OURS = re.compile(r"\bpe_\w+|csrc/|pageengine/\w+\.(c\b|cpython)")
CC = os.environ.get("CC", "gcc")


def races():
    """Reports of ThreadSanitizer."""
    sources = [HERE / "threads.c", *ROOT.glob("csrc/**/*.c")]
    flags = ["-fsanitize=thread", "-fno-builtin"]  # as in setup.py
    program = c_objects.program("threads", CC, sorted(sources), flags)
    done = subprocess.run([program], capture_output=True, text=True)
    reports = [done.stderr[-6000:]] if done.returncode or done.stderr else []
    package, logs = build("thread"), emptied("thread-logs")
    environment = {
        "LD_PRELOAD": library("libtsan.so"),
        "TSAN_OPTIONS": f"log_path={logs}/report:exitcode=0:report_signal_unsafe=0",
    }
    reports += run_scenario([], package, environment, threads=8, rounds=6)
    for path in sorted(logs.iterdir()):
        blocks = path.read_text(errors="replace").split("==================\n")
        reports += [block for block in blocks if "WARNING" in block and is_ours(block)]
    return reports


def memory():
    """Reports of valgrind: accesses out of bounds, values that were never set, and lost memory."""
    package, logs = build("none"), emptied("valgrind-logs")
    command = [
        "valgrind",
        "--leak-check=full",
        "--show-leak-kinds=definite",
        "--num-callers=30",
        f"--log-file={logs}/report",
    ]
    reports = run_scenario(command, package, {}, threads=1, rounds=2)
    text = (logs / "report").read_text(errors="replace")
    blocks = re.split(r"\n==\d+== *\n", text)
    if "ERROR SUMMARY" not in text:
        reports.append(f"valgrind did not come to its end: {text[-500:]}")
    return reports + [block for block in blocks if is_ours(block)]


def is_ours(block):
    """Whether a frame of a report is of the core or its wrappers."""
    frames = (line for line in block.splitlines() if re.search(r"#\d+ |(at|by) 0x", line))
    return any(OURS.search(frame) for frame in frames)


def missing_compiler():
    """Why ThreadSanitizer cannot run, or nothing."""
    if not shutil.which(CC):
        return f"there is no {CC}"
    return "" if library("libtsan.so") else f"{CC} has no libtsan.so"


def missing_valgrind():
    """Why memcheck cannot run, or nothing."""
    return "" if shutil.which("valgrind") else "there is no valgrind"


def library(name):
    """The path of one of the compiler's libraries, or nothing."""
    found = subprocess.run([CC, f"-print-file-name={name}"], capture_output=True, text=True)
    path = found.stdout.strip()
    return path if os.path.isabs(path) else ""


def build(kind):
    """The package built with extension modules of a kind of its own; what goes on PYTHONPATH."""
    base = ROOT / "build" / f"checked-{kind}"
    subprocess.run(
        [sys.executable, "setup.py", "-q", "build", "--build-base", str(base)],
        cwd=ROOT,
        check=True,
        env={**os.environ, "PAGEENGINE_SANITIZE": kind},
        stdout=subprocess.DEVNULL,
    )
    return next(base.glob("lib.*"))


def emptied(name):
    """A folder for logs, without those of the last time."""
    folder = ROOT / "build" / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def run_scenario(command, package, environment, threads, rounds):
    """Runs scenario.py under a command; a report where it failed."""
    done = subprocess.run(
        [*command, sys.executable, str(HERE / "scenario.py"), str(threads), str(rounds)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={
            **os.environ,
            "PYTHONPATH": str(package),
            "PYTHONMALLOC": "malloc",
            "OPENBLAS_NUM_THREADS": "1",
            **environment,
        },
    )
    if done.returncode == 0 and f"{threads} threads, {rounds} rounds, 0 failed" in done.stdout:
        return []
    return [f"the scenario ended with {done.returncode}: {(done.stdout + done.stderr)[-3000:]}"]
