"""Starts a few ordinary programs and captures their memory: real pages for those who have no image
at hand."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pageengine import images
from pageengine.errors import PageEngineError

PROGRAMS = {
    "records": "customers and orders as dicts and JSON",
    "arrays": "numpy arrays: measurements, indices, an empty grid",
    "text": "a text, its lines and an index of its words",
    "trees": "syntax trees of Python's library",
}

Progress = Callable[[str, int, int], object]


@dataclass(frozen=True)
class RunningProgram:
    """A running program: its name, what it holds, and the process."""

    name: str
    what: str
    process: subprocess.Popen[str]


@dataclass(frozen=True)
class Capture:
    """The memory of a program in a file. data_pages: those that the file holds. whole: the whole
    process; False: only the pages of its own objects, which it wrote itself because its memory may
    not be read from outside (``reason``)."""

    name: str
    path: str
    pages: int
    data_pages: int
    whole: bool
    reason: str

    def to_dict(self) -> dict[str, Any]:
        """As plain data, ready for JSON."""
        return asdict(self)


@contextmanager
def running(names: Sequence[str], mebibytes: float) -> Iterator[list[RunningProgram]]:
    """Starts programs of ``mebibytes`` each and ends them on the way out. They also end by
    themselves when this process is gone, because their standard input ends with it."""
    script = Path(__file__).with_name("payload.py")
    programs: list[RunningProgram] = []
    try:
        for name in names:
            process = subprocess.Popen(
                [sys.executable, str(script), name, str(mebibytes)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is for us; we end them
                text=True,
                env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},  # no stacks that are never used
            )
            programs.append(RunningProgram(name, PROGRAMS[name], process))
        yield programs
    finally:
        for program in programs:
            program.process.kill()
        for program in programs:
            program.process.communicate()


def wait_ready(program: RunningProgram) -> None:
    """Waits until a program has filled its memory."""
    if _answer(program) != "ready":
        code = program.process.wait()
        raise PageEngineError(f"the program {program.name!r} ended early, with exit status {code}")


def _answer(program: RunningProgram) -> str:
    assert program.process.stdout is not None
    return program.process.stdout.readline().strip()


def _ask(program: RunningProgram, line: str) -> None:
    assert program.process.stdin is not None
    try:
        program.process.stdin.write(line + "\n")
        program.process.stdin.flush()
    except BrokenPipeError:
        raise PageEngineError(f"the program {program.name!r} ended early") from None


def capture(program: RunningProgram, folder: str, progress: Progress | None = None) -> Capture:
    """Captures a program's memory to a file in ``folder``."""
    path = os.path.join(folder, f"{program.name}.core")
    try:

        def report(done: int, total: int) -> None:
            if progress:
                progress(program.name, done, total)

        captured = images.capture(program.process.pid, path, progress=report)
        return Capture(program.name, path, captured.pages, captured.data_pages, True, "")
    except images.ImageError as error:
        reason = str(error)
    path = os.path.join(folder, f"{program.name}.raw")
    _ask(program, f"dump {path}")
    if _answer(program) != "dumped":
        raise PageEngineError(f"the program {program.name!r} could not write its own memory")
    pages = os.path.getsize(path) // 4096
    return Capture(program.name, path, pages, pages, False, reason)
