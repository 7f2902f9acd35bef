"""At stake: what an operator's signals do, and what systemd is told. A governor that does not hear
SIGTERM is killed, and leaves its guests small.
"""

import asyncio
import os
import signal
import socket

import pytest
from fake_guests import MIB
from made_governor import BOOT, CALM, GIB, Made

from pageengine.errors import LiveError
from pageengine.live.lock import Lock, Marks
from pageengine.live.notify import notify
from pageengine.live.service import Service
from pageengine.live.settings import GuestSettings
from pageengine.live.state import GuestState, Saved, StateFile

TEXT = """\
[host]
policy = "kvm"
state = "{folder}/state.json"
lock = "{folder}/lock"
[[guest]]
name = "web"
kind = "qemu"
at = "/run/web.qmp"
"""


@pytest.fixture
def made(tmp_path):
    made = Made(tmp_path, 8 * GIB, CALM, web=2 * GIB, db=2 * GIB)
    made.say(web=dict(balloon=512 * MIB), db=dict(balloon=256 * MIB))
    yield made
    made.close()


@pytest.fixture
def served(made):
    """Runs the service; each step is heard by ``does``."""

    def serve(does, steps=None):
        said = []
        service = Service(made.governor, lambda step: does(step, said), said.append)
        made.run(service.run(steps))
        return service, said

    return serve


def test_sigterm_ends_it_and_guests_are_given_back(made, served):
    steps = []

    def does(step, said):
        steps.append(made.clock())
        if len(steps) == 4:
            os.kill(os.getpid(), signal.SIGTERM)

    service, _ = served(does)
    assert service.ended_by == signal.SIGTERM and len(steps) == 4
    assert [b - a for a, b in zip(steps, steps[1:])] == pytest.approx([5.0] * 3, abs=0.3)
    assert {done.vm: done.state for done in service.released} == dict(web="released", db="released")
    made.host.run(1.0)
    assert made.host.guests["web"].balloon == 0
    Lock(made.config.lock, "the next").release()


def test_so_many_steps_and_no_more(made, served):
    steps = []
    served(lambda step, said: steps.append(step), steps=2)
    assert len(steps) == 2


def test_a_second_governor_is_refused_before_it_looks(made, served):
    lock = Lock(made.config.lock, "governs by a.toml")
    with pytest.raises(LiveError, match="governed already, by process"):
        served(lambda step, said: pytest.fail("it looked"))
    lock.release()
    assert made.host.written == []


def test_sighup_has_the_file_read_again(made, served, tmp_path):
    """One that is wrong leaves the one before in force; a good one takes hold, and guests that it
    does not name are given back.
    """
    path = tmp_path / "govern.toml"
    path.write_text(TEXT.format(folder=tmp_path).replace("kvm", "kvn"))
    seen = []

    def does(step, said):
        seen.append((sorted(step.seen.states), list(said)))
        if len(seen) == 2:
            os.kill(os.getpid(), signal.SIGHUP)
        if len(seen) == 4:
            assert made.host.guests["db"].balloon == 256 * MIB
            path.write_text(TEXT.format(folder=tmp_path))
            os.kill(os.getpid(), signal.SIGHUP)
        if len(seen) == 6:
            os.kill(os.getpid(), signal.SIGTERM)

    served(does)
    assert seen[3][0] == ["db", "web"]
    assert "the file before stays in force" in seen[3][1][0] and "kvm" in seen[3][1][0]
    assert seen[5][0] == ["web"]
    assert any(line.startswith("db: released") for line in seen[5][1])
    assert made.governor.config.policy == "kvm"


@pytest.mark.parametrize("key", ["state", "lock"])
def test_what_cannot_change_while_it_governs_is_said(made, key):
    made.step()
    with pytest.raises(LiveError, match=f"{key} cannot be changed.*restart"):
        made.governor.reload(made.config.__replace__(**{key: "/elsewhere"}))
    assert made.governor.config == made.config


