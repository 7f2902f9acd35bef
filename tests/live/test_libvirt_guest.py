"""Domains of libvirt, by its own test driver, which needs no daemon, no QEMU and no rights; and by
a library of a few lines where the test driver cannot do it.
"""

import asyncio
import threading
import types

import pytest
from found_libvirt import libvirt

from pageengine.errors import LiveError
from pageengine.live.guests import Gone, Leaving, libvirt as module
from pageengine.live.guests.libvirt import LibvirtGuest
from pageengine.live.hands import Hands
from pageengine.live.readings import HostReading
from pageengine.live.settings import GuestSettings
from pageengine.live.snapshot import remember
from pageengine.live.watch import Seen

GIB = 1 << 30


def with_guest(at, use):
    async def main():
        guest = LibvirtGuest(GuestSettings(name="web", kind="libvirt", at=at))
        try:
            return await use(guest)
        finally:
            await guest.close()

    return asyncio.run(main())


@pytest.fixture
def library(monkeypatch):
    found = libvirt()
    monkeypatch.setitem(__import__("sys").modules, "libvirt", found)
    return found


AT = "test@test:///default"


def test_a_domain_of_libvirts_test_driver(library):
    found = with_guest(AT, lambda guest: guest.look())
    assert (found.size, found.actual, found.busy) == (8 * GIB, 2 * GIB, "")
    assert found.guest.total == 2 * GIB and found.guest.free == GIB
    assert found.resident is found.granted is None, "no process of this host's is behind it"
    assert found.life.endswith("#1")


def test_its_balloon_and_its_statistics(library):
    async def use(guest):
        await guest.set_balloon(5 * GIB)
        with pytest.raises(LiveError, match="balloon of"):
            await guest.set_balloon(8 * GIB)
        return await guest.look()

    found = with_guest(AT, use)
    assert found.actual == 3 * GIB
    if found.unasked:  # the test driver has a balloon in some versions only
        assert found.unasked.startswith("virsh -c test:///default dommemstat test --period")


def test_pausing(library):
    async def use(guest):
        await guest.pause(True)
        paused = (await guest.look()).busy
        await guest.pause(False)
        return paused, (await guest.look()).busy

    assert with_guest(AT, use) == ("pause", "")


@pytest.mark.parametrize(
    ("at", "said", "kind"),
    [
        ("none@test:///default", "virsh -c test:///default list", Gone),
        ("test@test:///nowhere.xml", "nowhere", LiveError),
        ("test@quemu:///system", "quemu", LiveError),
    ],
)
def test_what_is_not_there_is_said_in_one_line(library, capfd, at, said, kind):
    with pytest.raises(kind) as caught:
        with_guest(at, lambda guest: guest.look())
    assert said in str(caught.value) and "\n" not in str(caught.value)
    assert "libvirt:" not in capfd.readouterr().err, "nor does the library print it"


def test_without_the_library(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "libvirt", None)
    with pytest.raises(LiveError, match="pageengine\\[libvirt\\]"):
        LibvirtGuest(GuestSettings(name="web", kind="libvirt", at="web"))


class Error(Exception):
    """As libvirt.libvirtError."""

    def get_error_message(self):
        return "refused"

    def get_error_code(self):
        return 1


