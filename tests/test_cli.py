"""The command line is what most people see first: it must say true things, and say plainly what is
wrong. Commands run in this process by main([...]), and a few as programs, where signals and pipes
matter."""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest

from pageengine.cli import COMMANDS, bare, console, main
from pageengine.host.vm import VM

PAGE = 4096
NAMES = COMMANDS
linux = pytest.mark.skipif(not os.path.exists("/proc/self/mem"), reason="needs /proc")


@pytest.fixture
def paths(tmp_path):
    """Two images of 256 pages, a quarter of them equal in both."""
    found = []
    common = np.random.default_rng(0).integers(0, 256, (64, PAGE)).astype(np.uint8)
    for seed, name in ((1, "web"), (2, "db")):
        own = np.random.default_rng(seed).integers(0, 9, (128, PAGE)).astype(np.uint8)
        path = tmp_path / f"{name}.raw"
        path.write_bytes(np.concatenate([common, own, np.zeros((64, PAGE), np.uint8)]).tobytes())
        found.append(str(path))
    return found


def run(capsys, *arguments):
    status = main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return status, out, err


def run_json(capsys, *arguments):
    status, out, err = run(capsys, *arguments, "--json")
    assert err == ""
    return status, json.loads(out)


def program(*arguments, **options):
    return subprocess.Popen(
        [sys.executable, "-m", "pageengine", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
        # a background job starts with SIGINT ignored, and would pass that on
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


# help, version and mistakes


@pytest.mark.parametrize("name", NAMES)
def test_help_of_every_command_has_examples(capsys, name):
    status, out, err = run(capsys, name, "--help")
    assert (status, err) == (0, "")
    assert f"pageengine {name}" in out.partition("example")[2]
    assert "--json" in out


def test_help_lists_every_command(capsys):
    status, out, _ = run(capsys, "--help")
    assert status == 0
    assert all(f"\n    {name}" in out for name in NAMES)


def test_the_version_is_that_of_the_package(capsys):
    import pageengine

    status, out, _ = run(capsys, "--version")
    assert (status, out) == (0, f"pageengine {pageengine.__version__}\n")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "COMMAND"),
        (["nope"], "'nope'"),
        (["scan"], "at least one image"),
        (["scan", "WEB", "--sample", "0"], "--sample"),
        (["scan", "WEB", "--codec", "nope"], "unknown codec 'nope'"),
        (["scan", "--group", "x"], "NAME=IMAGE"),
        (["scan", "--group", "x=WEB", "--group", "y=WEB"], "two groups"),
        (["scan", "MISSING"], "No such file"),
        (["scan", "SHORT"], "short.raw"),
        (["overcommit", "WEB"], "--memory"),
        (["overcommit", "--memory", "50%"], "at least one image"),
        (["overcommit", "WEB", "--memory", "12x"], "'12x'"),
        (["overcommit", "WEB", "--memory", "0%"], "'0%'"),
        (["overcommit", "WEB", "WEB", "--memory", "50%"], "twice"),
        (["overcommit", "MISSING", "--memory", "50%"], "No such file"),
        (["overcommit", "SHORT", "--memory", "50%"], "short.raw"),
        (["overcommit", "WEB", "--memory", "50%", "--compression", "nope"], "unknown codec 'nope'"),
        (["overcommit", "WEB", "--memory", "50%", "--swap-dir", "/nowhere"], "/nowhere"),
        (["overcommit", "WEB", "--memory", "50%", "--cache-limit", "200%"], "200%"),
        (["overcommit", "/proc/self", "--memory", "50%"], "/proc/self"),
        (["capture", "12"], "-o"),
        (["capture", "x", "-o", "f"], "PID"),
        (["capture", "12", "-o", "WEB"], "there already"),
        (["demo", "--size", "0"], "--size"),
        (["demo", "--memory", "lots"], "'lots'"),
    ],
)
def test_a_mistake_is_one_line_on_standard_error(capsys, paths, tmp_path, arguments, says):
    short = tmp_path / "short.raw"
    short.write_bytes(bytes(PAGE + 1))
    words = {"WEB": paths[0], "MISSING": str(tmp_path / "missing.raw"), "SHORT": str(short)}
    for word, path in words.items():
        arguments = [argument.replace(word, path) for argument in arguments]
    status, out, err = run(capsys, *arguments)
    assert status == 2
    assert says in err
    assert err.count("\n") == 1 and "Traceback" not in err
    assert out == ""