def test_guests_that_the_file_does_not_name_any_more_are_given_back_at_the_start(made, served):
    stranger = made.host.add("stranger", GIB)
    stranger.balloon = stranger.target = 128 * MIB
    at = GuestSettings(name="stranger", kind="qemu", at="/run/stranger.qmp")
    entry = GuestState(at, stranger.life, 0, 128 * MIB)
    saved = Saved(boot=BOOT, guests={"stranger": entry}, clock=made.clock())
    StateFile(made.config.state).write(saved)
    made.start()
    service, said = served(lambda step, said: None, steps=1)
    assert said == ["stranger: released"] and stranger.target == 0


def test_who_is_not_named_any_more_is_given_back_where_others_would_be_left(made, served, tmp_path):
    """Nobody goes on from there."""
    made.start(exit="leave")
    (tmp_path / "govern.toml").write_text(
        TEXT.format(folder=tmp_path).replace("[[guest]]", 'exit = "leave"\n[[guest]]')
    )
    heard = []

    def does(step, said):
        heard.append(list(said))
        if len(heard) == 2:
            os.kill(os.getpid(), signal.SIGHUP)

    served(does, steps=4)
    assert "db: released" in heard[3]
    made.host.run(1.0)
    assert made.host.guests["db"].balloon == 0


def test_who_is_not_named_any_more_and_could_not_be_given_back_is_not_lost(made, served, tmp_path):
    made.start(within=1.0)
    (tmp_path / "govern.toml").write_text(TEXT.format(folder=tmp_path))
    heard = []

    def does(step, said):
        heard.append(list(said))
        if len(heard) == 2:
            made.host.guests["db"].refuses = True
            os.kill(os.getpid(), signal.SIGHUP)

    service, _ = served(does, steps=4)
    (db,) = [done for done in service.released if done.vm == "db"]
    assert db.state == "no answer" and "db" in StateFile(made.config.state).read().guests


def test_a_name_that_stands_for_another_place_is_another_guest(made, served):
    """Who was changed under that name is given back first."""
    web = made.host.guests["web"]
    web.balloon = web.target = 512 * MIB
    at = GuestSettings(name="web", kind="qemu", at="/elsewhere/web.qmp")
    entry = GuestState(at, web.life, 0, 512 * MIB)
    StateFile(made.config.state).write(Saved(boot=BOOT, guests={"web": entry}, clock=made.clock()))
    made.start()
    _, said = served(lambda step, said: None, steps=1)
    assert said == ["web: released"] and ("web", 0) in made.wrote()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("/lock", "/other"), "lock cannot be changed"),
        (('"qemu"\nat = "/run/web.qmp"', '"process"\nat = "web"'), "no number of a process"),
        (('"qemu"\nat = "/run/web.qmp"', '"process"\nat = "7"'), "cannot be spoken to"),
        (("[[guest]]", 'audit = "none/audit"\n[[guest]]'), "there is no folder"),
        (("[[guest]]", 'memory = "900 GiB"\n[[guest]]'), "is more than the host has, 8 GiB"),
        (('qmp"\n', 'qmp"\nfloor = "3 GiB"\n'), "floor 3 GiB is over its size, 2 GiB"),
    ],
)
def test_a_file_that_cannot_be_gone_on_by_changes_nothing(made, served, tmp_path, change, says):
    """Not even for guests that it does not name any more."""
    speaker = made.host.speaker

    def guest_of(one):
        if one.kind != "qemu":
            raise LiveError(f"{one.name} cannot be spoken to")
        return speaker(one)

    made.governor.watch._guest_of = guest_of
    path = tmp_path / "govern.toml"
    seen = []

    def does(step, said):
        seen.append(list(said))
        if len(seen) == 2:
            path.write_text(TEXT.format(folder=tmp_path).replace(*change))
            os.kill(os.getpid(), signal.SIGHUP)
        if len(seen) == 4:
            assert made.host.guests["db"].target == 256 * MIB
            os.kill(os.getpid(), signal.SIGTERM)

    served(does)
    assert len(seen[3]) == 1 and says in seen[3][0]


