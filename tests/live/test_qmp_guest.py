"""A QEMU that hangs, lies, refuses, leaves or is somebody else's: what is read of it is right or
missing, and what is wrong is said in one line that names what would be right.
"""

import asyncio
import contextlib
import ctypes
import logging
import mmap
import os
import socket
import subprocess
import sys
import threading
import time

import pytest
from fake_qmp import MIB, FakeQmp

from pageengine.errors import LiveError
from pageengine.live import qmp
from pageengine.live.guests import Gone, Leaving, open_guest
from pageengine.live.guests.qemu import QemuGuest
from pageengine.live.settings import GuestSettings
from pageengine.live.sources import process

pytest.importorskip("qemu.qmp", reason="the package qemu.qmp is not installed")


@pytest.fixture
def fake(tmp_path):
    with FakeQmp(str(tmp_path)) as made:
        yield made


def with_guest(path, use, **options):
    """Runs ``await use(guest)`` and closes it."""

    async def main():
        guest = QemuGuest(GuestSettings(name="web", kind="qemu", at=str(path)), **options)
        try:
            async with asyncio.timeout(60):
                return await use(guest)
        finally:
            await guest.close()

    return asyncio.run(main())


def looked_at(fake, **options):
    return with_guest(fake.path, lambda guest: guest.look(), **options)


def refused(path, use=lambda guest: guest.look(), kind=LiveError):
    with pytest.raises(kind) as caught:
        with_guest(path, use)
    said = str(caught.value)
    assert said and "\n" not in said
    return said


def test_what_the_balloon_leaves_and_what_the_guest_tells(fake):
    fake.actual = 384 * MIB
    found = looked_at(fake)
    assert (found.size, found.actual, found.busy) == (512 * MIB, 384 * MIB, "")
    assert (found.guest.total, found.guest.free) == (496 * MIB, 256 * MIB)
    assert (found.guest.available, found.guest.cache) == (257 * MIB, MIB)
    assert found.driver == "reporting" and 0 <= found.stats_age < 60
    assert found.life.startswith(f"{os.getpid()}@")


def test_looking_writes_nothing_not_even_where_no_statistics_are_made(fake):
    fake.read_only, fake.period = True, 0
    found = looked_at(fake)
    assert found.driver == "stale", "nobody makes them any more"
    assert found.unasked == (
        "qom-set path=/machine/peripheral/balloon0 property=guest-stats-polling-interval value=2"
    )
    assert not fake.writes


@pytest.mark.parametrize("gap", [-1, 2**64 - 1, 2**63, "many", None, True, 1.5])
def test_what_cannot_be_a_size_is_missing(fake, gap):
    fake.stats["stat-available-memory"] = gap
    found = looked_at(fake)
    assert found.guest.available is None and found.active is None
    assert found.guest.free == 256 * MIB
    fake.stats["stat-free-memory"] = gap
    assert looked_at(fake).guest is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("stat-total-memory", 513 * MIB),
        ("stat-total-memory", 0),
        ("stat-free-memory", 497 * MIB),
        ("stat-available-memory", 500 * MIB),
        ("stat-disk-caches", 500 * MIB),
    ],
)
def test_a_guest_that_contradicts_itself_is_believed_nothing(fake, name, value):
    fake.stats[name] = value
    assert looked_at(fake).guest is None


def test_an_actual_size_that_cannot_be_is_missing(fake):
    fake.lie["query-balloon"] = {"actual": 2**64 - 1}
    assert looked_at(fake).actual is None


@pytest.mark.parametrize("size", [-1, 2**64 - 1, "512M", None])
def test_a_size_that_cannot_be_is_said(fake, size):
    fake.lie["query-memory-size-summary"] = {"base-memory": size, "plugged-memory": 0}
    assert "no size that can be" in refused(fake.path)


@pytest.mark.parametrize(
    ("device", "runs", "actual", "driver", "busy"),
    [
        ("", True, 512, "none", ""),
        ("virtio-balloon-pci", True, 512, "silent", ""),
        ("virtio-balloon-ccw", False, 512, "none", ""),
        ("virtio-balloon-device", None, 512, "", "boot"),
        ("virtio-balloon-pci", None, 400, "silent", ""),
    ],
)
def test_a_guest_without_statistics(fake, device, runs, actual, driver, busy, monkeypatch):
    up = 60.0 if busy else 1000.0
    monkeypatch.setattr("pageengine.live.guests.qemu.process.age_of", lambda *_: up)
    fake.stats, fake.device, fake.driver_runs, fake.actual = None, device, runs, actual * MIB
    found = looked_at(fake)
    assert (found.guest, found.stats_age, found.active) == (None, None, None)
    assert (found.driver, found.busy) == (driver, busy)


