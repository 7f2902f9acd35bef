"""At stake: the record of what was changed, and whose guests are: a state file that is misread, or
a lock that two hold, is a guest that nobody gives back, or that two move.
"""

import pytest
from fake_guests import MIB
from made_governor import BOOT, CALM, GIB, Made

from pageengine.errors import LiveError
from pageengine.live.lock import Lock, Marks
from pageengine.live.state import Saved, StateFile


def test_a_state_file_comes_back_as_it_was(tmp_path):
    file = StateFile(str(tmp_path / "state.json"))
    assert file.read() is None
    saved = Saved(
        boot=BOOT,
        memo={"a": 1.5, "guard.target.web": (1.0, 2, float("inf"))},
        knobs={"run": "0"},
        memory=5,
        time=1e-9,
    )
    file.write(saved)
    assert file.read() == saved


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"schema":2}', '{"schema":1,"gusts":{}}', '{"schema":1,"guests":{"a":{}}}'],
)
def test_a_damaged_state_file_is_named_and_not_overwritten(tmp_path, text):
    path = tmp_path / "state.json"
    path.write_text(text)
    with pytest.raises(LiveError, match=r"state\.json") as wrong:
        Made(tmp_path, GIB, web=GIB)
    assert "\n" not in str(wrong.value) and path.read_text() == text


def test_one_governor_per_host(tmp_path):
    lock = Lock(str(tmp_path / "lock"), "governs by a.toml")
    with pytest.raises(LiveError, match=r"process \d+: governs by a\.toml.*stop that one"):
        Lock(str(tmp_path / "lock"), "governs by b.toml")
    lock.release()
    Lock(str(tmp_path / "lock"), "governs by b.toml").release()


def test_the_lock_says_what_is_wrong_with_its_place(tmp_path):
    with pytest.raises(LiveError, match=r"none/lock.*key lock in \[host\]"):
        Lock(str(tmp_path / "none" / "lock"), "x")


def test_a_guest_of_another_governor_is_left_alone(tmp_path):
    made = Made(tmp_path, 4 * GIB, CALM, web=GIB, db=GIB)
    other = Marks(made.config.lock, "governs by other.toml")
    assert other.take(made.config.guests["web"]) == ""
    made.say(web=dict(balloon=256 * MIB), db=dict(balloon=256 * MIB))
    step = made.step()
    assert {name for name, _ in made.wrote()} == {"db"}
    assert "not ours: process" in step.alone["web"] and "other.toml" in step.said[0]
    other.release()
    made.step(2)
    assert {name for name, _ in made.wrote()} == {"db", "web"}
    made.close()


@pytest.mark.parametrize("policy", ["made_governor:Says", "kvm"])
def test_what_a_policy_noted_is_shown_to_that_policy_alone(tmp_path, policy):
    """Two may note different things under one name; what the guard must know holds for both."""
    guards = {"guard.target web": (0.0, 4096.0)}
    saved = Saved(boot=BOOT, policy=policy, memo={"time": 1e9, **guards})
    StateFile(str(tmp_path / "state.json")).write(saved)
    made = Made(tmp_path, 4 * GIB, CALM, web=GIB)
    made.step()
    seen = made.governor.controller.policy.seen[0].memo
    assert seen == (saved.memo if policy == made.config.policy else guards)
    made.close()
