"""At stake: what has happened to others already, where guests are spoken to: QEMU's monitor, and
libvirt's daemon. Each test is one incident of docs/incidents.md.
"""

import asyncio
import gc
import socket
import threading
import time
import types

import pytest
from fake_qmp import MIB, FakeQmp
from found_libvirt import libvirt

from pageengine.errors import LiveError
from pageengine.live import qmp
from pageengine.live.evidence import gather
from pageengine.live.findings import findings_of
from pageengine.live.guests import Gone, Leaving, libvirt as module
from pageengine.live.guests.libvirt import LibvirtGuest
from pageengine.live.guests.qemu import QemuGuest
from pageengine.live.readings import GuestReading, HostReading
from pageengine.live.settings import GuestSettings
from pageengine.live.watch import Watch
from pageengine.live.worker import HANGING_MOST

pytest.importorskip("qemu.qmp", reason="the package qemu.qmp is not installed")
GIB = 1 << 30
HOST = HostReading(time=0.0, memory=8 * GIB, free=4 * GIB, swap_total=GIB, swap_free=GIB)


@pytest.fixture
def fake(tmp_path, monkeypatch):
    monkeypatch.setattr(qmp, "GREETING_SECONDS", 0.05)
    with FakeQmp(str(tmp_path)) as made:
        yield made


def qemu(fake, name="web"):
    return QemuGuest(GuestSettings(name=name, kind="qemu", at=fake.path))


async def looked(guest):
    try:
        return await guest.look()
    finally:
        await guest.close()


def test_try_omarchy_229_a_half_dead_client_fills_the_backlog(fake):
    """A client that was as good as dead held the monitor, and each that came after it hung in its
    backlog, which they filled. Ours give up in time, leave nothing behind there, and are served
    when the monitor is free.
    """

    async def main():
        dead = socket.socket(socket.AF_UNIX)
        dead.connect(fake.path)
        begun = time.monotonic()
        for _ in range(5):
            with pytest.raises(LiveError):
                await looked(qemu(fake))
        assert time.monotonic() - begun < 5.0
        dead.close()
        for _ in range(100):  # those that gave up are still in the backlog, at their end
            try:
                return await looked(qemu(fake))
            except LiveError:
                await asyncio.sleep(0.05)

    assert asyncio.run(main()).size == fake.size


def test_ganeti_1855_a_connection_that_is_never_closed_blocks_the_next(fake):
    """Connections were not closed after use, so that a shutdown found its monitor taken. Ours are
    closed when a guest is let go, and when a look at it failed.
    """

    async def main():
        watch = Watch(
            [GuestSettings(name="web", kind="qemu", at=fake.path)], host=lambda: HOST, patience=5.0
        )
        assert (await watch.look(5.0)).states == {"web": "known"}
        await watch.close()
        assert (await looked(qemu(fake))).size == fake.size
        fake.garbage = {"query-status"}
        with pytest.raises(LiveError):
            await looked(qemu(fake))
        fake.garbage = set()
        return await looked(qemu(fake))

    assert asyncio.run(main()).size == fake.size


def test_neon_703_somebody_connects_by_hand_and_scaling_stops(fake):
    """The only port was taken by somebody who looked for a fault, and nobody saw that scaling had
    stopped. Here the guest is not "known" any more, the reason names who has the monitor, and so
    does the doctor, as unsafe.
    """

    async def main():
        with socket.socket(socket.AF_UNIX) as hand:
            hand.connect(fake.path)
            watch = Watch([GuestSettings(name="web", kind="qemu", at=fake.path)], host=lambda: HOST)
            evidence = await gather(watch, holders_of=lambda path: [(4711, "socat")])
            seen = await watch.look(0.1)
            await watch.close()
        return findings_of(evidence), seen

    found, seen = asyncio.run(main())
    (held,) = [each for each in found if (each.group, each.rule) == ("monitor", "held")]
    assert held.level == "unsafe" and "socat (process 4711)" in held.fact
    assert seen.guests == {} and seen.states["web"] != "known" and seen.why["web"]


def test_qmpbackup_18_task_exception_was_never_retrieved(fake):
    """Errors of a lost connection surfaced later, out of tasks that nobody waited for. Here they
    are a guest's state, and nothing is left over.
    """
    noise = []

    async def main():
        asyncio.get_running_loop().set_exception_handler(lambda loop, about: noise.append(about))
        watch = Watch([GuestSettings(name="web", kind="qemu", at=fake.path)], host=lambda: HOST)
        await watch.look(5.0)
        fake.hang = {"query-status"}
        await watch.look(0.05)
        fake.disconnect()
        await asyncio.sleep(0.1)
        seen = await watch.look(0.05)
        await watch.close()
        fake.hang = set()
        gc.collect()
        await asyncio.sleep(0)
        return seen

    assert asyncio.run(main()).states == {"web": "mute"}
    gc.collect()
    assert noise == []


# libvirt: a daemon of a few lines


class Error(Exception):
    def get_error_message(self):
        return "the daemon is not there"

    def get_error_code(self):
        return 38