def test_old_statistics_are_stale(fake):
    fake.updated = int(time.time()) - 4
    found = looked_at(fake)
    assert found.driver == "stale" and 3 < found.stats_age < 60
    fake.period = 10
    assert looked_at(fake).driver == "reporting"


@pytest.mark.parametrize(
    ("status", "busy"),
    [("running", ""), ("paused", "pause"), ("inmigrate", "migrate"), ("save-vm", "save")],
)
def test_what_keeps_it_from_being_asked(fake, status, busy):
    fake.status = status
    assert looked_at(fake).busy == busy
    fake.migration = "active"
    assert looked_at(fake).busy == "migrate"


def test_a_guest_that_shuts_down_is_leaving(fake):
    fake.status = "shutdown"
    assert "leaving" in refused(fake.path, kind=Leaving)


def test_a_reset_is_another_life(fake):
    async def lives(guest):
        first = (await guest.look()).life
        fake.event("RESET", guest=True)
        while (then := (await guest.look()).life) == first:
            await asyncio.sleep(0.01)
        return first, then

    first, then = with_guest(fake.path, lives)
    assert then == f"{first}+1"


def test_after_a_reset_a_guest_boots_until_its_new_driver_has_told_twice(fake):
    """QEMU goes on telling balloon and statistics of the driver before; the first that a new one
    makes are from before it says that its balloon holds nothing yet.
    """
    now = [1e9]

    async def states(guest):
        found = [(await guest.look()).busy]
        fake.event("RESET", guest=True)
        while (await guest.look()).life[-2:] != "+1":
            await asyncio.sleep(0.01)
        for later, updated in ((0.5, 0), (130, 0), (131, 131), (132, 131), (133, 133)):
            now[0], fake.updated = 1e9 + later, int(1e9) + updated
            seen = await guest.look()
            found.append(seen.busy)
            assert (seen.guest is None) == (seen.busy == "boot")
        return found

    fake.actual, fake.updated = 384 * MIB, int(1e9)
    found = with_guest(fake.path, states, wall=lambda: now[0])
    assert found == ["", "boot", "boot", "boot", "boot", ""]


@pytest.mark.parametrize("same", [True, False])
def test_a_reset_while_nobody_was_connected_is_seen_by_its_statistics(fake, same, monkeypatch):
    """Whoever connects anew has heard of no event, and goes on with what was known, unless another
    QEMU is there.
    """
    life = ["7@1"]
    monkeypatch.setattr(process, "life_of", lambda pid, root: life[0])
    monkeypatch.setattr(process, "is_alive", lambda *_: True)
    fake.stats |= {"stat-minor-faults": 5000, "stat-major-faults": 3}

    async def over(guest):
        first = await guest.look()
        fake.disconnect()
        fake.stats |= {"stat-minor-faults": 200, "stat-major-faults": 0}
        if not same:
            life[0] = "7@2"
        after = QemuGuest(guest._settings)
        after.learn_of(guest)
        try:
            return first, await after.look()
        finally:
            await after.close()

    first, then = with_guest(fake.path, over)
    assert (first.life, first.busy) == ("7@1", "")
    assert (then.life, then.busy) == (("7@1+1", "boot") if same else ("7@2", ""))


def test_a_size_that_changes_is_seen_after_its_event(fake):
    async def sizes(guest):
        await guest.look()
        asked = list(fake.commands).count("query-memory-size-summary")
        await guest.look()
        assert list(fake.commands).count("query-memory-size-summary") == asked
        fake.size = 768 * MIB
        fake.event("MEMORY_DEVICE_SIZE_CHANGE", id="dimm0", size=256 * MIB)
        while (size := (await guest.look()).size) == 512 * MIB:
            await asyncio.sleep(0.01)
        asked = list(fake.commands).count("query-memory-size-summary")
        await guest.look()
        assert list(fake.commands).count("query-memory-size-summary") == asked, "once an event"
        return size

    assert with_guest(fake.path, sizes) == 768 * MIB


def test_events_are_not_kept(fake):
    async def many(guest):
        await guest.look()
        for _ in range(100):
            fake.event("BALLOON_CHANGE", actual=1)
        await guest.look()
        client = guest._monitor._client
        return len(client.events.history), guest._monitor.heard

    assert with_guest(fake.path, many) == (0, {"BALLOON_CHANGE"})