def test_a_guest_that_the_file_does_not_name_any_more_is_free_for_others(made):
    made.step()
    others = Marks(made.config.lock, "governs by b.toml")
    db = made.config.guests["db"]
    assert "not ours" in others.take(db)
    left = {name: each for name, each in made.config.guests.items() if name != "db"}
    made.governor.reload(made.config.__replace__(guests=left))
    assert others.take(db) == "" and "not ours" in others.take(made.config.guests["web"])
    others.release()


def test_a_lock_writes_over_no_other_file(tmp_path):
    path = tmp_path / "govern.toml"
    path.write_text("[host]\n")
    with pytest.raises(LiveError, match="holds something else.*key lock"):
        Lock(str(path), "governs by a.toml")
    assert path.read_text() == "[host]\n"


# what a governor before has taken, and what cannot work: said before anything is touched


def another(made, folder, **changes):
    """A governor of another config begins."""
    made.killed()
    made.host.written.clear()
    made.start(
        path=str(folder / "b.toml"),
        state=str(folder / "b.state.json"),
        hold=str(folder / "b.hold"),
        **changes,
    )


def test_a_guest_of_another_config_that_is_not_given_back_is_given_back_first(
    made, served, tmp_path
):
    """What its balloon holds by then is not what it had."""
    made.step(3)
    first = made.config
    another(made, tmp_path)
    with pytest.raises(
        LiveError, match=r"'web'.*governor of .*/govern\.toml.* release .*state\.json"
    ):
        served(lambda step, said: pytest.fail("it began"))
    assert made.host.written == [] and not (tmp_path / "b.state.json").exists()
    made.killed()
    made.start(path=first.path, state=first.state, hold=first.hold)
    made.release()
    assert made.host.guests["web"].balloon == 0
    another(made, tmp_path)
    served(lambda step, said: None, steps=2)
    assert made.wrote()[0] == ("web", 512 * MIB)


def test_by_another_socket_it_is_the_same_guest(made, served, tmp_path):
    made.step(3)
    there = {
        name: each.__replace__(at=f"/elsewhere/{name}") for name, each in made.config.guests.items()
    }
    another(made, tmp_path, guests=there)
    with pytest.raises(LiveError, match="'web' was changed by the governor"):
        served(lambda step, said: pytest.fail("it began"))


def test_another_life_of_it_was_not_changed(made, served, tmp_path):
    made.step(3)
    for guest in made.host.guests.values():
        guest.another()
    another(made, tmp_path)
    service, _ = served(lambda step, said: None, steps=1)
    assert service.released and made.wrote()


def test_ksm_that_another_config_set_is_set_back_first(made, served, tmp_path):
    made.say(web=dict(scan=100.0))
    made.step(2)
    another(made, tmp_path, guests={})
    with pytest.raises(LiveError, match="KSM was changed by the governor"):
        served(lambda step, said: pytest.fail("it began"))


def test_a_reload_takes_up_no_guest_that_is_anothers_to_give_back(made, tmp_path):
    made.step(3)
    every = made.config.guests
    another(made, tmp_path, guests={"db": every["db"]})
    saved = StateFile(str(tmp_path / "state.json")).read()
    kept = {"web": saved.guests["web"]}
    StateFile(str(tmp_path / "state.json")).write(saved.__replace__(guests=kept))
    made.step()
    with pytest.raises(LiveError, match="'web' was changed by the governor"):
        made.governor.reload(made.config.__replace__(guests=every))
    assert list(made.governor.config.guests) == ["db"]


def test_a_state_file_that_cannot_be_read_is_not_passed_over(made, served, tmp_path):
    made.step(3)
    (tmp_path / "state.json").write_text("{")
    another(made, tmp_path)
    with pytest.raises(LiveError, match=r"cannot be read: .*state\.json.*put that right") as wrong:
        served(lambda step, said: pytest.fail("it began"))
    assert "\n" not in str(wrong.value)


