"""Ends every long command at random moments, by every signal, and looks at what is left.

    python tests/interrupts.py --times 200 --seed 7

Whenever a command is ended: its exit status is the documented one, standard error has no traceback,
every file under a final name is a whole one (the older or the newer), there is no other file in its
folder, the temporary folder is empty, no process of it lives, and a process whose memory it was
capturing runs on. It prints what broke, with the seed and the number of the trial, and how
many trials ended how; exit status 1 when any broke.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np

from pageengine import images
from pageengine.lab.results import Result

SCENARIO = """\
[host]
memory = "32 MiB"
[run]
duration = "20 s"
[[vm]]
name = "a"
count = 2
size = "16 MiB"
workload = { kind = "zipf", rate = 500 }
"""
COMMANDS = {
    "run": "run lab.toml -o out",
    "compare": "compare lab.toml --policy esx6 --policy kvm -o out",
    "advise": "advise lab.toml --slo stall<2% --vary vm.count --seeds 2",
    "curve": "advise lab.toml --curve --seeds 1 -o sizes.png",
    "advise demand": "advise --demand vms.csv --host 64MiB -o advice.png",
    "sweep": "sweep lab.toml --vary vm.count=1,2 --seeds 2 --jobs 2 -o out.parquet",
    "paper": "paper minfree metadata --jobs 2 -o out",
    "scan": "scan a.raw b.raw --profile web.json",
    "capture": "capture PID -o web.core --force",
    "overcommit": "overcommit a.raw b.raw --memory 50%",
    "overcommit live": "overcommit /proc/PID --memory 50%",
    "demo": "demo --size 4",
    "codecs": "codecs --bench",
    "record": "record --process PID --every 100ms --part 200ms --for 2s -o recorded",
    "examples": "examples -o copies",
    "help": "--help",
}
SIGNALS = {"SIGINT": 130, "SIGTERM": 143, "SIGHUP": 129, "SIGKILL": -9}
MARK = "PAGEENGINE_INTERRUPTED"
TRIED = (b"", b"blat")  # what tempfile.gettempdir writes
PATIENCE = 10.0  # seconds for what must go to be gone


class Broken(Exception):
    """What must not be left, or must not be so."""


class Trial:
    """A folder in which commands are run, and what a command of its own looks like when it is not
    disturbed."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.target = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
        pages = np.random.default_rng(1).integers(0, 256, (1 << 10, 4096), np.uint8)
        (folder / "lab.toml").write_text(SCENARIO)
        rows = [f"{300 * t},vm{i},64,{1 + (i + t) % 7}" for i in range(9) for t in range(60)]
        (folder / "vms.csv").write_text("time,vm,size_mib,active_mib\n" + "\n".join(rows))
        for name in ("a.raw", "b.raw"):
            (folder / name).write_bytes(pages.tobytes())
        self.inputs = {path.name for path in folder.iterdir()} | {"tmp", "said"}
        self.seconds: dict[str, float] = {}

    def close(self) -> None:
        self.target.kill()
        self.target.communicate()

    def start(self, name: str) -> subprocess.Popen:
        """The command as a program, in a session of its own."""
        words = COMMANDS[name].replace("PID", str(self.target.pid)).split()
        (self.folder / "tmp").mkdir(exist_ok=True)
        shutil.rmtree(self.folder / "recorded", ignore_errors=True)  # no recording is replaced
        environment = {**os.environ, "TMPDIR": str(self.folder / "tmp"), MARK: str(self.folder)}
        with open(self.folder / "said", "wb") as said:
            return subprocess.Popen(
                [sys.executable, "-m", "pageengine", *words],
                cwd=self.folder,
                env=environment,
                stdout=subprocess.DEVNULL,
                stderr=said,
                start_new_session=True,
                preexec_fn=_default_signals,
            )

    def length(self, name: str) -> float:
        """Seconds that the command takes; what it leaves is the older result from then on."""
        if name not in self.seconds:
            began = time.monotonic()
            process = self.start(name)
            if process.wait() not in (0, 1):
                raise Broken(f"undisturbed: {process.returncode}: {self.said()}")
            self.seconds[name] = time.monotonic() - began
            if name == "examples":  # it refuses to replace
                shutil.rmtree(self.folder / "copies")
        return self.seconds[name]

    def said(self) -> str:
        return (self.folder / "said").read_text(errors="replace")

    def end(self, name: str, number: signal.Signals, at: float, whole_group: bool) -> str:
        """Runs the command and ends it then; how it ended."""
        process = self.start(name)
        try:
            process.wait(timeout=at)
        except subprocess.TimeoutExpired:
            (os.killpg if whole_group else os.kill)(process.pid, number)
        try:
            status = process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            raise Broken("it does not end") from None
        finally:
            process.kill()
        self.look(number, status)
        if status == SIGNALS[number.name]:
            return number.name
        return "done" if status in (0, 1) else "before its first line"

    def look(self, number: signal.Signals, status: int) -> None:
        """Raises Broken for whatever is not as it must be."""
        said = self.said()
        early = status == -number or ("Traceback" in said and "pageengine" not in said)
        if not early and status not in (0, 1, SIGNALS[number.name]):
            raise Broken(f"exit status {status}: {said}")
        if "Traceback" in said and not early or "Exception ignored" in said:
            raise Broken(f"a traceback: {said}")
        _wait(self.living, "a process lives")
        _wait(self.temporary, "temporary files are left")
        _wait(lambda: [self.target.pid] if _stands(self.target.pid) else [], "it stands still")
        for path in self.folder.rglob("*"):
            if path.is_file() and path.relative_to(self.folder).parts[0] not in self.inputs:
                _whole(path)

    def temporary(self) -> list[str]:
        """What is in the temporary folder. Python itself tries the folder out by a file of four
        bytes, which SIGKILL in that instant leaves: not one of ours."""
        found = (self.folder / "tmp").iterdir()
        return [each.name for each in found if each.is_dir() or each.read_bytes() not in TRIED]

    def living(self) -> list[int]:
        """Processes of the command that are still there."""
        found = []
        for path in Path("/proc").glob("[0-9]*/environ"):
            try:
                if f"{MARK}={self.folder}".encode() in path.read_bytes().split(b"\0"):
                    found.append(int(path.parent.name))
            except OSError:
                continue
        return found


