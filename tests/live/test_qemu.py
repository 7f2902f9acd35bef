"""Real guests: two QEMUs of 128 MiB under TCG. What the product says of them and does to them is
what happens: directions and sums are asserted, never how long anything takes. Skipped, with the
reason, where QEMU, root, a writable KSM or the kernel's package is missing.
"""

import asyncio
import os
import signal
import subprocess
import time

import guests_under_tcg as small
import pytest

from pageengine.live.settings import GuestSettings
from pageengine.live.snapshot import remember, snapshot_of
from pageengine.live.sources import HostReader
from pageengine.live.sources.ksm import FOLDER, KsmKnobs
from pageengine.live.watch import Watch

MIB = 1 << 20
SIZE, PATIENCE = 128 * MIB, 60.0
DEADLINE = 20.0  # generous: a busy computer is no reason to fail

KSM_RUN = f"/{FOLDER}/run"


@pytest.fixture(scope="module")
def guests(tmp_path_factory):
    if os.geteuid() != 0:
        pytest.skip("real guests: paging out and KSM are root's")
    if why := small.missing():
        pytest.skip(f"real guests: {why}")
    with small.boot(tmp_path_factory.mktemp("guests"), 2) as booted:
        yield booted


def watched(guests, use):
    """``await use(watch)`` with all of them watched."""

    async def main():
        settings = [GuestSettings(name=one.name, kind="qemu", at=one.qmp) for one in guests]
        watch = Watch(settings)
        try:
            return await use(watch)
        finally:
            await watch.close()

    return asyncio.run(main())


async def until(watch, true, why):
    """Looks until ``true(seen)``, and returns that."""
    ends = time.monotonic() + PATIENCE
    while time.monotonic() < ends:
        seen = await watch.look(DEADLINE)
        if true(seen):
            return seen
        await asyncio.sleep(0.2)
    raise AssertionError(f"{why}: {seen}")


def balloon(held):
    return lambda guest: guest.set_balloon(held)


def actual(name):
    return lambda seen: seen.guests[name].actual


@pytest.mark.slow
def test_statistics_and_memory(guests):
    async def use(watch):
        def told(seen):
            return all(one.guest for one in seen.guests.values()) and len(seen.guests) == 2

        before = (await until(watch, told, "no statistics")).guests["guest0"]
        guests[0].fill(24, seed=1)
        after = (
            await until(
                watch,
                lambda seen: seen.guests["guest0"].guest.free <= before.guest.free - 20 * MIB,
                "what it uses is not seen",
            )
        ).guests["guest0"]
        assert (after.size, after.actual, after.driver, after.busy) == (SIZE, SIZE, "reporting", "")
        assert after.guest.free < after.guest.available + MIB < after.guest.total < SIZE
        assert 0 <= after.stats_age < 3600
        assert after.resident <= after.granted <= SIZE and after.granted > 24 * MIB
        assert 0 < after.overhead < 1 << 30
        assert after.life == before.life and after.life.startswith(f"{guests[0].pid}@")

    watched(guests, use)
    assert guests[0].check() == 24


@pytest.mark.slow
def test_a_balloon_goes_down_and_up(guests):
    async def use(watch):
        before = (await watch.look(DEADLINE)).guests["guest1"]
        await watch.do("guest1", balloon(32 * MIB), DEADLINE)
        seen = await until(watch, lambda s: actual("guest1")(s) == SIZE - 32 * MIB, "not down")
        snapshot = snapshot_of(seen, watch.settings, None, remember({}, seen), 0.0, "", {})
        assert [vm.ballooned for vm in snapshot.vms] == [0, 32 * MIB]
        assert seen.guests["guest1"].granted <= before.granted - 8 * MIB, "the host has it back"
        assert seen.guests["guest0"].actual == SIZE
        await watch.do("guest1", balloon(0), DEADLINE)
        await until(watch, lambda s: actual("guest1")(s) == SIZE, "not up")

    guests[1].fill(48, seed=2)
    assert guests[1].tell("drop") == "ok 0", "so that there is memory that was used and is free"
    watched(guests, use)
    assert guests[0].check() == 24


@pytest.mark.slow
def test_a_target_that_cannot_be_reached_is_seen_as_such(guests):
    async def use(watch):
        seen = await watch.look(DEADLINE)
        last = remember({}, seen)
        await watch.do("guest0", balloon(SIZE - 40 * MIB), DEADLINE)
        last["guest0"] = last["guest0"].sent(SIZE - 40 * MIB, seen.host.time)

        def stuck(seen):
            nonlocal last
            last = remember(last, seen)
            snapshot = snapshot_of(seen, watch.settings, None, last, 0.0, "", {})
            return snapshot.vms[0].progress_age > 3

        seen = await until(watch, stuck, "it was reached, or never stood still")
        assert seen.guests["guest0"].actual > 40 * MIB + MIB, "a target is a wish"
        await watch.do("guest0", balloon(0), DEADLINE)
        await until(watch, lambda s: actual("guest0")(s) == SIZE, "not given back")

    watched(guests, use)
    assert guests[0].check() == 24


