"""A process as a guest: what it holds, whether it is still the same one, and paging it out, which
must never reach another process that got its number.
"""

import asyncio
import errno
import os
import subprocess
import sys

import pytest

from pageengine.errors import LiveError
from pageengine.live.guests import Gone
from pageengine.live.guests.process import ProcessGuest
from pageengine.live.paging import PIECE, PageOut, reclaim_cgroup
from pageengine.live.settings import GuestSettings
from pageengine.live.sources import process

MIB = 1 << 20
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
SMAPS = """\
1000-3000 rw-p 00000000 00:00 0
Rss:                   8 kB
Pss:                   4 kB
Shared_Clean:          3 kB
Shared_Dirty:          1 kB
Referenced:            4 kB
AnonHugePages:         0 kB
Swap:                 12 kB
3000-4000 r--p 00000000 fe:00 77                         /bin/program with spaces
Rss:                   4 kB
Pss:                   2 kB
Swap:                  0 kB
10000-20000 rw-p 00000000 00:00 0                        [heap]
Rss:                  64 kB
Pss:                  64 kB
Shared_Clean:          0 kB
Shared_Dirty:          0 kB
Referenced:           64 kB
AnonHugePages:        64 kB
Swap:                  0 kB
20000-21000 ---p 00000000 00:00 0
Rss:                   0 kB
Pss:                   0 kB
"""
STAT = "7 (a) b) {state} 1 1 1 0 -1 4 100 0 23 0 5 6 0 0 20 0 1 0 {start} 1 1 1"


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "proc/7"
    folder.mkdir(parents=True)
    (folder / "smaps").write_text(SMAPS)
    headers = [line for line in SMAPS.splitlines() if "-" in line]
    (folder / "maps").write_text("\n".join(headers) + "\n")
    (folder / "smaps_rollup").write_text("1000-21000 ---p 0 00:00 0 [rollup]\nRss: 76 kB\n")
    (tmp_path / "proc/uptime").write_text("1000.00 5.00\n")
    start(tmp_path, 5000)
    return tmp_path


def start(root, ticks, state="S"):
    (root / "proc/7/stat").write_text(STAT.format(start=ticks, state=state))


def with_guest(settings, use, **options):
    async def main():
        guest = ProcessGuest(settings, **options)
        try:
            return await use(guest)
        finally:
            await guest.close()

    return asyncio.run(main())


def settings(pid, **more):
    return GuestSettings(name="program", kind="process", at=str(pid), **more)


def test_a_part_of_a_process(root):
    found = process.read_process(7, [(0x1000, 0x3000)], root)
    assert (found.granted, found.resident, found.swapped) == (8192, 4096, 12288)
    assert (found.shared, found.referenced, found.huge) == (4096, 4096, 0)
    assert found.elsewhere == 66 * 1024
    both = process.read_process(7, [(0x1000, 0x3000), (0x10000, 0x20000)], root)
    assert (both.granted, both.huge, both.elsewhere) == (72 * 1024, 65536, 2048)
    assert process.read_process(7, [(0x90000, 0x91000)], root) is None
    assert process.read_process(8, [(0x1000, 0x3000)], root) is None


def test_where_a_process_has_memory(root):
    assert process.private_ranges(7, root) == [(0x1000, 0x3000), (0x10000, 0x20000)]
    assert process.ranges_within(7, [(0x2000, 0x12000)], root) == [
        (0x2000, 0x3000),
        (0x10000, 0x12000),
    ]
    assert process.largest_run(7, 0x8000, root) == [(0x10000, 0x20000)]
    assert process.largest_run(7, 0x20000, root) == []
    assert process.private_ranges(8, root) is process.ranges_within(8, [], root) is None


