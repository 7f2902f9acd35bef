"""Two real guests, QEMU under TCG, governed by a process that is killed by SIGKILL: what it took is
taken, what it took is given back, and what the guests have written is as it was. Recommending, it
takes nothing. Skipped, with the reason, where QEMU or the kernel's package is missing.
"""

import asyncio
import json
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import guests_under_tcg as small
import pytest

from pageengine.live.config import read_config
from pageengine.live.settings import GuestSettings
from pageengine.live.watch import Watch
from pageengine.policy.base import Policy
from pageengine.policy.table import find

MIB = 1 << 20
SIZE, TAKEN, WITHIN = 128 * MIB, 24 * MIB, 30
DEADLINE, PATIENCE = 20.0, 60.0  # generous: a busy computer is no reason to fail

POLICY = f"""\
from pageengine.policy import Plan, VMPlan

class Takes:
    \"\"\"Of the first guest alone.\"\"\"

    def decide(self, snapshot):
        plans = {{vm.name: VMPlan(balloon={TAKEN}) for vm in snapshot.vms if vm.name == "guest0"}}
        return Plan(vms=plans, again=1.0)
"""
CONFIG = """\
[host]
policy = "{folder}/takes.py:Takes"
period = "1 s"
within = "{within} s"
lock = "lock"
audit = "audit.jsonl"

[guard]
shrink = "16 MiB"
shrink_part = 1.0
window = "2 s"
reserve_part = 0.0
"""
GUEST = """
[[guest]]
name = "{one.name}"
kind = "qemu"
at = "{one.qmp}"
"""


def config_for(folder, guests):
    (folder / "takes.py").write_text(POLICY)
    text = CONFIG.format(folder=folder, within=WITHIN)
    text += "".join(GUEST.format(one=one) for one in guests)
    (folder / "govern.toml").write_text(text)


@pytest.fixture
def guests(tmp_path):
    if why := small.missing():
        pytest.skip(f"real guests: {why}")
    with small.boot(tmp_path, 2) as booted:
        config_for(tmp_path, booted)
        for seed, one in enumerate(booted, 1):
            one.fill(24, seed)
        yield booted


def command(*arguments):
    return [sys.executable, "-m", "pageengine", *arguments]


def left(guests):
    """Bytes that balloons leave them; nobody else may hold their sockets now."""

    async def look():
        watch = Watch([GuestSettings(name=one.name, kind="qemu", at=one.qmp) for one in guests])
        try:
            seen = await watch.look(DEADLINE)
        finally:
            await watch.close()
        assert not seen.why, seen.why
        return [seen.guests[one.name].actual for one in guests]

    return asyncio.run(look())


def lines(folder):
    path = folder / "audit.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def wait_for(folder, true, process):
    """The first line of the audit log of which that is true."""
    ends = time.monotonic() + PATIENCE
    while time.monotonic() < ends:
        for line in lines(folder):
            if true(line):
                return line
        assert process.poll() is None, "it ended"
        time.sleep(0.1)
    raise AssertionError(f"it never happened: {lines(folder)[-1:]}")


def test_what_the_guests_would_be_governed_by_is_right(tmp_path):
    """Read where there is no QEMU too, so that it does not go stale unseen."""
    one = SimpleNamespace(name="guest0", qmp="a.qmp")
    config_for(tmp_path, [one])
    config = read_config(tmp_path / "govern.toml")
    assert (config.within, config.limits.shrink) == (WITHIN, 16 * MIB)
    assert config.guests["guest0"].kind == "qemu"
    assert isinstance(find(config.policy), Policy)


@pytest.mark.slow
def test_what_a_killed_governor_took_is_given_back_and_nothing_is_lost(guests, tmp_path):
    told = subprocess.run(
        command("govern", "govern.toml", "--once"), cwd=tmp_path, capture_output=True, text=True
    )
    assert "guest0: would balloon" in told.stdout and not told.stderr, told
    assert left(guests) == [SIZE, SIZE], "recommending takes nothing"
    assert not (tmp_path / "govern.state.json").exists()
    assert not any(line["results"] for line in lines(tmp_path))

    governs = subprocess.Popen(command("govern", "govern.toml", "--enforce"), cwd=tmp_path)
    try:

        def there(line):
            vms = {vm["name"]: vm for vm in line["decision"]["snapshot"]["vms"]}
            return vms.get("guest0", {"ballooned": 0})["ballooned"] == TAKEN

        wait_for(tmp_path, there, governs)
    finally:
        governs.send_signal(signal.SIGKILL)
        governs.wait()
    sent = [each["given"] for line in lines(tmp_path) for each in line["results"]]
    assert sent[0] == 16 * MIB and sent[-1] == TAKEN, "by its limits, to where the policy wants it"
    assert left(guests) == [SIZE - TAKEN, SIZE], "it is dead, and what it took is still taken"

    begun = time.monotonic()
    released = subprocess.run(
        command("release", "govern.state.json"), cwd=tmp_path, capture_output=True, text=True
    )
    assert released.returncode == 0, released
    assert time.monotonic() - begun < WITHIN + 10
    assert left(guests) == [SIZE, SIZE]
    assert json.loads((tmp_path / "govern.state.json").read_text())["guests"] == {}
    assert [one.check() for one in guests] == [24, 24]
