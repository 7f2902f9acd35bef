"""At stake: a result that took hours, and the older one under the same name. Whatever goes wrong
while a file is written, its name holds the whole old file or the whole new one, and nothing else is
left in the folder.
"""

import errno
import os
import resource
import signal
import stat
import subprocess
import sys
from contextlib import contextmanager

import pytest

from pageengine import traces
from pageengine.plumbing import writing

FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.fixture(params=["nameless", "named"], autouse=True)
def kind_of_part(request, monkeypatch):
    """Both ways in which a file can be written before it has its name."""
    if request.param == "named":
        monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    elif not hasattr(os, "O_TMPFILE"):
        pytest.skip("this system has no files without names")


@contextmanager
def small_files(limit=8192):
    """No file may grow beyond the limit: a full disk, as the system tells it."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_file_appears_when_it_is_whole(tmp_path):
    path = tmp_path / "out"
    with writing.whole(path) as file:
        file.write(b"one ")
        assert not path.exists()
        file.write(b"two")
    assert path.read_bytes() == b"one two" and os.listdir(tmp_path) == ["out"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask()


def umask():
    found = os.umask(0)
    os.umask(found)
    return found


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt(), SystemExit(3)])
@pytest.mark.parametrize("older", [None, b"older"])
def test_what_ends_early_leaves_what_was(tmp_path, error, older):
    path = tmp_path / "out"
    if older:
        path.write_bytes(older)
    with pytest.raises(type(error)), writing.whole(path) as file:
        file.write(b"half")
        raise error
    assert os.listdir(tmp_path) == (["out"] if older else [])
    assert not older or path.read_bytes() == older


def test_a_full_disk_names_the_file_and_the_cause(tmp_path):
    path = tmp_path / "out"
    path.write_bytes(b"older")
    with small_files(), pytest.raises(OSError) as caught, writing.whole(path) as file:
        for _ in range(4):
            file.write(bytes(3000))
    assert caught.value.filename == str(path) and caught.value.errno == errno.EFBIG
    assert path.read_bytes() == b"older" and os.listdir(tmp_path) == ["out"]


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_what_fails_at_the_end_fails_as_well(tmp_path, monkeypatch, call):
    path = tmp_path / "out"
    path.write_bytes(b"older")

    def fail(*_, **__):
        raise FULL

    monkeypatch.setattr(os, call, fail)
    with pytest.raises(OSError) as caught:
        writing.text(path, "newer")
    monkeypatch.undo()
    assert caught.value.filename == str(path) and caught.value.errno == errno.ENOSPC
    assert path.read_bytes() == b"older" and os.listdir(tmp_path) == ["out"]


def test_what_is_written_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    calls = []
    for name in ("fsync", "replace"):
        inner = getattr(os, name)
        monkeypatch.setattr(
            os, name, lambda *a, n=name, f=inner, **k: (calls.append(n), f(*a, **k))[1]
        )
    writing.text(tmp_path / "out", "x")
    assert calls == ["fsync", "replace", "fsync"], "the file, its name, the folder"


def test_of_several_files_none_appears_when_one_fails(tmp_path):
    for name in "ab":
        (tmp_path / name).write_bytes(b"older")
    with small_files(), pytest.raises(OSError), writing.together() as files:
        files.open(tmp_path / "a").write(b"newer")
        files.open(tmp_path / "b").write(bytes(9000))
    assert {path.read_bytes() for path in tmp_path.iterdir()} == {b"older"}
    assert sorted(os.listdir(tmp_path)) == ["a", "b"]


def test_permissions_and_links_stay(tmp_path):
    (tmp_path / "there").mkdir()
    real = tmp_path / "there" / "real"
    real.write_bytes(b"older")
    real.chmod(0o640)
    link = tmp_path / "link"
    link.symlink_to(real)
    writing.text(link, "newer")
    assert link.is_symlink() and real.read_text() == "newer"
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    with writing.whole(real, 0o600):
        pass
    assert stat.S_IMODE(real.stat().st_mode) == 0o600


def test_what_is_no_regular_file_is_never_replaced(tmp_path):
    writing.text("/dev/null", "gone")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
    if os.path.exists("/dev/full"):
        with pytest.raises(OSError) as caught:
            writing.text("/dev/full", "too much")
        assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, "/dev/full")
    os.symlink("loop", tmp_path / "loop")
    os.mkfifo(tmp_path / "pipe")
    for path, kind in (
        (tmp_path, IsADirectoryError),
        (tmp_path / "loop", OSError),
        (tmp_path / "none" / "out", FileNotFoundError),
    ):
        with pytest.raises(kind) as caught:
            writing.text(path, "x")
        assert caught.value.filename == str(path)
    assert sorted(os.listdir(tmp_path)) == ["loop", "pipe"]


def test_a_line_is_added_whole_or_not(tmp_path):
    path = tmp_path / "journal"
    path.write_bytes(b"one\n")
    writing.append(path, b"two\n")
    with small_files(12), pytest.raises(OSError) as caught:
        writing.append(path, b"three\n")
    assert path.read_bytes() == b"one\ntwo\n" and caught.value.filename == str(path)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs signals")
def test_a_killed_writer_leaves_the_old_file_and_nothing_else(tmp_path, request):
    path = tmp_path / "out"
    path.write_bytes(b"older")
    named = "named" in request.node.callspec.id.split("-")
    code = f"""
import os, signal
from pageengine.plumbing import writing
if {named}: del os.O_TMPFILE
with writing.whole({str(path)!r}) as file:
    file.write(b"half")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", code])
    assert done.returncode == -signal.SIGKILL and path.read_bytes() == b"older"
    left = set(os.listdir(tmp_path)) - {"out"}
    assert all(named and name.startswith(".pageengine-") for name in left)


def test_a_trace_is_written_whole(tmp_path):
    path = tmp_path / "t.oracleGeneral"
    traces.write_oracle(path, [1, 2, 1])
    before = path.read_bytes()
    with small_files(100), pytest.raises(OSError, match="t.oracleGeneral"):
        traces.write_oracle(path, list(range(100)))
    assert path.read_bytes() == before and len(before) == 72