def test_lives(root):
    assert process.life_of(7, root) == "7@5000"
    assert process.age_of(7, root) == pytest.approx(1000 - 5000 / os.sysconf("SC_CLK_TCK"))
    assert process.major_faults(7, root) == 23
    assert process.is_alive("7@5000", root) and process.is_alive("7@5000+3", root)
    assert not process.is_alive("7@5001", root)
    for life in ("", "8@5000", "a-b#1", "socket /x", "-7@5000"):
        assert not process.is_alive(life, root)
    start(root, 5000, "Z")
    assert process.life_of(7, root) is None, "it has ended and was not buried yet"


def test_another_process_of_the_same_number_is_another_one(root):
    async def use(guest):
        await guest.look()
        start(root, 6000)
        with pytest.raises(Gone, match="another one has its number"):
            await guest.look()
        with pytest.raises(Gone):
            await guest.page_out(MIB)
        with pytest.raises(Gone):
            await guest.pause(True)

    with_guest(settings(7), use, root=root)


@pytest.mark.parametrize("at", ["", "x", "-1", "0", "7@5000", "²", str(2**31)])
def test_what_is_no_number_of_a_process(at):
    with pytest.raises(LiveError, match="number of a process"):
        ProcessGuest(settings(at))


def test_nobody_there(root):
    with pytest.raises(Gone, match="no process 8"):
        with_guest(settings(8), lambda guest: guest.look(), root=root)


def test_a_process_that_may_not_be_looked_into(root):
    (root / "proc/7/smaps_rollup").unlink()
    with pytest.raises(LiveError, match="CAP_SYS_PTRACE"):
        with_guest(settings(7), lambda guest: guest.look(), root=root)


@pytest.fixture
def program():
    """One that holds 24 MiB of its own, without huge pages, and says so when it does."""
    said = (
        "import mmap; m = mmap.mmap(-1, 24 << 20, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS);"
        "m.madvise(mmap.MADV_NOHUGEPAGE); m[:] = bytes([7]) * len(m); print(1, flush=True);"
        "input(); print(m[:] == bytes([7]) * len(m), flush=True)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", said], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as made:
        made.stdout.readline()
        yield made
        made.kill()


def test_what_a_real_process_holds_and_uses(program):
    async def use(guest):
        first = await guest.look()
        assert first.active is None, "nothing was forgotten yet, so that all was used some time"
        return first, await guest.look()

    first, second = with_guest(settings(program.pid, accessed_bits=True), use)
    assert 24 * MIB < first.granted < 100 * MIB and first.driver == "none"
    assert first.size == first.granted + first.swapped
    assert second.active < 12 * MIB, "it waits, and uses nothing"
    assert second.swap_in_rate is not None and second.life == process.life_of(program.pid)


def test_accessed_bits_are_left_alone_unless_asked(program):
    async def use(guest):
        await guest.look()
        return await guest.look()

    assert with_guest(settings(program.pid), use).active is None
    assert process.read_process(program.pid).referenced > 24 * MIB


def test_stopping_and_going_on(program):
    async def use(guest):
        busy = []
        for paused in (True, False):
            await guest.pause(paused)
            await asyncio.sleep(0.05)
            busy.append((await guest.look()).busy)
        return busy

    assert with_guest(settings(program.pid), use) == ["pause", ""]


def test_no_balloon(program):
    with pytest.raises(LiveError, match="no balloon"):
        with_guest(settings(program.pid), lambda guest: guest.set_balloon(1))


