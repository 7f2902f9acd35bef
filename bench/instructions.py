"""Counts the instructions of the hot paths of the package that this Python has installed.

    python bench/instructions.py -o counts.json            all of hot_paths.py, in a few minutes
    python bench/instructions.py hash "lz codec in"        those

Where a computer is busy times say little, and instructions say the same as on a quiet one. Every
path runs for two numbers of turns; what the longer run does more, by the turns between them, is the
path's count, so that starting Python, loading the package and preparing the path drop out. That is
done twice, and how far the two are apart is told.

valgrind (its cachegrind, as a processor without AVX-512) counts the same on every computer with the
same build, Python and numpy. ``--tool perf`` takes the processor's own counter where the system
lets it be read: quicker, and of this processor's own paths. Of what the kernel does neither counts
anything.
"""

import argparse
import functools
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

import hot_paths
import numpy as np

HERE = Path(__file__).resolve().parent
PROGRAM = HERE / "hot_paths.py"
SHORT = 3  # turns of the shorter run
TIMES = 2  # each is counted
Runs = list[tuple[str, int]]  # names of paths, and turns
KIND = "instruction counts of pageengine"
# nothing that differs from run to run: no random hashes, no threads that wait for each other
SETTLED = {
    "PYTHONHASHSEED": "0",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PAGEENGINE_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}


class CannotCount(Exception):
    """There is no tool, or it failed; the message says which and why."""


def environment(package: Path | None) -> dict[str, str]:
    """Of a run; package: a folder to load the package from, in place of what is installed."""
    kept = {key: os.environ[key] for key in ("PATH", "HOME", "TMPDIR") if key in os.environ}
    path = str(package) if package else os.environ.get("PYTHONPATH", "")
    return {**kept, **SETTLED, **({"PYTHONPATH": path} if path else {})}


def by_valgrind(program: Path, runs: Runs, env: dict[str, str]) -> list[int | str]:
    """Instructions of each run, or why there are none. All are children of one process, which has
    loaded Python and the package for them.
    """
    with tempfile.TemporaryDirectory() as folder:
        command = ["valgrind", "--quiet", "--tool=cachegrind", "--cache-sim=no"]
        command += [f"--cachegrind-out-file={folder}/%p", sys.executable, str(program)]
        told = json.loads(_said([*command, *(f"{name}={turns}" for name, turns in runs)], env))
        return [why or _summary(Path(folder, str(process))) for process, why in told]


def _summary(path: Path) -> int:
    """What a file of cachegrind sums up to."""
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            if line.startswith("summary:"):
                return int(line.split()[1])
    raise CannotCount(f"valgrind wrote no sum for process {path.name}")


def by_perf(program: Path, runs: Runs, env: dict[str, str]) -> list[int | str]:
    """As by_valgrind; perf counts a process and its children together, so each run is its own."""
    found: list[int | str] = []
    for name, turns in runs:
        command = ["perf", "stat", "-x;", "-e", "instructions:u", "--", sys.executable]
        done = subprocess.run(
            [*command, str(program), f"{name}={turns}"], env=env, capture_output=True, text=True
        )
        _, why = json.loads(done.stdout)[0] if done.returncode == 0 else (0, done.stderr.strip())
        found.append(why or of_perf(done.stderr))
    return found


def of_perf(text: str) -> int:
    """The number in what perf writes: ``value;unit;event;...``, or why there is none."""
    line = next((each for each in text.splitlines() if ";instructions" in each), text.strip())
    value = line.partition(";")[0]
    if not value.isdigit():
        raise CannotCount(f"perf cannot read the processor's counter here: {line!r}")
    return int(value)


TOOLS = {"valgrind": by_valgrind, "perf": by_perf}


def _said(command: list[str], env: dict[str, str]) -> str:
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    if done.returncode:
        raise CannotCount(
            f"{command[0]} ended with status {done.returncode}: {done.stderr[-2000:]}"
        )
    return done.stdout


