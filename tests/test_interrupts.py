"""Whoever ends a command must find nothing of it but its result. A few commands are ended here as
``tests/interrupts.py`` ends all of them, some hundred times; and the first moments of the program,
a disk that is full, and a process that was killed are looked at one by one.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import interrupts
import pytest
import test_every_reader as readers

from pageengine import report
from pageengine.cli import main
from pageengine.lab.results import Result
from pageengine.plumbing import startup

linux = pytest.mark.skipif(not os.path.exists("/proc/self/environ"), reason="needs /proc")
COMMAND = [sys.executable, "-m", "pageengine"]


@linux
@pytest.mark.parametrize(
    ("command", "begun"),
    [
        ("demo", lambda trial: any(trial.folder.glob("tmp/*/*"))),  # a capture has its name
        ("sweep", lambda trial: len(trial.living()) > 2 and any(trial.folder.glob("*.journal"))),
        ("overcommit live", lambda trial: any(trial.folder.glob("tmp/pageengine-*"))),
    ],
)
def test_nothing_is_left_of_a_command_that_is_killed(tmp_path, command, begun):
    pytest.importorskip("pyarrow")
    trial = interrupts.Trial(tmp_path)
    try:
        child = trial.start(command)
        deadline = time.monotonic() + 60
        while not begun(trial):
            assert child.poll() is None and time.monotonic() < deadline, trial.said()
            time.sleep(0.005)
        child.kill()
        trial.look(signal.SIGKILL, child.wait())
    finally:
        trial.close()


@pytest.mark.slow
@linux
def test_nothing_is_left_of_a_command_at_random_moments():
    counts, broken = interrupts.trials(2, 7, ("scan", "capture"), ("SIGINT", "SIGHUP"))
    assert not broken and sum(counts.values()) == 2


@pytest.mark.parametrize("number", startup.ENDS, ids=lambda number: number.name)
def test_a_signal_while_modules_are_loaded_is_no_traceback(number, tmp_path):
    """NumPy is one that says when it is loaded, and takes its time."""
    (tmp_path / "numpy.py").write_text("print('here', flush=True)\nimport time\ntime.sleep(30)\n")
    child = subprocess.Popen(
        [*COMMAND, "policies"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])},
        preexec_fn=interrupts._default_signals,
    )
    assert child.stdout.readline() == "here\n"
    child.send_signal(number)
    what, status = startup.ENDS[number]
    assert child.communicate(timeout=20)[1] == f"pageengine: {what}\n"
    assert child.returncode == status


def test_whoever_imports_the_package_keeps_its_signals():
    code = (
        "import signal; before = signal.getsignal(2); import pageengine\n"
        "assert signal.getsignal(2) is before"
    )
    subprocess.run([sys.executable, "-c", code], check=True, preexec_fn=interrupts._default_signals)


def test_signals_that_are_ignored_stay_so(tmp_path):
    code = (
        "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        "from pageengine.plumbing import startup; startup.begin()\n"
        "from pageengine.cli.stopping import Stop\n"
        "with Stop() as stop:\n    signal.raise_signal(signal.SIGHUP); assert not stop()\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@linux
def test_a_process_that_is_captured_runs_on_when_its_capture_is_killed(tmp_path):
    target = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    code = f"""
import os, signal
from pageengine import images
def kill(done, total):
    os.kill(os.getpid(), signal.SIGKILL)
images.capture({target.pid}, {str(tmp_path / "core")!r}, progress=kill)
"""
    try:
        subprocess.run([sys.executable, "-c", code])
        deadline = time.monotonic() + 10
        while interrupts._stands(target.pid) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert not interrupts._stands(target.pid) and os.listdir(tmp_path) == []
    finally:
        target.kill()  # one that stands still would never read
        target.communicate()


FULL = """
import resource, sys
from pageengine.cli import main
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
sys.exit(main(sys.argv[2:]))
"""


@pytest.mark.parametrize(
    ("arguments", "file"),
    [
        (["run", "lab.toml", "-o", "out"], "out/host.parquet"),
        (
            [
                "sweep",
                "lab.toml",
                "--vary",
                "vm.count=1",
                "--seeds",
                "1",
                "--jobs",
                "1",
                "-o",
                "t.pq",
            ],
            "t.pq.journal",
        ),
        (["scan", "sample.raw", "--profile", "web.json"], "web.json"),
        (["examples", "states", "-o", "copies"], "copies/states.toml"),
    ],
)
def test_a_full_disk_is_one_line_and_leaves_what_was(tmp_path, arguments, file):
    pytest.importorskip("pyarrow")
    (tmp_path / "lab.toml").write_text(readers.SCENARIO)
    readers.READERS["image raw"].make(tmp_path)
    older = tmp_path / file
    if not file.startswith(("copies", "t.pq")):
        older.parent.mkdir(exist_ok=True)
        older.write_bytes(b"older")
    done = subprocess.run(
        [sys.executable, "-c", FULL, "40", *arguments], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 74
    assert done.stderr == f"pageengine: {file}: File too large\n"
    assert not older.exists() or older.read_bytes() == b"older"
    assert not [path for path in tmp_path.rglob("*") if ".part" in path.name]


@pytest.mark.slow
def test_a_result_that_cannot_be_saved_leaves_the_older_one(tmp_path, capsys, monkeypatch):
    """Its third file does not fit; the two that did are not mixed with the older third."""
    pytest.importorskip("pyarrow")
    monkeypatch.setattr(report, "available", lambda: False)
    (tmp_path / "lab.toml").write_text(readers.SCENARIO)
    command = ["run", str(tmp_path / "lab.toml"), "-o", str(tmp_path / "out")]
    assert main(command) == 0
    before = Result.load(tmp_path / "out").digest()
    monkeypatch.setattr("pageengine.lab.results.dump", lambda _: 1 / 0)
    assert main([*command, "--seed", "9"]) == 70
    monkeypatch.undo()
    assert Result.load(tmp_path / "out").digest() == before
    assert main([*command, "--seed", "9"]) == 0
    assert Result.load(tmp_path / "out").digest() != before
    capsys.readouterr()


@linux
def test_a_worker_that_is_killed_is_said(tmp_path):
    from pageengine.errors import PageEngineError
    from pageengine.lab.workers import workers

    with pytest.raises(PageEngineError, match="--jobs"), workers(1) as pool:
        pool.submit(os.kill, pool.submit(os.getpid).result(), signal.SIGKILL).result()


def test_every_long_command_is_in_the_harness():
    text = Path(interrupts.__file__).read_text()
    assert all(
        f'"{name} ' in text
        for name in (
            "run",
            "compare",
            "advise",
            "sweep",
            "paper",
            "scan",
            "capture",
            "overcommit",
            "demo",
            "codecs",
            "examples",
        )
    )
