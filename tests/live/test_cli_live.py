"""What an operator types first: top, doctor and record over processes of this computer, which any
may look at. Each must say what is there, end whole however it is ended, and say in one line what is
wrong with a guest that cannot be looked at.
"""

import json
import os
import pty
import re
import select
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from pathlib import Path

import made_seen
import made_up
import numpy as np
import pytest
from children import holding

from pageengine import report
from pageengine.cli import doctor, guests, main, record
from pageengine.cli.console import Usage
from pageengine.lab.results import Result
from pageengine.live.config import Config
from pageengine.live.evidence import Evidence, Running
from pageengine.live.lock import Lock

pytestmark = pytest.mark.skipif(
    not os.path.exists("/proc/self/smaps_rollup"), reason="needs /proc of Linux"
)
MIB = 2**20


@pytest.fixture
def child():
    """A process that holds 32 MiB until its standard input is closed."""
    with holding(32) as process:
        yield process


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def run(capsys, *arguments):
    status = main([str(argument) for argument in arguments])
    return status, *capsys.readouterr()


def program(*arguments, **options):
    return subprocess.Popen(
        [sys.executable, "-m", "pageengine", *map(str, arguments)],
        stdout=options.pop("stdout", subprocess.PIPE),
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        **options,
    )


# top


def test_top_shows_a_process_once(capsys, child):
    status, out, err = run(capsys, "top", "--once", "--process", f"mine={child.pid}")
    assert (status, err) == (0, "")
    row = dict(zip(out.split("\n\n")[1].split("\n")[0].split(), out.split("\n")[-2].split()))
    assert row["NAME"] == "mine" and 32 <= int(row["GRANT"]) < 200
    assert int(row["CNSM"]) >= 32 and row["GAVAIL"] == row["MCTLTGT"] == "-"
    assert re.search(r"PMEM .*: [\d,]+ total, [\d,]+ free", out)


def test_top_as_json_has_rates_of_the_time_between_two_looks(capsys, child):
    status, out, _ = run(capsys, "top", "--json", "--process", child.pid)
    found = json.loads(out)
    assert status == 0 and found["step"] == pytest.approx(1, abs=0.9)
    assert found["host"]["swap_in"] is not None and found["host"]["memory"] > 0
    (guest,) = found["guests"]
    assert guest["granted"] >= 32 * MIB and guest["status"] == "known"
    assert guest["balloon"] == 0 and guest["guest_free"] is None


def test_top_without_a_terminal_prints_one_board_after_the_other(child):
    process = program("top", "--process", child.pid, "--every", "200ms")
    try:
        said = ""
        while said.count("PMEM") < 3:
            said += process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
    finally:
        process.kill()
    assert (process.returncode, err) == (130, "") and "\x1b" not in said


def test_top_says_of_a_guest_that_has_ended_that_it_is_absent(child):
    process = program("top", "--process", f"mine={child.pid}", "--every", "200ms")
    try:
        while "mine" not in process.stdout.readline():
            pass
        child.kill()
        child.wait()
        said, deadline = "", time.monotonic() + 20
        while "absent: there is no process" not in said and time.monotonic() < deadline:
            said = process.stdout.readline()
    finally:
        process.kill()
        process.communicate()
    assert "absent: there is no process" in said


def on_terminal(*arguments):
    """The command with a terminal on both sides: (process, the terminal)."""
    ours, theirs = pty.openpty()
    process = program(*arguments, stdin=theirs, stdout=theirs, env={**os.environ, "TERM": "xterm"})
    os.close(theirs)
    return process, ours


def read_until(terminal, word, seconds=20):
    said, deadline = b"", time.monotonic() + seconds
    while word not in said:
        ready = select.select([terminal], [], [], max(deadline - time.monotonic(), 0))[0]
        assert ready, said
        said += os.read(terminal, 1 << 16)
    return said


def test_top_on_a_terminal_is_one_screen_until_q(child):
    pytest.importorskip("rich")
    process, terminal = on_terminal("top", "--process", f"mine={child.pid}")
    try:
        said = read_until(terminal, b"q: quit")
        assert b"\x1b[?1049h" in said and b"mine" in said
        os.write(terminal, b"q")
        said = read_until(terminal, b"\x1b[?1049l")
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.communicate()
        os.close(terminal)


def test_a_saved_run_is_stepped_through_by_keys():
    pytest.importorskip("rich")
    made_up.result(60).save("saved")
    process, terminal = on_terminal("top", "saved")
    try:
        assert b"00:00:02" in read_until(terminal, b"moment 1 of 30")
        os.write(terminal, b"\x1b[C\x1b[C")
        assert b"00:00:06" in read_until(terminal, b"moment 3 of 30")
        os.write(terminal, b"\x1b[4~")
        read_until(terminal, b"moment 30 of 30")
        os.write(terminal, b"q")
        read_until(terminal, b"\x1b[?1049l")
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.communicate()
        os.close(terminal)