def _default_signals() -> None:
    for name in SIGNALS:
        if name != "SIGKILL":  # a background job begins with some of them ignored
            signal.signal(getattr(signal, name), signal.SIG_DFL)


def _wait(left, what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while found := left():
        if time.monotonic() > deadline:
            raise Broken(f"{what}: {found}")
        time.sleep(0.05)


def _stands(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "Tt"


def _whole(path: Path) -> None:
    """Raises Broken unless a file is a whole one of its kind."""
    ends = {
        ".png": b"IEND\xaeB`\x82",
        ".html": b"</html>\n",
        ".md": b"\n",
        ".journal": b"\n",
        ".toml": b"\n",
        ".py": b"\n",
        ".ipynb": b"\n",
    }
    try:
        if path.name == "summary.json":
            Result.load(path.parent)
        elif path.suffix == ".json":
            json.loads(path.read_text())
        elif path.suffix == ".parquet":
            import pyarrow.parquet

            pyarrow.parquet.read_table(path)
        elif path.suffix == ".core":
            with images.open(path) as image:
                assert sum(len(ppns) for ppns, _ in image) == image.data_pages
        else:
            assert path.read_bytes().endswith(ends[path.suffix])
    except Exception as error:
        raise Broken(f"{path} is not whole: {type(error).__name__}: {error}") from None


def trials(times: int, seed: int, names=tuple(COMMANDS), signals=tuple(SIGNALS), say=None):
    """(how often it ended how, what broke)."""
    counts: Counter = Counter()
    broken = []
    folder = Path(tempfile.mkdtemp(prefix="interrupts-"))
    trial = Trial(folder)
    try:
        for number in range(times):
            draw = random.Random(f"{seed} {number}")
            name, chosen = names[number % len(names)], draw.choice(signals)
            at = draw.uniform(0, 1.02) * trial.length(name)
            group = draw.random() < 0.5
            try:
                how = trial.end(name, getattr(signal, chosen), at, group)
            except Broken as error:
                how = "BROKEN"
                broken.append(
                    f"seed {seed}, trial {number}: {name}, {chosen} after {at:.3f} s, "
                    f"{'group' if group else 'process'}: {error}"
                )
            counts[how] += 1
            if say:
                say(f"{number + 1:5} {name:16} {chosen:8} {at:7.3f} s  {how}")
    finally:
        trial.close()
        shutil.rmtree(folder, ignore_errors=True)
    return counts, broken


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--times", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--command", action="append", choices=COMMANDS)
    parser.add_argument("--signal", action="append", choices=SIGNALS)
    parser.add_argument("--quiet", action="store_true")
    given = parser.parse_args()
    counts, broken = trials(
        given.times,
        given.seed,
        tuple(given.command or COMMANDS),
        tuple(given.signal or SIGNALS),
        None if given.quiet else print,
    )
    print(f"{given.times} trials:", ", ".join(f"{n} {how}" for how, n in counts.most_common()))
    print("\n".join(broken) or "nothing was left, nothing was half, every status as documented")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
