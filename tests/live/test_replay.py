"""At stake: the record. A decision that cannot be made again from its line proves nothing, and a
log that one cut line makes unreadable is gone when it is needed.
"""

import json

import hypothesis.strategies as st
import pytest
from fake_guests import MIB
from hypothesis import given, settings
from made_governor import GIB, Made
from test_every_policy import snapshots

from pageengine import schemas
from pageengine.cli import main
from pageengine.control.controller import Decision
from pageengine.errors import LiveError
from pageengine.live import records
from pageengine.live.audit import AuditLog, Logged, Unread, entries
from pageengine.live.replay import replay
from pageengine.policy import Plan, VMPlan, table
from pageengine.policy.guard import Clip, Limits

LIMITS = Limits(reserve_part=0.0, reserve=256 * MIB, shrink_part=1.0)


@pytest.fixture
def log(tmp_path):
    """Twenty decisions of kvm's, about guests that change."""
    made = Made(
        tmp_path,
        4 * GIB,
        LIMITS,
        enforce=False,
        config=dict(audit=str(tmp_path / "audit.jsonl")),
        web=2 * GIB,
        db=2 * GIB,
    )
    made.start(policy="kvm")
    for number in range(20):
        made.host.others = number * 200 * MIB
        made.host.guests["db"].stall = 0.01 * number
        made.step()
    made.close()
    return made.config.audit


def test_the_same_policy_says_the_same_to_the_byte(log):
    done = list(replay(entries(log)))
    assert len(done) >= 9 and all(each.same for each in done)
    assert any(each.given.vms for each in done)


def test_another_policy_says_something_else(log):
    done = list(replay(entries(log), "proxmox"))
    differences = [found for each in done for found in each.differences()]
    assert differences and {found.vm for found in differences} <= {"web", "db"}
    assert all(found.given != found.other for found in differences)
    assert not any(each.why for each in done)


def test_a_line_that_was_changed_is_seen(log):
    with open(log) as file:
        text = file.read()
    changed = text.replace('"free":', '"free":1', 1)
    with open(log, "w") as file:
        file.write(changed)
    same = [each.same for each in replay(entries(log))]
    assert not same[0] and all(same[1:])


def test_a_cut_last_line_is_named_and_the_rest_is_read(log):
    with open(log, "rb") as file:
        data = file.read()
    with open(log, "wb") as file:
        file.write(data[:-50])
    *rest, last = replay(entries(log))
    assert isinstance(last, Unread) and "cut off" in last.why
    assert all(each.same for each in rest) and last.line == len(rest) + 1


def test_after_a_cut_line_the_log_goes_on(log):
    with open(log, "rb") as file:
        data = file.read()
    lines = data.count(b"\n")
    with open(log, "wb") as file:
        file.write(data[:-50])
    (first, *_) = entries(log)
    AuditLog(log, 1 << 30).add(first)
    found = list(entries(log))
    assert len(found) == lines + 1
    assert [type(each) for each in found[-2:]] == [Unread, Logged]


def test_a_log_that_is_too_large_is_put_aside(tmp_path, log):
    (first, *_) = entries(log)
    path = tmp_path / "small.jsonl"
    small = AuditLog(str(path), 10_000)
    for _ in range(20):
        small.add(first)
    assert path.stat().st_size <= 10_000
    aside = tmp_path / "small.jsonl.1"
    assert aside.stat().st_size <= 10_000
    assert all(isinstance(each, Logged) for each in (*entries(str(path)), *entries(str(aside))))


@pytest.mark.parametrize(
    "line",
    ["[]", "{}", '{"schema":1}', '{"schema":2}', "\x00", '{"schema":1,"decision":{"snapshot":3}}'],
)
def test_a_line_that_is_no_decision_is_named(tmp_path, line):
    path = tmp_path / "audit.jsonl"
    path.write_text(line + "\n")
    (found,) = entries(str(path))
    assert isinstance(found, Unread) and found.why and "\n" not in found.why


def test_a_log_runs_no_code_of_its_own(log):
    with open(log) as file:
        text = file.read().replace('"policy":"kvm"', '"policy":"./evil.py:Policy"')
    with open(log, "w") as file:
        file.write(text)
    done = list(replay(entries(log)))
    assert all("say yourself that it may" in each.why for each in done)


def test_a_log_that_is_none_is_refused(tmp_path):
    with pytest.raises(OSError, match="none"):
        list(entries(str(tmp_path / "none.jsonl")))
    with pytest.raises(LiveError, match="not a regular file"):
        list(entries("/dev/null"))


numbers = st.integers(0, 2**40) | st.floats(allow_nan=False)