def test_a_host_that_cannot_hold_the_images_says_so(capsys, paths):
    status, _, err = run(capsys, "overcommit", *paths, "--memory", "16 KiB", "--swap", "0")
    assert status == 2
    assert err.startswith("pageengine: ") and err.count("\n") == 1


def test_without_rich_tables_say_the_same(capsys, paths, monkeypatch):
    """Where the wheel alone was installed: no colours, but every word and number."""
    _, rich, _ = run(capsys, "scan", *paths)
    monkeypatch.setattr(console, "_has_rich", lambda: False)
    status, out, err = run(capsys, "scan", *paths)
    assert (status, err) == (0, "")
    dashes = re.compile(r"[-\u2500]{3,}")
    assert dashes.sub("", out).split() == dashes.sub("", rich).split()


def test_a_bare_table_stands_in_columns_and_folds_its_widest_text():
    rows = [["a", "x" * 30, "1"], ["bb", "y", "23"], ["", "", "24"]]
    shown = bare.table(["name", "text", "n"], rows, texts=2, total=True, width=30)
    assert shown.splitlines() == [
        "name   text                  n",
        "-" * 30,
        "a      " + "x" * 18 + "    1",
        "       " + "x" * 12,
        "bb     y                    23",
        "-" * 30,
        "                            24",
    ]
    assert bare.paragraph("one two three\n\nfour", 9) == "one two\nthree\n\nfour\n"


# commands


def test_scan_counts_and_prints(capsys, paths):
    status, data = run_json(capsys, "scan", *paths)
    assert status == 0
    assert data["grains"][0] | {"saved": 0} == {
        "bytes": PAGE,
        "chunks": 512,
        "zero": 128,
        "within": 0,
        "across": 64,
        "kept": 320,
        "saved": 0,
    }
    status, out, err = run(capsys, "scan", *paths, "--sample", "all", "--codec", "word")
    assert (status, err) == (0, "")
    for word in (
        "web.raw",
        "db.raw",
        "64 KiB",
        "2 MiB",
        "word",
        "zero pages alone",
        "sharing, then",
    ):
        assert word in out


def test_scan_keeps_groups_apart(capsys, paths):
    status, data = run_json(capsys, "scan", "--group", f"x={paths[0]}", "--group", f"y={paths[1]}")
    assert status == 0
    assert data["grains"][0]["across"] == 0
    assert set(data["groups"]) == {"x", "y"}
    status, out, _ = run(capsys, "scan", "--group", f"x={paths[0]}", "--group", f"y={paths[1]}")
    assert status == 0 and "Salt groups" in out


def test_overcommit_reads_every_byte_back(capsys, paths):
    status, data = run_json(capsys, "overcommit", *paths, "--memory", "50%")
    assert status == 0 and data["same"] is True
    assert data["memory"] == 256 * PAGE
    status, out, err = run(capsys, "overcommit", *paths, "--memory", "50%")
    assert (status, err) == (0, "")
    for word in (
        "Every byte is the same: 512 pages",
        "2:1",
        "4:1",
        "swapped",
        "read back",
        "equal pages",
    ):
        assert word in out


def test_overcommit_ends_with_1_when_a_byte_differs(capsys, paths, monkeypatch):
    read = VM.read

    def wrong(self, ppns):
        out = read(self, ppns)
        out[0, 0] ^= 1
        return out

    monkeypatch.setattr(VM, "read", wrong)
    status, out, _ = run(capsys, "overcommit", *paths, "--memory", "50%")
    assert status == 1 and "DIFFER" in out and "Every byte is the same" not in out


