"""What an operator types: govern, release and replay, over processes of this computer and places
where no guest is. What is wrong is one line that says what would be right, and nothing is touched.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time

import pytest
from children import holding
from fake_qmp import FakeQmp
from made_governor import BOOT

from pageengine.cli import main
from pageengine.cli.govern import _clip
from pageengine.live.lock import Lock
from pageengine.live.settings import GuestSettings
from pageengine.live.sources.process import life_of
from pageengine.live.state import GuestState, Saved, StateFile, boot_id
from pageengine.policy.guard import Clip

pytestmark = pytest.mark.skipif(
    not os.path.exists("/proc/self/smaps_rollup"), reason="needs /proc of Linux"
)
CONFIG = """\
[host]
memory = "64 MiB"
policy = "kvm"
period = "0.2 s"
lock = "lock"
audit = "audit.jsonl"

[[guest]]
name = "shop"
kind = "process"
at = "{pid}"
page_out = true
"""


@pytest.fixture
def child():
    with holding(48) as process:
        yield process


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def written(text):
    with open("govern.toml", "w") as file:
        file.write(text)


def run(capsys, *arguments):
    status = main([str(argument) for argument in arguments])
    return status, *capsys.readouterr()


def test_one_look_says_what_would_be_done_and_writes_nothing(child, capsys, here):
    written(CONFIG.format(pid=child.pid))
    status, out, err = run(capsys, "govern", "govern.toml", "--once")
    assert status == 0 and not err
    assert "recommending: nothing is" in out and "shop: known" in out
    assert sorted(path.name for path in here.iterdir()) == ["audit.jsonl", "govern.toml"]
    status, out, _ = run(capsys, "replay", "audit.jsonl")
    assert status == 0 and "the same policy says the same in 1 of 1 decisions" in out


def test_a_guest_that_is_asked_for_no_statistics_is_named_with_what_has_it_asked(capsys, here):
    pytest.importorskip("qemu.qmp", reason="the package qemu.qmp is not installed")
    with FakeQmp(str(here)) as fake:
        text = CONFIG.replace("process", "qemu").replace("page_out = true", "")
        # it is this process that is taken for QEMU, and what that takes itself may be a lot
        written(text.replace('"64 MiB"', '"all"').format(pid=fake.path))
        fake.read_only, fake.period = True, 0
        _, out, err = run(capsys, "govern", "govern.toml", "--once", "--json")
        assert not err and not fake.writes
        fake.period = 2
        _, then, _ = run(capsys, "govern", "govern.toml", "--once", "--json")
    command = "qom-set path=/machine/peripheral/balloon0 property=guest-stats-polling-interval"
    (said,) = [line for line in json.loads(out)["said"] if "no statistics" in line]
    assert said.startswith("shop: ") and f"{command} value=2" in said
    assert "no statistics" not in then


def test_what_the_guard_kept_back_is_said_though_nothing_is_done(child, capsys):
    text = CONFIG.format(pid=child.pid).replace("page_out = true", "")
    written(text.replace('"64 MiB"', '"32 MiB"'))
    _, out, _ = run(capsys, "govern", "govern.toml", "--once")
    assert "shop: nothing paged out (page-out: " in out and "state hard: all stays as it is" in out
    first = out.splitlines()[0]  # a log has a line an event, however long it is
    assert "1 guest by kvm" in first and first.endswith("(--enforce acts).")


def test_a_clip_of_less_than_is_shown_does_not_contradict_itself():
    assert _clip(Clip("a", "rate", "balloon", 6_400_000, 6_399_900)).endswith("a little changed")
    assert _clip(Clip("a", "rate", "balloon", 6 << 20, 0)).endswith("6 MiB wanted, nothing given")


def test_what_it_prints_as_json(child, capsys):
    written(CONFIG.format(pid=child.pid))
    status, out, _ = run(capsys, "govern", "govern.toml", "--once", "--json")
    said = json.loads(out)
    assert status == 0 and said["mode"] == "recommend" and said["steps"] == 1
    assert said["states"] == {"shop": "known"} and said["released"] == []
    status, out, _ = run(capsys, "replay", "audit.jsonl", "--policy", "proxmox", "--json")
    assert status == 0 and json.loads(out)["decisions"] == 1


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("policy =", "polcy ="), "govern.toml:3: [host]: there is no key 'polcy': did you mean"),
        (('policy = "kvm"', 'policy = "kvn"'), "did you mean 'kvm'?"),
        (("audit.jsonl", "none/audit.jsonl"), "there is no folder"),
        (('kind = "process"', 'kind = "proces"'), "did you mean 'process'?"),
    ],
)
def test_a_file_with_a_mistake_is_one_line(capsys, here, change, says):
    written(CONFIG.format(pid=1).replace(*change))
    status, out, err = run(capsys, "govern", "govern.toml", "--once")
    assert status == 2 and out == "" and says in err and err.count("\n") == 1
    assert [path.name for path in here.iterdir()] == ["govern.toml"]


@pytest.mark.parametrize("enforce", [[], ["--enforce"]])
def test_a_guest_that_does_not_exist_is_named(capsys, here, enforce):
    written(CONFIG.format(pid=2**22 + 1))
    status, out, err = run(capsys, "govern", "govern.toml", "--once", *enforce)
    assert status == 1 and not err
    assert f"shop: absent: there is no process {2**22 + 1}" in out
    assert (here / "govern.state.json").exists() == bool(enforce)


def test_a_socket_that_somebody_else_holds_is_named(capsys, here):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(here / "web.qmp"))  # listens to nobody
        text = CONFIG.format(pid=1).replace('kind = "process"', 'kind = "qemu"')
        written(text.replace('at = "1"', f'at = "{here}/web.qmp"'))
        status, out, _ = run(capsys, "govern", "govern.toml", "--once")
    assert status == 1 and "shop: " in out and "nobody" in out


def test_a_second_governor_is_refused(child, capsys):
    written(CONFIG.format(pid=child.pid))
    lock = Lock("lock", "governs by other.toml")
    status, _, err = run(capsys, "govern", "govern.toml", "--once", "--enforce")
    lock.release()
    assert status == 2 and "governed already, by process" in err and "other.toml" in err


def test_a_place_that_cannot_be_written_is_said_before_anything(child, capsys):
    written(CONFIG.format(pid=child.pid).replace('lock = "lock"', 'state = "no/state.json"'))
    status, _, err = run(capsys, "govern", "govern.toml", "--once", "--enforce")
    assert status == 2 and "state" in err and "there is no folder" in err and err.count("\n") == 1
    for key in ("lock", "hold"):
        place = CONFIG.format(pid=child.pid).replace('lock = "lock"', f'{key} = "no/{key}"')
        written(place)
        status, out, err = run(capsys, "govern", "govern.toml", "--once", "--enforce")
        assert status == 2 and out == "" and f"{key} " in err and err.count("\n") == 1
        assert "there is no folder" in err and "make it" in err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_goes_on_until_a_signal(child, number):
    written(CONFIG.format(pid=child.pid))
    with subprocess.Popen(
        [sys.executable, "-m", "pageengine", "govern", "govern.toml", "--json"],
        stdout=subprocess.PIPE,
    ) as process:
        until = time.monotonic() + 20
        while not os.path.exists("audit.jsonl") and time.monotonic() < until:
            time.sleep(0.05)
        time.sleep(0.5)
        process.send_signal(number)
        out, _ = process.communicate(timeout=20)
    assert process.returncode == 0 and json.loads(out)["steps"] >= 2


def test_what_a_hold_file_kept_from_being_done_is_not_shown_as_done(child, capsys):
    written(CONFIG.format(pid=child.pid).replace('"64 MiB"', '"32 MiB"'))
    open("govern.hold", "w").close()
    status, out, _ = run(capsys, "govern", "govern.toml", "--once", "--enforce")
    assert "govern.hold is there: remove it" in out
    assert "shop: page " in out and " out: not done" in out.replace(")", "")


# release


def saved(at, **changes):
    one = GuestSettings(name="shop", kind="process", at=at)
    entry = GuestState(one, f"{at}@1", 0, 4096)
    made = Saved(boot=boot_id(), lock=os.path.abspath("lock"), guests={"shop": entry}, within=2.0)
    StateFile("state.json").write(made.__replace__(**changes))


def test_no_such_file_is_a_wrong_path(capsys):
    status, _, err = run(capsys, "release", "state.json")
    assert status == 2 and "there is no such file" in err


def test_a_guest_that_is_gone_has_nothing_to_be_given_back(capsys, here):
    saved(str(2**22 + 1))
    status, out, _ = run(capsys, "release", "state.json", "--json")
    (guest,) = json.loads(out)["guests"]
    assert status == 0 and guest["state"] == "gone"
    assert StateFile("state.json").read().guests == {}
    status, out, _ = run(capsys, "release", "state.json")
    assert status == 0 and "nothing was taken, or all of it is given back" in out


def test_a_state_file_of_another_start_of_the_host(capsys, here):
    saved("1", boot=BOOT)
    status, out, _ = run(capsys, "release", "state.json")
    assert status == 0 and "started anew" in out
    assert StateFile("state.json").read().guests == {}


def test_who_does_not_answer_stays_in_the_file(capsys, here):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(here / "web.qmp"))
        server.listen(1)
        one = GuestSettings(name="web", kind="qemu", at=str(here / "web.qmp"))
        saved("1", guests={"web": GuestState(one, "1@1", 0, 4096)})
        status, out, _ = run(capsys, "release", "state.json", "--json")
    assert status == 1 and json.loads(out)["stays"] == ["web"]
    assert set(StateFile("state.json").read().guests) == {"web"}


def test_while_the_governor_runs_nothing_is_released(capsys):
    saved("1")
    lock = Lock("lock", "governs by govern.toml")
    status, _, err = run(capsys, "release", "state.json")
    lock.release()
    assert status == 2 and "stop that one first" in err


def test_a_file_that_is_no_state_file(capsys):
    with open("state.json", "w") as file:
        file.write("[]")
    status, _, err = run(capsys, "release", "state.json")
    assert status == 2 and "state.json" in err and err.count("\n") == 1


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("knobs", []),
        ("knobs", 5),
        ("within", "x"),
        ("within", None),
        ("hold", 5),
        ("lock", "a\0b"),
        ("memory", 2**90),
        ("reserve", float("nan")),
        ("within", 10**400),
    ],
)
def test_a_state_file_with_a_value_of_another_kind(capsys, key, value):
    saved("1")
    with open("state.json") as file:
        data = json.load(file)
    with open("state.json", "w") as file:
        json.dump({**data, key: value}, file)
    status, _, err = run(capsys, "release", "state.json")
    assert status == 2 and f"{key} cannot be" in err and err.count("\n") == 1


@pytest.mark.parametrize(
    "change",
    [{"initial": "x"}, {"target": []}, {"paused": "yes"}, {"settings": {"name": "a", "at": 5}}],
)
def test_a_guest_of_a_state_file_with_a_value_of_another_kind(capsys, change):
    saved("1")
    with open("state.json") as file:
        data = json.load(file)
    data["guests"]["shop"].update(change)
    with open("state.json", "w") as file:
        json.dump(data, file)
    status, _, err = run(capsys, "release", "state.json")
    assert status == 2 and "cannot be" in err and err.count("\n") == 1


NO_NUMBER = float("nan")


@pytest.mark.parametrize("command", ["release", "govern"])
@pytest.mark.parametrize(
    ("whose", "field", "value", "right"),
    [
        ("shop", "initial", -1, "a whole number from 0 to"),
        ("shop", "initial", 0.5, "a whole number from 0 to"),
        ("shop", "target", -4096, "from 0 to"),
        ("shop", "most", 2**62, "from 0 to"),
        ("shop", "hands_off", NO_NUMBER, "a number that is finite or null"),
        ("shop", "life", "", "which guest"),
        ("", "within", float("inf"), "a number that is finite"),
        ("", "within", "nan", "a number from 0.001 to 3600"),
        ("", "deadline", 0, "to 3600"),
        ("", "reserve", -1, "from 0 to"),
        ("", "memory", -1, "from 0 to"),
        ("", "time", -1.0, "from 0 to"),
        ("", "clock", "inf", "from 0 to"),
        ("", "exit", "initail", "one of leave, initial, max"),
        ("", "boot", "another", "now that is"),
        ("shop", "settings.name", "web", "it must be the guest's, 'shop'"),
        ("shop", "settings.kind", "proces", "one of qemu, libvirt, process"),
        ("shop", "settings.at", "", "which guest"),
    ],
)
def test_a_value_that_no_governor_wrote_is_named_and_nothing_is_lost(
    capsys, command, whose, field, value, right
):
    saved(str(os.getpid()))
    with open("state.json") as file:
        data = json.load(file)
    at = data["guests"][whose] if whose else data
    *way, key = field.split(".")
    for part in way:
        at = at[part]
    at[key] = value
    text = json.dumps(data)  # NaN and Infinity as Python writes them
    with open("state.json", "w") as file:
        file.write(text)
    written(CONFIG.format(pid=os.getpid()).replace("[host]", '[host]\nstate = "state.json"'))
    arguments = {"release": ["state.json"], "govern": ["govern.toml", "--once", "--enforce"]}
    status, _, err = run(capsys, command, *arguments[command])
    assert status == 2 and err.count("\n") == 1 and "state.json: " in err
    guest = f"guest '{whose}': " if whose else ""
    assert f"{guest}{field} cannot be " in err and right in err
    with open("state.json") as file:
        assert file.read() == text


def test_a_start_of_the_host_that_is_not_its_own_loses_no_guest_that_runs(capsys, child):
    life = life_of(child.pid)
    one = GuestSettings(name="shop", kind="process", at=str(child.pid))
    saved("1", boot=BOOT, guests={"shop": GuestState(one, life, 0, 4096)})
    status, _, err = run(capsys, "release", "state.json")
    assert status == 2 and "boot cannot be" in err and boot_id() in err and err.count("\n") == 1
    assert set(StateFile("state.json").read().guests) == {"shop"}
    written(CONFIG.format(pid=child.pid).replace("[host]", '[host]\nstate = "state.json"'))
    status, _, err = run(capsys, "govern", "govern.toml", "--once", "--enforce")
    assert status == 2 and "boot cannot be" in err


def test_another_reserve_is_said_by_hand(capsys):
    saved(str(2**22 + 1))
    status, _, err = run(capsys, "release", "state.json", "--reserve", "much")
    assert status == 2 and "--reserve much: is not a size" in err and err.count("\n") == 1
    assert run(capsys, "release", "state.json", "--reserve", "0")[0] == 0