def test_top_shows_a_moment_of_a_saved_run(capsys):
    result = made_up.result(60)
    result.save("saved")
    status, out, err = run(capsys, "top", "saved", "--at", "31s")
    assert (status, err) == (0, "") and "00:00:30" in out
    status, out, _ = run(capsys, "top", "saved", "--json")
    found = json.loads(out)
    assert found["time"] == 60.0 and found["host"]["free"] == int(result.host["free"][-1])
    assert [guest["vm"] for guest in found["guests"]] == result.names


# record


def test_a_recording_is_a_result_as_any(capsys, child):
    what = ("record", "--process", f"mine={child.pid}", "--every", "100ms", "--for", "500ms")
    status, out, err = run(capsys, *what, "--part", "200ms", "-o", "rec")
    assert (status, err) == (0, "") and re.search(
        r"\d looks at 1 guest over .* in rec, 2 parts", out
    )
    result = Result.load("rec")
    assert not result.partial and result.names == ["mine"]
    assert len(result.host["time"]) in (5, 6) and result.host["time"][0] == 0
    assert result.meta["memory"] == result.host["memory"][-1]
    own = result.of("mine")
    assert (own["granted"] >= 32 * MIB).all() and np.isnan(own["active"]).all()
    assert result.summary["free_least"] == result.host["free"].min()
    status, out, _ = run(capsys, "top", "rec")
    assert status == 0 and "mine" in out
    if report.available():
        assert "mine" in report.page(result)


def test_a_folder_with_a_result_is_refused_before_anything_is_looked_at(capsys, child, monkeypatch):
    made_up.result(60).save("rec")
    monkeypatch.setattr(record.looking, "follow", lambda *_: pytest.fail("it was looked at"))
    status, _, err = run(capsys, "record", "--process", child.pid, "-o", "rec")
    assert status == 2 and "rec holds a result already" in err and err.count("\n") == 1


def running(child, *more):
    process = program("record", "--process", child.pid, "--every", "100ms", *more)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        parts = Counter(path.parent for path in Path("rec").glob("*.parquet/*.parquet"))
        if len(parts) == 2 and min(parts.values()) >= 2:
            break
        time.sleep(0.05)
    return process


@pytest.mark.parametrize(
    ("number", "more", "status", "why"),
    [
        (signal.SIGINT, (), 0, ""),
        (signal.SIGTERM, (), 0, ""),
        (signal.SIGINT, ("--for", "1h"), 130, "interrupted"),
        (signal.SIGTERM, ("--for", "1h"), 143, "terminated"),
        (signal.SIGKILL, (), -9, "it is being recorded, or was cut short"),
    ],
)
def test_a_recording_is_whole_however_it_is_ended(child, number, more, status, why):
    process = running(child, "--part", "200ms", "-o", "rec", *more)
    process.send_signal(number)
    _, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (status, "")
    result = Result.load("rec")
    assert result.why == why and len(result.host["time"]) >= 2
    assert {path.name for path in Path("rec").iterdir()} == {
        "host.parquet",
        "vms.parquet",
        "summary.json",
    }


def test_metrics_are_served_while_it_runs(child):
    pytest.importorskip("prometheus_client")
    process = program("record", "--process", f"mine={child.pid}", "--metrics", "0")
    try:
        url = re.search(r"http\S+", process.stdout.readline())[0]
        assert url.startswith("http://127.0.0.1:")
        said, deadline = "", time.monotonic() + 20
        while 'pageengine_vm_size_bytes{vm="mine"}' not in said and time.monotonic() < deadline:
            with urllib.request.urlopen(url, timeout=5) as answer:
                said = answer.read().decode()
        assert 'pageengine_vm_size_bytes{vm="mine"}' in said
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=20)
        assert (process.returncode, err) == (0, "")
    finally:
        process.kill()
        process.communicate()


# doctor


def evidence(**changes):
    made = Evidence(host=made_seen.host(), pressure=True, **changes)

    async def gathered(settings, lock):
        return made

    return gathered


def test_doctor_ends_with_status_1_only_when_governing_would_be_unsafe(capsys, monkeypatch):
    monkeypatch.setattr(doctor, "_gathered", evidence())
    status, out, _ = run(capsys, "doctor")
    assert status == 0 and out.startswith("NOTE    host: this kernel has no KSM")
    assert "would make governing unsafe" in out
    momd = Running(pid=7, name="momd", command=("/usr/sbin/momd",))
    monkeypatch.setattr(doctor, "_gathered", evidence(processes=(momd,)))
    status, out, _ = run(capsys, "doctor")
    assert status == 1 and out.startswith("UNSAFE  host: momd runs (process 7)")
    assert "would not be safe" in out
    status, out, _ = run(capsys, "doctor", "--json")
    assert status == 1 and json.loads(out)["unsafe"] == 1


def test_doctor_looks_at_a_process_and_says_what_about_it(capsys, child):
    status, out, err = run(capsys, "doctor", "mine", "--process", f"mine={child.pid}")
    assert status in (0, 1) and err == ""
    assert "mine: it has not asked for merging" in out and "Looked at this host and mine." in out
    lines = out.split("\n\n")[0].splitlines()
    assert all(re.match(r"(UNSAFE |WARNING|NOTE   ) (host|mine): ", line) for line in lines)