@pytest.mark.parametrize(
    ("changes", "guest", "says"),
    [
        (dict(memory=16 * GIB), {}, "memory 16 GiB is more than the host has, 8 GiB: write 'all'"),
        (dict(limits=CALM.__replace__(reserve=9 * GIB)), {}, "reserve keeps 9 GiB free"),
        ({}, dict(floor=3 * GIB), "guest 'web': floor 3 GiB is over its size, 2 GiB"),
        ({}, dict(reservation=3 * GIB), "guest 'web': reservation 3 GiB is over its size"),
        ({}, dict(cgroup="/none"), "cgroup /none: there is no such folder"),
        (dict(lock="/none/lock"), {}, "lock /none/lock: there is no folder /none: make it"),
        (dict(hold="/none/hold"), {}, "hold /none/hold: there is no folder"),
        (dict(audit="/none/audit"), {}, "audit /none/audit: there is no folder"),
        (
            dict(memory=100 * MIB, limits=CALM.__replace__(reserve=0)),
            {},
            "memory 100 MiB is too small: QEMU itself takes 140 MiB for 2",
        ),
    ],
)
def test_what_cannot_work_here_is_said_before_anything_is_touched(
    made, served, tmp_path, monkeypatch, changes, guest, says
):
    for each in made.host.guests.values():
        monkeypatch.setattr(each, "overhead", 70 * MIB)
    guests = {**made.config.guests, "web": made.config.guests["web"].__replace__(**guest)}
    lock = made.config.lock
    made.start(guests=guests, **changes)
    made.host.read_only = True
    if "lock" in changes:  # the lock itself would say so too
        monkeypatch.setattr("pageengine.live.service.Lock", lambda *said: Lock(lock, "a test"))
    with pytest.raises(LiveError) as wrong:
        served(lambda step, said: pytest.fail("it began"))
    assert says in str(wrong.value) and "\n" not in str(wrong.value)
    assert not (tmp_path / "state.json").exists()
    Lock(lock, "the next").release()


def test_a_guest_that_comes_later_and_cannot_work_is_left_alone(made):
    guests = {**made.config.guests, "web": made.config.guests["web"].__replace__(floor=3 * GIB)}
    made.start(guests=guests)
    step = made.step(2)
    assert "floor 3 GiB is over its size, 2 GiB" in step.alone["web"]
    assert made.wrote() == [("db", 256 * MIB)]


def test_too_little_for_qemu_itself_is_said_once(made):
    made.start(memory=100 * MIB)
    said = []
    for number in range(6):
        for each in made.host.guests.values():
            each.overhead = 70 * MIB if number != 3 else 10 * MIB
        said += [line for line in made.step().said if "too small" in line]
    assert len(said) == 2 and "QEMU itself takes 140 MiB for 2 of these guests" in said[0]
    # their floors are 35 % of 4 GiB
    assert "it has to be 1.79 GiB at least" in said[0]


def test_systemd_hears_of_it(made, served, tmp_path, monkeypatch):
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as hears:
        hears.bind(str(path))
        hears.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", str(path))
        served(lambda step, said: None, steps=2)
        said = []
        hears.setblocking(False)
        with pytest.raises(BlockingIOError):
            while True:
                said.append(hears.recv(100).decode())
    assert said[0] == "READY=1\nWATCHDOG=1"
    assert said.count("STOPPING=1") == 1 and said.count("WATCHDOG=1") >= 2


def test_nobody_who_listens_is_no_error(tmp_path):
    assert not notify("READY=1", {})
    assert not notify("READY=1", {"NOTIFY_SOCKET": str(tmp_path / "none")})
    assert not notify("READY=1", {"NOTIFY_SOCKET": "relative"})


def test_it_is_heard_in_the_middle_of_a_wait(made, served):
    """SIGTERM is not heard a period late."""
    begun = []

    def does(step, said):
        begun.append(made.clock())
        asyncio.get_running_loop().call_later(1.3, os.kill, os.getpid(), signal.SIGTERM)

    served(does)
    assert len(begun) == 1