def test_tables_fit_80_columns(capsys, paths, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    for arguments in (["scan", *paths], ["overcommit", *paths, "--memory", "50%"], ["codecs"]):
        _, out, _ = run(capsys, *arguments)
        assert max(map(len, out.splitlines())) <= 80
        assert "…" not in out


@pytest.mark.slow
def test_codecs_lists_ours_and_says_where_libraries_are_missing(capsys):
    status, data = run_json(capsys, "codecs", "--bench")
    assert status == 0
    assert {"same", "word", "lz4", "zstd"} <= {row["name"] for row in data["codecs"]}
    assert all(row["compress_mb_s"] > 0 for row in data["bench"])
    assert run(capsys, "codecs", "--bench")[0] == 0


def test_about_has_what_a_bug_report_needs(capsys):
    status, data = run_json(capsys, "about")
    assert status == 0
    for key in (
        "pageengine",
        "python",
        "numpy",
        "platform",
        "processor",
        "cores",
        "memory",
        "codecs",
    ):
        assert data[key]
    assert "swap directory" in run(capsys, "about")[1]


@linux
def test_capture_writes_a_file_for_the_owner_only(capsys, tmp_path):
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        path = tmp_path / "child.core"
        status, data = run_json(capsys, "capture", child.pid, "-o", path)
        assert status == 0 and data["pid"] == child.pid
        assert path.stat().st_mode & 0o777 == 0o600
        status, out, _ = run(capsys, "capture", child.pid, "-o", path, "--force", "--running")
        assert status == 0 and "passwords" in out
        assert run(capsys, "scan", path)[0] == 0
        assert run_json(capsys, "overcommit", f"/proc/{child.pid}", "--memory", "50%")[1]["same"]
    finally:
        child.kill()
        child.communicate()


@pytest.mark.slow
@linux
def test_demo_tells_the_story_and_leaves_nothing(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    status, out, err = run(capsys, "demo", "--size", "24")
    assert (status, err) == (0, "")
    for word in (
        "1. Starting",
        "2. Capturing",
        "3. A host of",
        "4. Is everything",
        "Every byte is the same",
    ):
        assert word in out
    assert list(tmp_path.iterdir()) == []
    status, data = run_json(capsys, "demo", "--size", "24")
    assert status == 0 and data["overcommit"]["same"] and len(data["captures"]) == 4


# signals and pipes


@linux
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_demo_leaves_no_file_and_no_program(tmp_path, number, status):
    child = program("demo", "--size", "200", env={**os.environ, "TMPDIR": str(tmp_path)})
    try:
        assert child.stdout.readline() == "\n"  # the tables have begun
        deadline = time.monotonic() + 20
        while not list(tmp_path.iterdir()) and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.3)
        started = _children(child.pid)
        child.send_signal(number)
        _, err = child.communicate(timeout=20)
    finally:
        child.kill()
    assert child.returncode == status
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []
    assert started and not any(os.path.exists(f"/proc/{pid}") for pid in started)


def _children(pid: int) -> list[int]:
    return [int(n) for n in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.skipif(not hasattr(signal, "SIGPIPE"), reason="needs pipes as POSIX has them")
def test_a_reader_that_goes_away_is_no_error_message(paths):
    child = program("scan", *paths, "--json")
    child.stdout.close()
    err = child.stderr.read()
    assert child.wait(timeout=30) == 141
    assert err == ""


def test_progress_is_not_shown_where_nobody_looks(paths):
    child = program("scan", *paths)
    out, err = child.communicate(timeout=60)
    assert (child.returncode, err) == (0, "")
    assert "\x1b" not in out


@pytest.mark.skipif(sys.platform == "win32", reason="needs pseudo-terminals")
def test_progress_goes_to_a_terminal_on_standard_error_only(paths):
    import pty

    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm"}
    arguments = [sys.executable, "-m", "pageengine", "overcommit", *paths, "--memory", "50%"]
    with subprocess.Popen(
        arguments, stdout=subprocess.PIPE, stderr=theirs, text=True, env=environment
    ) as child:
        os.close(theirs)
        shown = b""
        while True:
            try:
                part = os.read(ours, 4096)
            except OSError:  # Linux says so when the other side is closed
                break
            if not part:
                break
            shown += part
        out = child.stdout.read()
    os.close(ours)
    assert child.returncode == 0
    assert b"reading back web" in shown
    assert "reading back" not in out and "\x1b" not in out


def test_scan_says_what_patches_would_add(tmp_path, capsys):
    page = np.random.default_rng(4).integers(0, 256, (64, 4096), dtype=np.uint8)
    near = page.copy()
    near[:, 100] ^= 1
    path = tmp_path / "similar.raw"
    path.write_bytes(page.tobytes() + near.tobytes())
    assert main(["scan", "--subpage", "--json", str(path)]) == 0
    found = json.loads(capsys.readouterr().out)["subpage"]
    assert found["similar"] > 50 and found["both"] > found["compressed"]
    assert main(["scan", "--subpage", str(path)]) == 0
    assert "patch" in capsys.readouterr().out