@settings(max_examples=60, deadline=None)
@given(
    snapshot=snapshots(),
    memo=st.dictionaries(st.text(max_size=8), numbers | st.tuples(numbers, numbers), max_size=4),
    wanted=st.floats(allow_nan=False, allow_infinity=False),
)
def test_records_come_back_as_they_went(snapshot, memo, wanted):
    snapshot = snapshot.__replace__(memo=memo)
    plan = Plan(vms={view.name: VMPlan(scan=wanted, balloon=0) for view in snapshot.vms}, memo=memo)
    said = Decision(snapshot, plan, plan, (Clip("a", "rate", "scan", wanted, None),))
    text = records.line(said)
    assert "\n" not in text
    data = json.loads(text)
    assert records.snapshot(data["snapshot"]) == snapshot
    assert records.plan(data["plan"]) == plan
    assert records.clips(data["clips"]) == said.clips
    assert records.line(records.snapshot(data["snapshot"])) == records.line(snapshot)


# several policies


def said_by(capsys, *arguments):
    status = main(["replay", *arguments])
    out, err = capsys.readouterr()
    return status, out, err


def test_every_policy_says_what_it_would_do_in_one_go(log, capsys):
    status, out, err = said_by(capsys, log, "--policy", "all", "--json")
    found = json.loads(out)
    assert status == 0 and not err and set(found["policies"]) == set(table.POLICIES)
    assert found["decisions"] == len(found["each"]) == len(list(entries(log)))
    # the one who made it says the same again
    kvm = found["policies"]["kvm"]
    assert kvm["differ"] == 0 and kvm["clipped"] > 0 and sum(kvm["rules"].values()) > 0
    assert found["policies"]["no-overcommit"]["takes"] == 0
    for name, of in found["policies"].items():
        assert of["decisions"] + of["failed"] == found["decisions"]
        each = [decision["policies"][name] for decision in found["each"]]
        wanted = [takes.get("db", {}).get("wanted", 0) for takes in each]
        assert of["vms"]["db"]["wanted"] == round(sum(wanted) / of["decisions"]), name


def test_what_is_wanted_and_what_is_allowed_of_whom(log, capsys):
    """By the log itself: the policy's own balloons, and those after the guard."""
    _, out, _ = said_by(capsys, log, "--policy", "kvm", "--policy", "proxmox", "--json")
    found = json.loads(out)
    assert list(found["policies"]) == ["kvm", "proxmox"]
    of_log = [entry.decision for entry in entries(log)]
    for decision, each in zip(of_log, found["each"], strict=True):
        for view in decision.snapshot.vms:
            took = each["policies"]["kvm"][view.name]
            for key, plan in (("wanted", decision.plan), ("allowed", decision.guarded)):
                said = plan.vms.get(view.name)
                target = said.balloon if said and said.balloon is not None else 0
                assert took[key] == max(0, target - view.ballooned)
    clipped = sum(bool(decision.clips) for decision in of_log)
    assert found["policies"]["kvm"]["clipped"] == clipped


def test_a_row_a_policy_and_each_decision_if_asked(log, capsys):
    _, out, _ = said_by(capsys, log, "--policy", "all")
    rows = {line.split()[0] for line in out.splitlines() if line.strip()}
    assert set(table.POLICIES) <= rows and "Decision by decision" not in out
    _, out, _ = said_by(capsys, log, "--policy", "kvm", "--policy", "proxmox", "--all")
    assert "Decision by decision" in out


def test_what_cannot_decide_is_counted_and_the_others_are_told(log, capsys, tmp_path):
    (tmp_path / "fails.py").write_text(
        "class Fails:\n    def decide(self, snapshot):\n        return 1 / 0\n"
    )
    fails = f"{tmp_path}/fails.py:Fails"
    status, out, _ = said_by(capsys, log, "--policy", fails, "--policy", "kvm", "--json")
    found = json.loads(out)["policies"]
    assert status == 0 and found["kvm"]["differ"] == found["kvm"]["failed"] == 0
    assert found[fails]["failed"] and any("ZeroDivisionError" in why for why in found[fails]["why"])
    status, _, err = said_by(capsys, log, "--policy", "kvm", "--policy", "kvn")
    assert status == 2 and "did you mean 'kvm'" in err and err.count("\n") == 1


@pytest.mark.parametrize("policies", [[], ["kvm"], ["all"], ["kvm", "esx6"]])
@pytest.mark.parametrize("text", ["", "\n\n", "hello\n", '{"schema":2}\n{"schema":2}\n'])
def test_a_log_of_which_nothing_can_be_read_is_an_error(tmp_path, capsys, policies, text):
    path = tmp_path / "audit.jsonl"
    path.write_text(text)
    asked = [part for each in policies for part in ("--policy", each)]
    status, out, err = said_by(capsys, str(path), *asked)
    assert status == 2 and out == "" and err.count("\n") == 1
    assert f"{path}: " in err and "audit in its config" in err


def test_several_policies_print_what_their_schema_says(log, capsys):
    jsonschema = pytest.importorskip("jsonschema")
    _, out, _ = said_by(capsys, log, "--policy", "kvm", "--policy", "pi", "--json")
    jsonschema.Draft202012Validator(schemas.schema("replay")).validate(json.loads(out))