def test_paging_out_takes_no_more_than_asked_in_small_pieces(program, monkeypatch):
    asked, there = [], PageOut._present

    def advised(self, handle, base, pages):
        asked.append((base, len(pages) * 4096))
        self.gone = {base + page * 4096 for page in pages.tolist()}

    def present(self, piece):
        found = there(self, piece)
        for page in getattr(self, "gone", ()):
            if piece[0] <= page < piece[1]:
                found[(page - piece[0]) // 4096] = False
        return found

    monkeypatch.setattr(PageOut, "_advise", advised)
    monkeypatch.setattr(PageOut, "_present", present)

    async def use(guest):
        return await guest.page_out(10 * MIB), await guest.page_out(10 * MIB)

    assert with_guest(settings(program.pid), use) == (10 * MIB, 10 * MIB)
    assert sum(size for _, size in asked) == 20 * MIB
    assert max(size for _, size in asked) <= PIECE
    assert process.read_process(program.pid).granted > 24 * MIB, "nothing else was done to it"


def test_paging_out_a_real_process_counts_what_went(program):
    """Without swap space nothing can go, and that is what is said."""
    before = process.read_process(program.pid)
    try:
        won = with_guest(settings(program.pid), lambda guest: guest.page_out(8 * MIB))
    except LiveError as error:
        pytest.skip(f"not allowed here: {error}")
    after = process.read_process(program.pid)
    assert won == pytest.approx(after.swapped - before.swapped, abs=MIB) and won <= 8 * MIB
    program.stdin.write(b"\n")
    program.stdin.flush()
    assert program.stdout.readline() == b"True\n", "its memory is as it was"


def test_paging_out_somebody_else_with_the_number():
    out = PageOut(f"{os.getpid()}@1")
    with pytest.raises(LiveError, match="another one has its number"):
        out.page_out((0, 4096), 4096)


@pytest.mark.parametrize(
    ("number", "said"),
    [(errno.EPERM, "CAP_SYS_NICE"), (errno.ENOSYS, "5.10"), (errno.EBADF, "cannot be paged out")],
)
def test_why_it_cannot_be_paged_out(number, said):
    with pytest.raises(LiveError, match=said):
        PageOut("7@1")._refused(number)
    for fine in (errno.EAGAIN, errno.ENOMEM, errno.EINTR):
        PageOut("7@1")._refused(fine)


def test_pieces_go_round_from_where_the_last_call_stopped():
    out = PageOut("7@1")
    ranges = [(0, 2 * PIECE + 4096), (1 << 40, (1 << 40) + 4096)]
    pieces = out.pieces(ranges)
    assert [end - start for start, end in pieces] == [PIECE, PIECE, 4096, 4096]
    out._next = PIECE
    assert out.pieces(ranges) == pieces[1:] + pieces[:1]


def test_a_cgroup_is_reclaimed_in_pieces_until_it_gives_no_more(program, tmp_path, monkeypatch):
    from pageengine.live.guests import process as module

    given = settings(program.pid, cgroup=str(tmp_path))
    for part, pieces, won in ((1.0, [PIECE, PIECE, 6 * MIB], 70 * MIB), (0.25, [PIECE], PIECE / 4)):
        asked = []

        def reclaim(folder, memory, asked=asked, part=part):
            asked.append(memory)
            return int(memory * part)

        monkeypatch.setattr(module, "reclaim_cgroup", reclaim)
        assert with_guest(given, lambda guest: guest.page_out(70 * MIB)) == won
        assert asked == pieces


def test_what_is_no_cgroup_is_said(tmp_path):
    with pytest.raises(LiveError, match="version 2"):
        reclaim_cgroup(str(tmp_path), MIB)
    (tmp_path / "memory.current").write_text("lots\n")
    (tmp_path / "memory.reclaim").write_text("")
    with pytest.raises(LiveError, match="not a number"):
        reclaim_cgroup(str(tmp_path), MIB)
    (tmp_path / "memory.current").write_text("4096\n")
    assert reclaim_cgroup(str(tmp_path), 100 * MIB) == 0
    assert (tmp_path / "memory.reclaim").read_text() == f"{PIECE}\n"


def test_a_cgroup_that_goes_while_it_is_reclaimed_is_said(tmp_path, monkeypatch):
    (tmp_path / "memory.current").write_text("4096\n")
    monkeypatch.setattr(
        "pageengine.live.paging.files.put", lambda *_: (tmp_path / "memory.current").unlink()
    )
    with pytest.raises(LiveError, match="cannot be reclaimed"):
        reclaim_cgroup(str(tmp_path), MIB)