@pytest.mark.slow
def test_ksm_merges_what_is_equal_and_pss_says_so(guests):
    if not os.access(KSM_RUN, os.W_OK):
        pytest.skip(f"real guests: {KSM_RUN} cannot be written")

    async def use(watch):
        before = (await watch.look(DEADLINE)).guests
        with KsmKnobs().kept() as knobs:
            knobs.set_scan_rate(2e6)
            assert HostReader().read().scan_rate == pytest.approx(2e6)

            def merged(seen):
                won = [before[n].resident - seen.guests[n].resident for n in before]
                return min(won) > 8 * MIB

            seen = await until(watch, merged, "nothing was merged")
            assert seen.host.merged > 16 * MIB
            for name, one in seen.guests.items():
                assert one.granted >= before[name].granted - MIB, "each page in full, as before"
                assert one.shared > 16 * MIB
            knobs.set_scan_rate(0)
            await asyncio.sleep(0.5)  # the batch that it was in
            held = (await watch.look(DEADLINE)).guests["guest1"]
            assert guests[1].tell("again 9") == "ok 1"
            own = (await watch.look(DEADLINE)).guests["guest1"]
            assert own.resident > held.resident + 2 * MIB, "written, so its own again"
            assert own.shared < held.shared - 4 * MIB

    knobs = KsmKnobs().saved()
    guests[1].fill(24, seed=1)
    watched(guests, use)
    assert KsmKnobs().saved() == knobs
    assert [one.check() for one in guests] == [24, 24]


@pytest.mark.slow
def test_paging_out_and_what_comes_back(guests):
    async def use(watch):
        before = (await watch.look(DEADLINE)).guests["guest1"]
        won = await watch.do("guest1", lambda guest: guest.page_out(32 * MIB), DEADLINE)
        after = (await watch.look(DEADLINE)).guests["guest1"]
        assert 8 * MIB < won <= 32 * MIB
        assert before.swapped < after.swapped <= before.swapped + won
        assert after.granted <= before.granted - won + 8 * MIB
        assert guests[1].check() == 24
        seen = await watch.look(DEADLINE)
        back = seen.guests["guest1"]
        assert back.swapped < after.swapped
        assert seen.host.swap_in_rate > 0 and back.swap_in_rate > 0

    try:
        with small.swap_in_memory(256):
            watched(guests, use)
    except LookupError as error:
        pytest.skip(f"real guests: {error}")
    assert [one.check() for one in guests] == [24, 24]


@pytest.mark.slow
def test_who_holds_the_monitor_is_said(guests):
    async def use(watch):
        assert len((await watch.look(DEADLINE)).guests) == 2
        other = Watch(watch.settings.values())
        said = (await other.look(DEADLINE)).why["guest0"]
        await other.close()
        assert f"process {os.getpid()}" in said and "serves one client" in said

    watched(guests, use)


@pytest.mark.slow
def test_a_qemu_that_is_stopped_delays_no_other(guests):
    async def use(watch):
        assert len((await watch.look(DEADLINE)).guests) == 2
        os.kill(guests[0].pid, signal.SIGSTOP)
        try:
            seen = await watch.look(2.0)
            assert seen.states == {"guest0": "mute", "guest1": "known"}
        finally:
            os.kill(guests[0].pid, signal.SIGCONT)
        await until(watch, lambda s: s.states["guest0"] == "known", "not known again")

    watched(guests, use)


@pytest.mark.slow
def test_how_it_was_started(guests):
    async def use(watch):
        await watch.look(DEADLINE)  # nothing is asked of who was not looked at
        return await watch.do("guest0", lambda guest: guest.facts(), DEADLINE)

    facts = watched(guests, use)
    assert facts.device.endswith("/balloon0") and facts.pid == guests[0].pid
    assert (facts.period, facts.deflate_on_oom, facts.report_free) == (1, True, False)
    assert (facts.merge, facts.shared, facts.huge) == (True, False, 0)


@pytest.mark.slow
def test_a_killed_guest_is_absent_and_the_other_is_as_it_was(guests):
    async def use(watch):
        last = remember({}, await watch.look(DEADLINE))
        assert set(last) == {"guest0", "guest1"}
        guests[0].kill()
        seen = await until(watch, lambda s: s.states["guest0"] == "absent", "it is still there")
        assert "ended" in seen.why["guest0"]
        seen = await watch.look(DEADLINE)
        assert seen.states["guest1"] == "known"
        assert set(remember(last, seen)) == {"guest1"}, "it holds nothing any more"

    watched(guests, use)
    assert guests[1].check() == 24


def test_the_toucher_finds_out_a_word_that_is_not_as_it_was_written(tmp_path):
    if why := small.no_compiler():
        pytest.skip(why)
    broken = small.SOURCE.read_text().replace("check();", "blocks[0].words[7] ^= 1, check();")
    for text, end in ((small.SOURCE.read_text(), "ok 512"), (broken, "bad 0")):
        source, program = tmp_path / "toucher.c", tmp_path / "toucher"
        source.write_text(text)
        subprocess.run(["gcc", "-O2", "-Wall", "-Werror", "-o", program, source], check=True)
        said = subprocess.run(
            [program],
            input="hello\nfill 1 5\nagain 6\nfill 1 5\ntouch\ncheck\ndrop\n",
            capture_output=True,
            text=True,
            check=True,
        ).stdout.splitlines()
        assert said == ["hello 0", "hello 0", "ok 256", "ok 1", "ok 256", "ok 512", end, "ok 0"]
