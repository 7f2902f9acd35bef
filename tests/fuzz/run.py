"""Fuzzes what reads bytes from outside, and the batch entries of the core.

    python tests/fuzz/run.py                                   every target, a minute each
    python tests/fuzz/run.py --target host --seconds 600
    python tests/fuzz/run.py --target host --coverage          which lines the inputs reach

Targets in C need clang with libFuzzer (CLANG names it; Debian: clang, libclang-rt-14-dev), those in
Python need atheris in this Python (PyPI) and the extension modules in src/. What is missing is said
and left out. Inputs that reach something grow in build/fuzz/NAME; one that breaks a rule is written
to build/fuzz/found-NAME-..., ends the run of its target, and the exit status is 1.
"""

import argparse
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "src")]

import c_objects  # noqa: E402
from fuzz import targets  # noqa: E402

GROWN = ROOT / "build" / "fuzz"
CLANG = os.environ.get("CLANG") or shutil.which("clang") or ""
TOLD = re.compile(r"#(\d+)\s+\w+.*? cov: (\d+)(?: ft: (\d+))?", re.MULTILINE)
SECONDS_OF_ONE, MIB_MAX = 20, 1536


def missing(name):
    """Why a target cannot be fuzzed here, or nothing."""
    if name in targets.PYTHON:
        found = importlib.util.find_spec("atheris")
        return "" if found else f"{sys.executable} has no atheris: pip install atheris"
    if not CLANG:
        return "there is no clang: install it, or name it by CLANG"
    try:
        compiled(name)
    except c_objects.DoesNotCompile as error:
        return f"{CLANG} cannot build it: {str(error)[:400]}"
    return ""


def compiled(name):
    flags = ["-fsanitize=fuzzer,address,undefined", "-fno-sanitize-recover=undefined"]
    return targets.program(name, CLANG, flags, main=False)


def command(name):
    """What starts a target; libFuzzer's arguments follow."""
    if name in targets.C:
        return [str(compiled(name))]
    return [sys.executable, str(targets.HERE / "under_atheris.py"), name]


def dictionary(name):
    """A file of the words that mean something to a target, as libFuzzer reads them."""
    words = targets.module(name).DICTIONARY if name in targets.PYTHON else ()
    path = GROWN / f"{name}.dict"
    lines = ("".join(rf"\x{byte:02x}" for byte in word) for word in words)
    path.write_text("".join(f'"{line}"\n' for line in lines))
    return [f"-dict={path}"] if words else []


def fuzz(name, seconds):
    """Runs a target for so long. Whether it held."""
    grown = GROWN / name
    grown.mkdir(parents=True, exist_ok=True)
    arguments = [
        f"-max_total_time={seconds}",
        f"-timeout={SECONDS_OF_ONE}",
        f"-rss_limit_mb={MIB_MAX}",
        f"-max_len={targets.LONGEST}",
        f"-artifact_prefix={GROWN}/found-{name}-",
        "-print_final_stats=1",
        *dictionary(name),
        str(grown),
        str(targets.HERE / "corpus" / name),
    ]
    done = subprocess.run(
        [*command(name), *arguments], capture_output=True, text=True, errors="replace", cwd=ROOT
    )
    said = done.stdout + done.stderr
    told = TOLD.findall(said)
    runs, edges, _ = told[-1] if told else ("0", "0", "")
    verdict = "nothing to report" if done.returncode == 0 else "BROKE A RULE"
    print(
        f"{name}: {runs} executions in {seconds} s, {edges} edges covered, "
        f"{len(list(grown.iterdir()))} inputs grown: {verdict}",
        flush=True,
    )
    if done.returncode:
        print(done.stdout[-4000:], done.stderr[-1500:], flush=True)
    return done.returncode == 0


def coverage(name):
    """Prints which lines of the core the seeds and the grown inputs reach."""
    flags = ["-fprofile-instr-generate", "-fcoverage-mapping"]
    program, raw = targets.program(name, CLANG, flags), GROWN / f"{name}.profraw"
    inputs = [*targets.corpus(name), *(GROWN / name).glob("*")]
    environment = {**os.environ, "LLVM_PROFILE_FILE": str(raw)}
    subprocess.run([program, "0", "0", *map(str, inputs)], check=True, env=environment)
    folder = Path(CLANG).resolve().parent
    subprocess.run(
        [folder / "llvm-profdata", "merge", raw, "-o", raw.with_suffix(".prof")], check=True
    )
    report = [
        folder / "llvm-cov",
        "report",
        program,
        f"-instr-profile={raw.with_suffix('.prof')}",
        "-show-functions=false",
        "-show-branch-summary=false",
        "-show-region-summary=false",
        "-ignore-filename-regex=tests/",
    ]
    subprocess.run(report, check=True)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--target", action="append", choices=[*targets.C, *targets.PYTHON])
    parser.add_argument("--seconds", type=int, default=60, help="of each target (60)")
    parser.add_argument("--coverage", action="store_true", help="of targets in C, by clang")
    given = parser.parse_args()
    GROWN.mkdir(parents=True, exist_ok=True)
    held, ran = True, 0
    for name in given.target or [*targets.C, *targets.PYTHON]:
        why = missing(name)
        if why:
            print(f"{name}: skipped: {why}", flush=True)
            continue
        ran += 1
        if not given.coverage:
            held &= fuzz(name, given.seconds)
        elif name in targets.C:
            coverage(name)
    print(f"fuzzing: {ran} targets, {'nothing to report' if held else 'RULES WERE BROKEN'}")
    sys.exit(not held)


if __name__ == "__main__":
    main()