class Daemon:
    """Has one domain, and connections that end when it does."""

    def __init__(self, monkeypatch):
        self.state, self.stats, self.up = 1, {}, True
        self.opened, self.alive = 0, False
        self.answers = threading.Event()
        self.answers.set()
        monkeypatch.setattr(module, "_library", lambda: self)

    libvirtError, VIR_ERR_NO_DOMAIN = Error, 42

    def openReadOnly(self, uri):
        self.answers.wait(30)
        if not self.up:
            raise Error
        self.opened, self.alive = self.opened + 1, True
        return types.SimpleNamespace(
            isAlive=lambda: self.alive, lookupByName=self._domain, close=lambda: None
        )

    def restart(self):
        self.alive = False

    def _domain(self, name):
        self.answers.wait(30)
        if not self.alive:
            raise Error
        return types.SimpleNamespace(
            info=lambda: [self.state, GIB // 1024],
            memoryStats=lambda: self.stats,
            XMLDesc=lambda: (
                "<domain><devices><memballoon model='virtio'><stats period='2'/>"
                "</memballoon></devices></domain>"
            ),
            UUIDString=lambda: "u",
            ID=lambda: 3,
            jobStats=lambda: {},
        )


@pytest.fixture
def daemon(monkeypatch):
    made = Daemon(monkeypatch)
    yield made
    made.answers.set()


DOMAIN = GuestSettings(name="web", kind="libvirt", at="web")


def domain_by(daemon, *whens):
    """Looks, each after something; what they raised or answered."""

    async def main():
        guest, found = LibvirtGuest(DOMAIN), []
        for when in whens:
            when()
            try:
                found.append(await guest.look())
            except LiveError as error:
                found.append(error)
        await guest.close()
        return found

    return asyncio.run(main())


def test_kubevirt_194_callbacks_are_not_registered_again_after_a_reconnect(daemon):
    """After a reconnect all seemed well, and no event ever came. Here nothing depends on events: a
    shutdown after the daemon's restart is seen.
    """
    found = domain_by(
        daemon, lambda: None, daemon.restart, lambda: setattr(daemon, "state", module.SHUTTING_DOWN)
    )
    assert isinstance(found[0], GuestReading) and isinstance(found[1], GuestReading)
    assert isinstance(found[2], Leaving) and daemon.opened == 2


def test_libvirt_provider_307_the_connection_is_never_made_again(daemon):
    """After a restart of libvirtd the provider had to be restarted too. Here the next look opens
    another connection; while nobody answers the guest is not taken for gone.
    """

    def down():
        daemon.up, daemon.alive = False, False

    found = domain_by(daemon, lambda: None, down, down, lambda: setattr(daemon, "up", True))
    assert isinstance(found[0], GuestReading) and isinstance(found[3], GuestReading)
    for error in found[1:3]:
        assert isinstance(error, LiveError) and not isinstance(error, Gone)


def test_cloudstack_8437_events_were_registered_and_nobody_ran_their_loop(monkeypatch):
    """Domains changed, and nothing was heard of it. Here changes are seen by looking: of libvirt's
    own test driver, without any loop of events.
    """
    library = libvirt()
    monkeypatch.setitem(__import__("sys").modules, "libvirt", library)
    others = library.open("test:///default").lookupByName("test")

    async def main():
        guest = LibvirtGuest(GuestSettings(name="web", kind="libvirt", at="test@test:///default"))
        found = [(await guest.look()).busy]
        others.suspend()
        found.append((await guest.look()).busy)
        others.resume()
        found.append((await guest.look()).busy)
        await guest.close()
        return found

    assert asyncio.run(main()) == ["", "pause", ""]


def test_opennebula_1702_a_daemon_that_deadlocks_blocks_the_others(daemon):
    """One host's libvirtd hung, and no VM could be started on others. Here its guest alone is mute;
    a few threads hang with it, and not one more for each attempt.
    """

    class Well:
        async def look(self):
            return GuestReading(time=0.0, life="1@1", size=GIB)

        def learn_of(self, before):
            pass

        async def close(self):
            pass

    async def main():
        settings = [DOMAIN, GuestSettings(name="db", kind="qemu", at="/db")]
        now = [0.0]
        watch = Watch(
            settings,
            host=lambda: HOST,
            guest_of=lambda one: LibvirtGuest(one) if one is DOMAIN else Well(),
            clock=lambda: now[0],
            patience=0.01,
        )
        assert (await watch.look(5.0)).states == {"web": "known", "db": "known"}
        daemon.answers.clear()
        for _ in range(2 * HANGING_MOST):
            now[0] += 100.0
            seen = await asyncio.wait_for(watch.look(0.3), 60)  # the daemon would never answer
            assert seen.states == {"web": "mute", "db": "known"}
            await asyncio.sleep(0.05)
        hang = [each for each in threading.enumerate() if each.name == "guest web"]
        assert len(hang) <= HANGING_MOST and "hang" in (await watch.look(0.05)).why["web"]
        daemon.answers.set()
        for _ in range(100):
            now[0] += 100.0
            if (await watch.look(0.5)).states["web"] == "known":
                break
            await asyncio.sleep(0.02)
        await watch.close()
        return watch, seen

    watch, _ = asyncio.run(main())
    assert watch.settings == {}


def test_cloud_hypervisor_947_what_a_balloon_leaves_is_of_a_size_that_changes(fake):
    """What a VMM calls actual is the size less the balloon, so that it grows when memory is added
    though no balloon moved; and -1 comes as 2^64 - 1. Here the size is asked again whenever it
    changes, with or without an event, and what no size can be is not told.
    """
    fake.actual = fake.size - 128 * MIB

    async def main():
        guest = qemu(fake)
        found = [await guest.look()]
        fake.size, fake.actual = fake.size + 256 * MIB, fake.actual + 256 * MIB
        found.append(await guest.look())
        fake.lie["query-balloon"] = {"actual": 2**64 - 1}
        fake.stats = {"stat-total-memory": 2**64 - 1, "stat-free-memory": 2**64 - 1}
        return [*found, await looked(guest)]

    first, grown, told = asyncio.run(main())
    assert first.ballooned == grown.ballooned == 128 * MIB and grown.size == first.size + 256 * MIB
    assert told.actual is None and told.ballooned is None and told.guest is None