def test_doctor_says_only_what_is_about_the_guest_that_was_asked_for(capsys, child):
    both = ("--process", f"a={child.pid}", "--process", f"b={os.getpid()}")
    _, out, _ = run(capsys, "doctor", "a", *both, "--json")
    assert {each["about"] for each in json.loads(out)["findings"]} <= {"", "a"}


def test_doctor_sees_who_holds_the_lock_and_does_not_touch_it(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(Config, "lock", str(tmp_path / "lock"))

    def governors():
        run(capsys, "doctor", "--json")
        _, out, _ = run(capsys, "doctor", "--json")
        return [each["fact"] for each in json.loads(out)["findings"] if each["rule"] == "lock"]

    assert governors() == [] and not (tmp_path / "lock").exists()
    held = Lock(str(tmp_path / "lock"), "a test")
    (said,) = governors()
    assert f"process {os.getpid()}: a test" in said
    held.release()
    assert governors() == []


# what is wrong with a guest


@pytest.fixture
def sockets(tmp_path):
    """A socket that somebody listens at, and a file that is none."""
    with socket.socket(socket.AF_UNIX) as made:
        made.bind("here.qmp")
        (tmp_path / "file").write_text("x")
        yield


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--qemu", "x"], "write NAME=SOCKET"),
        (["--qemu", "=x"], "write NAME=SOCKET"),
        (["--qemu", "web=gone.qmp"], "there is no socket gone.qmp; QEMU makes it with -qmp unix:"),
        (["--qemu", "web=file"], "file is no socket"),
        (["--qemu", "web=file/x"], "Not a directory"),
        (["--qemu", "a=here.qmp", "--process", "a=PID"], "two guests are called a"),
        (["--libvirt", "@qemu:///system"], "write DOMAIN"),
        (["--process", "x"], "'x' is no process number"),
        (["--process", "999999999"], "there is no process 999999999"),
        (["--process", "2"], "process 2"),
        (["--config", "gone.toml"], "gone.toml"),
        (["--every", "1ms"], "too often"),
    ],
)
@pytest.mark.parametrize("command", ["top", "record"])
def test_a_guest_that_cannot_be_looked_at_is_one_line(capsys, sockets, command, arguments, says):
    if "2" in arguments and not os.path.exists("/proc/2"):
        pytest.skip("needs a process of the kernel")
    words = [each.replace("PID", str(os.getpid())) for each in arguments]
    more = ["-o", "rec"] if command == "record" else ["--once"]
    try:
        status, out, err = run(capsys, command, *words, *more)
    except SystemExit as ended:
        status, (out, err) = ended.code, capsys.readouterr()
    assert (status, out) == (2, "") and says in err and err.count("\n") == 1
    assert not Path("rec").exists()


def test_a_socket_that_may_not_be_opened_names_its_owner(monkeypatch, sockets, capsys):
    monkeypatch.setattr(guests.os, "access", lambda *arguments: False)
    status, _, err = run(capsys, "top", "--once", "--qemu", "web=here.qmp")
    owner = guests._user(os.getuid())
    assert status == 2 and f"belongs to {owner} and may not be opened; run this as {owner}" in err


def test_a_process_whose_memory_may_not_be_looked_at_names_its_owner(monkeypatch, capsys):
    def refused(*arguments):
        raise PermissionError

    monkeypatch.setattr(guests, "open", refused, raising=False)
    status, _, err = run(capsys, "doctor", "--process", os.getpid())
    assert status == 2 and "its memory may not be looked at; run this as" in err


def test_what_top_and_record_are_to_do_must_be_said(capsys, child):
    made_up.result(60).save("saved")
    for arguments, says in (
        (["top", "saved", "--process", child.pid], "a RESULT or guests, not both"),
        (["top", "--process", child.pid, "--at", "5s"], "--at is for a RESULT"),
        (["top", "nothing"], "holds no result"),
        (["record", "--process", child.pid], "name -o DIR"),
        (["record", "--metrics", "x"], "must be PORT or ADDRESS:PORT"),
        (["doctor", "wbe", "--process", f"web={child.pid}"], "did you mean 'web'?"),
    ):
        status, out, err = run(capsys, *arguments)
        assert (status, out) == (2, "") and says in err and err.count("\n") == 1


def test_a_monitor_of_libvirts_is_refused_and_a_socket_beside_its_images_is_not(tmp_path):
    for folder, refused in (("libvirt/qemu", True), ("libvirt/images", False)):
        (tmp_path / folder).mkdir(parents=True)
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(str(tmp_path / folder / "web.qmp"))
            path = str(tmp_path / folder / "web.qmp")
            if refused:
                with pytest.raises(Usage, match="libvirt's own"):
                    guests.check_socket(path, "--qemu")
            else:
                guests.check_socket(path, "--qemu")