class Domain:
    """state, xml: as libvirt has them. job: of jobStats, None: there is none of it."""

    def __init__(self, state=1, xml="<domain/>", job=None, stats=None):
        self.state, self.xml, self.job, self.stats = state, xml, job, stats or {}

    def info(self):
        return [self.state, GIB // 1024, GIB // 1024, 1, 0]

    def jobStats(self):
        if self.job is None:
            raise Error
        return self.job

    def __getattr__(self, name):
        said = {"memoryStats": self.stats, "XMLDesc": self.xml, "UUIDString": "u", "ID": 3}
        return lambda *given: said[name]


@pytest.fixture
def looked_at(monkeypatch):
    def look(domain):
        connection = types.SimpleNamespace(
            lookupByName=lambda name: domain, isAlive=lambda: 1, close=lambda: None
        )
        fake = types.SimpleNamespace(
            libvirtError=Error,
            VIR_ERR_NO_DOMAIN=42,
            VIR_DOMAIN_JOB_OPERATION_MIGRATION_OUT=6,
            openReadOnly=lambda uri: connection,
        )
        monkeypatch.setattr(module, "_library", lambda: fake)
        return with_guest("web", lambda guest: guest.look())

    return look


@pytest.mark.parametrize(
    ("at", "own"),
    [("web", True), ("web@qemu:///session", False), ("web@qemu+ssh://b/system", False)],
)
def test_a_domain_of_another_daemon_is_not_taken_for_a_process_of_this_one(
    monkeypatch, tmp_path, at, own
):
    """The daemons of users and of other hosts may have domains of the same name."""
    (tmp_path / "run/libvirt/qemu").mkdir(parents=True)
    (tmp_path / "run/libvirt/qemu/web.pid").write_text("7")
    (tmp_path / "proc/7").mkdir(parents=True)
    (tmp_path / "proc/7/stat").write_text(f"7 (qemu) S {'1 ' * 50}")
    connection = types.SimpleNamespace(lookupByName=lambda name: Domain(), isAlive=lambda: 1)
    connection.close = lambda: None
    fake = types.SimpleNamespace(libvirtError=Error, openReadOnly=lambda uri: connection)
    monkeypatch.setattr(module, "_library", lambda: fake)

    async def main():
        guest = LibvirtGuest(GuestSettings(name="web", kind="libvirt", at=at), root=tmp_path)
        try:
            return (await guest.look()).life
        finally:
            await guest.close()

    assert asyncio.run(main()).startswith("7@") is own


@pytest.fixture
def changed(monkeypatch):
    """What a guest is told whose daemon does not let anybody write before ``opens`` is set."""
    opens, told, number = threading.Event(), [], [3]

    class Written(Domain):
        def ID(self):
            return number[0]

        def setMemoryFlags(self, size, flags):
            told.append(size)

    connection = types.SimpleNamespace(lookupByName=lambda name: Written(), isAlive=lambda: 1)
    connection.close = lambda: None
    fake = types.SimpleNamespace(
        libvirtError=Error,
        VIR_DOMAIN_AFFECT_LIVE=1,
        openReadOnly=lambda uri: connection,
        open=lambda uri: (opens.wait(10), connection)[1],
    )
    monkeypatch.setattr(module, "_library", lambda: fake)
    return opens, told, number


def test_an_order_that_was_given_up_is_not_carried_out_when_the_daemon_answers(changed):
    opens, told, _ = changed

    async def late(guest):
        await guest.look()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await guest.set_balloon(GIB // 2)
        opens.set()
        await guest.look()

    with_guest("web", late)
    assert told == []


def test_another_start_of_the_domain_gets_no_order_that_was_the_last_ones(changed):
    opens, told, number = changed
    opens.set()

    async def anew(guest):
        await guest.look()
        number[0] += 1
        with pytest.raises(LiveError, match="started anew"):
            await guest.set_balloon(GIB // 2)
        await guest.look()
        await guest.set_balloon(GIB // 2)

    with_guest("web", anew)
    assert told == [GIB // 2048]


def balloon(model, period=""):
    stats = f"<stats period='{period}'/>" if period else ""
    return f"<domain><devices><memballoon model='{model}'>{stats}</memballoon></devices></domain>"


def test_what_is_known_of_its_balloon(looked_at):
    assert looked_at(Domain()).driver == "none"
    assert looked_at(Domain(xml=balloon("none"))).driver == "none"
    small = {"actual": GIB // 2048}
    assert looked_at(Domain(xml=balloon("virtio"), stats=small)).driver == "silent"
    with pytest.raises(LiveError, match="no XML"):
        looked_at(Domain(xml="<domain"))


@pytest.mark.parametrize(
    ("domain", "busy"),
    [
        (Domain(3), "pause"),
        (Domain(7), "pause"),
        (Domain(job={"type": 2, "operation": 6}), "migrate"),
        (Domain(job={"type": 2, "operation": 1}), ""),
        (Domain(job={"type": 0}), ""),
    ],
)
def test_what_keeps_it_from_being_asked(looked_at, domain, busy):
    assert looked_at(domain).busy == busy


@pytest.mark.parametrize("connected", [True, False])
def test_a_reset_inside_a_domain_is_nobody_elses_doing(monkeypatch, connected):
    """Its number stays, its balloon begins at nothing and goes to the target again; whether it was
    connected all the time or not, its guest counts page faults anew.
    """
    stats, now = {"available": GIB // 2048, "unused": 1024, "major_fault": 1}, [1e9]
    domain = Domain(xml=balloon("virtio", "2"), stats=stats)
    connection = types.SimpleNamespace(lookupByName=lambda name: domain, isAlive=lambda: 1)
    connection.close = lambda: None
    fake = types.SimpleNamespace(libvirtError=Error, openReadOnly=lambda uri: connection)
    monkeypatch.setattr(module, "_library", lambda: fake)
    one = GuestSettings(name="web", kind="libvirt", at="web")
    told = [  # time, actual MiB, page faults, time of statistics
        (0, 512, 9000, 0),
        (5, 512, 9100, 4),
        (10, 512, 300, 9),  # of the new driver, before it has said what its balloon holds
        (12, 1024, 300, 9),
        (15, 900, 800, 14),
        (20, 512, 900, 19),
    ]

    async def looks():
        guest, found = LibvirtGuest(one, wall=lambda: 1e9 + now[0]), []
        for at, actual, faults, updated in told:
            now[0] = at
            stats.update(actual=actual * 1024, minor_fault=faults, last_update=int(1e9) + updated)
            found.append((await guest.look()).__replace__(time=float(at)))
            if not connected:
                before, guest = guest, LibvirtGuest(one, wall=lambda: 1e9 + now[0])
                guest.learn_of(before)
                await before.close()
        await guest.close()
        return found

    found = asyncio.run(looks())
    assert [(each.life, each.busy) for each in found] == [
        ("u#3", ""),
        ("u#3", ""),
        ("u#3+1", "boot"),
        ("u#3+1", "boot"),
        ("u#3+1", ""),
        ("u#3+1", ""),
    ]
    hands, last = Hands(600.0), {}
    for reading in found:
        host = HostReading(time=reading.time, memory=8 * GIB)
        last = remember(last, Seen(host, {"web": reading}, {"web": "known"}))
        last = {"web": last["web"].sent(512 << 20, reading.time)}
        assert hands.look(last, reading.time) == {}


def test_the_test_drivers_domain_is_not_taken_for_reset(library):
    async def twice(guest):
        return [(await guest.look()).life for _ in range(3)]

    assert set(with_guest(AT, twice)) == {with_guest(AT, lambda guest: guest.look()).life}


@pytest.mark.parametrize(("state", "kind"), [(4, Leaving), (5, Gone), (6, Gone)])
def test_a_domain_that_does_not_run(looked_at, state, kind):
    with pytest.raises(kind, match="web"):
        looked_at(Domain(state))