def test_a_balloon_is_told_what_it_leaves(fake):
    fake.balloon_floor = 300 * MIB

    async def balloon(guest):
        await guest.set_balloon(100 * MIB)
        near = (await guest.look()).actual
        await guest.set_balloon(400 * MIB)
        return near, (await guest.look()).actual

    assert with_guest(fake.path, balloon) == (412 * MIB, 300 * MIB)
    assert [given["value"] for _, given in fake.writes] == [412 * MIB, 112 * MIB]


@pytest.mark.parametrize("held", [-1, 512 * MIB, 1 << 40])
def test_a_balloon_that_cannot_be_is_not_told(fake, held):
    assert "balloon of" in refused(fake.path, lambda guest: guest.set_balloon(held))
    assert not fake.writes


def test_pausing(fake):
    async def pause(guest):
        await guest.pause(True)
        paused = (await guest.look()).busy
        await guest.pause(False)
        return paused, (await guest.look()).busy

    assert with_guest(fake.path, pause) == ("pause", "")


def test_a_write_that_is_refused_is_said(fake):
    fake.read_only = True
    said = refused(fake.path, lambda guest: guest.set_balloon(MIB))
    assert "refuses balloon" in said and "only looked at" in said


@pytest.mark.parametrize("how", ["drop", "garbage"])
def test_a_monitor_that_breaks_is_said(fake, how):
    getattr(fake, how).add("query-status")
    assert fake.path in refused(fake.path)


def test_what_is_not_qmp_is_said(fake):
    fake.garbage.add("greeting")
    assert "does not speak QMP" in refused(fake.path)


ANSWERED = (
    *("query-status", "query-migrate", "query-balloon", "query-memory-size-summary", "qom-list"),
    *("qom-get", "x-query-virtio-status", "human-monitor-command", "query-memory-devices"),
    "query-memdev",
)
OTHER_FORMS = ([], 7, None, "running", {}, [7], {"status": 7, "stats": 7, "actual": "x"})


@pytest.mark.parametrize("command", ANSWERED)
def test_an_answer_of_another_form_is_missing_or_an_error_of_ours(fake, command):
    async def look(guest):
        with contextlib.suppress(LiveError):
            await guest.look()
        with contextlib.suppress(LiveError):
            await guest.facts()

    if command == "x-query-virtio-status":
        fake.stats = None
    for answer in OTHER_FORMS:
        fake.lie[command] = answer
        with_guest(fake.path, look)
    assert command in fake.commands


def test_who_holds_the_socket_is_named(fake, monkeypatch):
    monkeypatch.setattr(qmp, "GREETING_SECONDS", 0.2)
    program = "import socket,sys,time; s=socket.socket(1); s.connect(sys.argv[1]); print(s.recv(9))"
    with subprocess.Popen(
        [sys.executable, "-u", "-c", program + "; time.sleep(60)", fake.path],
        stdout=subprocess.PIPE,
    ) as other:
        other.stdout.readline()
        said = refused(fake.path)
        other.kill()
    assert f"process {other.pid}" in said and "held by" in said and "-qmp unix:" in said


def test_who_does_not_greet_is_said(fake, monkeypatch):
    monkeypatch.setattr(qmp, "GREETING_SECONDS", 0.1)
    fake.hang.add("greeting")
    assert "does not greet" in refused(fake.path)


def test_a_full_backlog_is_not_waited_for(tmp_path):
    listener = socket.socket(socket.AF_UNIX)
    path = str(tmp_path / "full")
    listener.bind(path)
    listener.listen(0)
    waiting = []
    with listener:
        for _ in range(3):
            waiting.append(socket.socket(socket.AF_UNIX))
            waiting[-1].setblocking(False)
            try:
                waiting[-1].connect(path)
            except BlockingIOError:
                break
        start = time.monotonic()
        assert "serves another" in refused(path)
        assert time.monotonic() - start < qmp.GREETING_SECONDS
    for one in waiting:
        one.close()


def test_nobody_there(tmp_path, fake):
    said = f"there is no such socket: start QEMU with -qmp unix:{tmp_path}/none,server=on,wait=off"
    assert said in refused(tmp_path / "none", kind=Gone)
    fake.stop()
    assert "nobody listens" in refused(fake.path, kind=Gone)
    (tmp_path / "file").write_text("")
    assert "is not a socket" in refused(tmp_path / "file")
    assert "cannot be opened" in refused(tmp_path / ("long" * 50))
    assert refused("nul\0")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may open everything")