@functools.cache
def version(tool: str) -> str:
    """Of a tool, or CannotCount with how to get it."""
    if shutil.which(tool) is None:
        raise CannotCount(f"{tool} is not here: it is in the system's package {PACKAGES[tool]}")
    return re.sub(r"[ -]version ", "-", _said([tool, "--version"], {**os.environ}).strip())


PACKAGES = {"valgrind": "valgrind", "perf": "linux-perf, or linux-tools-generic"}


def of_package(env: dict[str, str]) -> dict[str, str]:
    """Version and place of the package that runs have."""
    code = "import json, pageengine as p; print(json.dumps([p.__version__, p.__path__[0]]))"
    made, place = json.loads(_said([sys.executable, "-c", code], env))
    return {"version": made, "from": place}


def counted(
    names: list[str],
    tool: str = "valgrind",
    package: Path | None = None,
    program: Path = PROGRAM,
    paths: dict[str, hot_paths.Path] = hot_paths.PATHS,
) -> dict[str, dict]:
    """By name: instructions per item, unit, the two counts of each time, and their spread, as a
    share; or ``missing``, and why.
    """
    env = environment(package)
    runs = [
        (name, turns)
        for name in names
        for turns in (SHORT, SHORT + paths[name].turns)
        for _ in range(TIMES)
    ]
    numbers = iter(TOOLS[tool](program, runs, env))
    found = {}
    for name in names:
        short, long = ([next(numbers) for _ in range(TIMES)] for _ in range(2))
        found[name] = _one(paths[name], short, long)
    return found


def _one(path: hot_paths.Path, short: list[int | str], long: list[int | str]) -> dict:
    whys = [each for each in (*short, *long) if isinstance(each, str)]
    if whys:
        return {"missing": whys[0]}
    items = path.items * path.turns
    each = sorted((b - a) / items for a, b in zip(short, long, strict=True))
    return {
        "unit": path.unit,
        "instructions": round(each[0], 2),
        "spread": round((each[-1] - each[0]) / max(each[0], 1e-9), 6),
        "runs": [short, long],
    }


def measured(names: list[str], tool: str, package: Path | None = None, said: str = "") -> dict:
    """All that goes into a file; said: what was built, such as a commit."""
    return {
        "kind": KIND,
        "tool": version(tool),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "processor": sysconfig.get_platform() if tool == "valgrind" else processor(),
        "build": said,
        "package": of_package(environment(package)),
        "paths": counted(names, tool, package),
    }


def processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        text = ""
    found = re.search(r"^model name\s*: (.*)$", text, re.M)
    return found[1] if found else platform.processor()


def lines_of(found: dict[str, dict]) -> list[str]:
    """A table."""
    lines = [f"{'path':28} {'instructions':>13}  {'spread':>9}  per"]
    for name, row in found.items():
        if "missing" in row:
            lines.append(f"{name:28} {'-':>13}  {'':>9}  not counted: {row['missing']}")
        else:
            count, spread = row["instructions"], row["spread"]
            lines.append(f"{name:28} {count:13,.1f}  {spread:9.4%}  {row['unit']}")
    return lines


def ordered(names: list[str]) -> list[str]:
    """Those of the paths that are named, or all."""
    unknown = [name for name in names if name not in hot_paths.PATHS]
    if unknown:
        raise SystemExit(f"no path {unknown[0]!r}; there are: {', '.join(hot_paths.PATHS)}")
    return names or [*hot_paths.PATHS]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("paths", nargs="*", help="hot paths by name; all without")
    parser.add_argument("-o", "--output", type=Path, help="JSON file, for compare.py")
    parser.add_argument("--tool", choices=TOOLS, default="valgrind")
    parser.add_argument("--build", default="", help="what was built, for the file")
    options = parser.parse_args()
    try:
        found = measured(ordered(options.paths), options.tool, said=options.build)
    except CannotCount as why:
        raise SystemExit(f"cannot count: {why}") from None
    print(f"pageengine {found['package']['version']} from {found['package']['from']}")
    print("\n".join(lines_of(found["paths"])))
    if options.output:
        options.output.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