def test_a_socket_of_somebody_elses(fake):
    os.chmod(fake.path, 0)
    assert f"user {os.getuid()}" in refused(fake.path)


def test_a_guest_of_libvirts_is_left_to_libvirt(tmp_path, fake, monkeypatch):
    assert "kind libvirt" in refused("/run/libvirt/qemu/monitor.sock")
    command = ["qemu-system-x86_64", "-chardev", "socket,id=charmonitor,fd=3"]
    monkeypatch.setattr(qmp.process, "command_of", lambda pid: command)
    assert "kind libvirt" in refused(fake.path)
    assert not fake.commands


def test_a_disk_where_libvirt_has_its_images_makes_no_guest_libvirts(fake, monkeypatch):
    command = ["qemu-system-x86_64", "-drive", "file=/var/lib/libvirt/images/web.img"]
    monkeypatch.setattr(qmp.process, "command_of", lambda pid: command)
    assert looked_at(fake).size == 512 * MIB


def test_every_connection_and_every_thread_ends(fake):
    looked_at(fake)
    for _ in range(20):
        looked_at(fake)
    ends = time.monotonic() + 30
    while True:  # the server's ends, and threads, take a moment
        sockets = [name for name in open_files() if name == "socket:"]
        threads = [thread for thread in threading.enumerate() if thread.name == "guest web"]
        if len(sockets) < 10 and not threads:
            return
        assert time.monotonic() < ends, (sockets, threads)
        time.sleep(0.01)


def open_files():
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            yield os.readlink(f"/proc/self/fd/{name}").partition("[")[0]


def test_memory_is_read_where_qemu_says_that_it_is(fake):
    size = fake.size = 8 * MIB
    fake.stats = {"stat-total-memory": size, "stat-free-memory": 0}
    with mmap.mmap(-1, size + 2 * MIB, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as memory:
        memory.madvise(mmap.MADV_NOHUGEPAGE)
        memory[MIB : 3 * MIB] = b"x" * (2 * MIB)
        start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
        fake.memory_at = start + MIB
        libc = ctypes.CDLL(None)
        for guard in (start, start + MIB + size):  # or it could be one mapping with what is beside
            assert libc.mprotect(ctypes.c_void_p(guard), ctypes.c_size_t(MIB), 0) == 0
        found = looked_at(fake)
        assert (found.granted, found.resident, found.swapped) == (2 * MIB, 2 * MIB, 0)
        assert found.overhead > 0


@pytest.mark.parametrize("mapped", [0, 4 * MIB])
def test_addresses_that_who_listens_has_not_mapped_whole_are_not_its(fake, mapped):
    """With a proxy between, who listens is not QEMU, and these are addresses of another process."""
    fake.size = 8 * MIB
    fake.stats = {"stat-total-memory": fake.size, "stat-free-memory": 0}
    with mmap.mmap(-1, 16 * MIB, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as memory:
        start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
        memory[:] = b"x" * len(memory)
        libc = ctypes.CDLL(None, use_errno=True)
        # the rest of the guest's size is there, and may not be written
        at = ctypes.c_void_p(start + mapped)
        assert libc.mprotect(at, ctypes.c_size_t(8 * MIB - mapped), mmap.PROT_READ) == 0
        fake.memory_at = start
        assert looked_at(fake).resident is None
        said = refused(fake.path, lambda guest: guest.page_out(MIB))
        assert "is not known" in said
        libc.mprotect(at, ctypes.c_size_t(8 * MIB - mapped), mmap.PROT_READ | mmap.PROT_WRITE)
        assert looked_at(fake).granted >= 8 * MIB


def test_a_kind_that_there_is_not():
    with pytest.raises(ValueError, match="qemu"):
        open_guest(GuestSettings(name="web", kind="quemu", at="x"))


def test_a_look_leaves_nothing_behind_in_the_librarys_log(fake, caplog):
    async def use(guest):
        await guest.look()
        before = list(logging.getLogger("qemu.qmp").handlers)
        for _ in range(3):
            await guest.look()
        return before, list(logging.getLogger("qemu.qmp").handlers)

    with caplog.at_level(logging.DEBUG, "qemu.qmp"):
        before, after = with_guest(fake.path, use)
    assert before == after
    assert not [one for one in caplog.messages if one.startswith(("-->", "<--"))]
