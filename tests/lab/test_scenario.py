"""A scenario that is misread gives wrong answers that look right. Every mistake here is one that
people make; the message must name the file, the line, the key and what would be right."""

import copy
import re
from pathlib import Path

import pytest

from pageengine.lab import build, fields, sections
from pageengine.lab.promises import DoesNotFit
from pageengine.lab.scenario import Scenario, ScenarioError

DOCS = Path(__file__).parents[2] / "docs" / "scenarios.md"
GOOD = """\
name = "two tiers"
[host]
memory = "1 GiB"
seed = 7
policy = "esx6"

[policy]
idle_tax = 0.75

[run]
duration = "30 min"
epoch = "1 s"

[[vm]]
name = "web"
count = 3
size = "512 MiB"
shares = "normal"
reservation = "64 MiB"
workload = { kind = "zipf", rate = 2000 }

[[vm]]
name = "db"
size = "256 MiB"
limit = "128 MiB"
start = "10 s"
workload = { kind = "idle" }

[[event]]
at = "10 min"
set = "vm.web.shares"
to = 4000

[[event]]
at = "5 min"
stop = "web-2"
"""


@pytest.fixture
def write(tmp_path):
    def write(text, old="", new=""):
        assert old in text
        path = tmp_path / "lab.toml"
        path.write_text(text.replace(old, new, 1))
        return path

    return write


def test_a_scenario_is_read_with_units_and_defaults(write):
    scenario = Scenario.load(write(GOOD))
    assert scenario.name == "two tiers" and scenario.seconds == 1800
    assert scenario.host["memory"] == 2**30 and scenario.host["contents"] == "tokens"
    assert [name for name, _ in scenario.vms] == ["web-1", "web-2", "web-3", "db"]
    assert dict(scenario.vms)["web-1"]["reservation"] == 64 * 2**20
    assert scenario.policy == {"idle_tax": 0.75}


def test_events_of_an_entry_are_events_of_its_vms_in_the_order_of_time(write):
    events = Scenario.load(write(GOOD)).events
    assert [event.what for event in events] == [
        "web-2 stops",
        "shares of web-1 becomes 4000",
        "shares of web-2 becomes 4000",
        "shares of web-3 becomes 4000",
    ]
    assert [event.at for event in events] == [300, 600, 600, 600]


MISTAKES = {  # name: (what is there, what is written instead, what the message says)
    "not TOML": ("[host]", "[host", r"lab.toml: this is not TOML: .*line 2"),
    "section": ("[run]", "[runn]", r"lab.toml:10: there is no section or key 'runn': did"),
    "key": ("memory =", "memroy =", r"lab.toml:3: \[host\]: there is no key 'memroy': did you"),
    "size": ('"1 GiB"', '"1 Gigs"', r"lab.toml:3: \[host\]: memory '1 Gigs' is not a size: write"),
    "half a page": ('"1 GiB"', "5000", r"lab.toml:3: .*memory 5000 is not whole pages"),
    "nothing": ('"1 GiB"', "0", r"memory 0 must be more than nothing"),
    "negative": ('"1 GiB"', "-4096", r"lab.toml:3: .*memory -4096 must not be negative"),
    "no size": ('"1 GiB"', "true", r"memory True is not a size: write it as '512 MiB'"),
    "missing": ('size = "512 MiB"\n', "", r"lab.toml:14: vm 'web': size is missing: memory that"),
    "time": ('"30 min"', '"half an hour"', r"lab.toml:11: .*duration 'half an hour' is not a time"),
    "shares": ('"normal"', '"hihg"', r"lab.toml:18: vm 'web': shares 'hihg' are no .*mean 'high'"),
    "seed": ("seed = 7", "seed = -7", r"lab.toml:4: .*seed -7 is not a whole number"),
    "name": ('"web"', '"web.1"', r"vm 'web.1': name 'web.1' is no name"),
    "twice": ('"db"', '"web"', r"lab.toml:23: vm 'web': another VM is named 'web' too"),
    "of a count": ('"db"', '"web-2"', r"another VM is named 'web-2' too"),
    "limit": ('"128 MiB"', '"512 MiB"', r"lab.toml:25: vm 'db': limit 512 MiB is over its"),
    "reservation": ('"64 MiB"', '"600 MiB"', r"lab.toml:19: vm 'web': reservation 600 MiB is over"),
    "promises": ('"64 MiB"', '"400 MiB"', r"lab.toml:19: .*do not fit: with it 1.17 GiB are"),
    "workload": ('{ kind = "idle" }', '"idle"', r"lab.toml:27: .*workload 'idle' is not a table"),
    "event's VM": ('"web-2"', '"web-4"', r"lab.toml:36: event 2: there is no VM 'web-4'"),
    "event's key": ("vm.web.shares", "vm.web.sharse", r"lab.toml:31: .*mean 'shares'"),
    "event's path": ("vm.web.shares", "host.memory", r"'host.memory' cannot be changed: write 'vm"),
    "event's value": ("to = 4000", "to = true", r"lab.toml:32: event 1: shares True are no shares"),
    "event without to": ("to = 4000", "", r"'set' and 'to' belong together"),
    "event of nothing": ('stop = "web-2"', "", r"exactly one of start, stop, reboot and set; here"),
    "event too late": ('at = "5 min"', 'at = "2 h"', r"lab.toml:35: .*at '2 h' is after the end"),
    "epoch": ('"1 s"', '"1 h"', r"lab.toml:12: \[run\]: epoch 3600 s is longer than the run"),
    "stop": ('start = "10 s"', 'start = "10 s"\nstop = 9', r"lab.toml:27: .*stop at 9 s is not"),
    "balloon": ('start = "10 s"', "balloon_max = 0\nballoon_min = 0", r"say the same thing"),
    "no line": ("[host]", 'description = "a\u2028b"\n[host]\nbad = 1', r"lab.toml:4: .*key 'bad'"),
    "list": ('[[event]]\nat = "10 min"', '[event]\nat = "10 min"', r"this is not TOML"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named_with_its_place(write, mistake):
    old, new, says = MISTAKES[mistake]
    path = write(GOOD, old, new)
    with pytest.raises(ScenarioError, match=says) as caught:
        Scenario.load(path)
    assert "\n" not in str(caught.value).strip()


GUESTS = {  # what is written, what the message says
    "{ replacement = 'lro' }": r"one of clock, lru, fifo, got 'lro'; did you mean 'lru'",
    "{ replacment = 'lru' }": r"guest has no key 'replacment'; there are swap, .*, replacement",
    "'big'": r"guest 'big' must be true, false or a table of swap, kernel, boot and replacement",
}


@pytest.mark.parametrize("guest", GUESTS)
def test_a_mistake_in_a_guest_is_named(write, guest):
    path = write(GOOD, 'start = "10 s"', f'start = "10 s"\nguest = {guest}')
    with pytest.raises(ScenarioError, match=GUESTS[guest]) as caught:
        build.check(Scenario.load(path))
    assert "vm 'db'" in str(caught.value)


def test_a_guest_has_the_replacement_that_was_chosen(write):
    path = write(GOOD, 'start = "10 s"', "guest = { replacement = 'lru' }")
    simulation = build.simulation(Scenario.load(path))
    simulation.run(1.0)
    assert simulation.running["db"].vm.guest.replacement == "lru"
    assert simulation.running["web-1"].vm.guest is None


def test_faults_of_guests_and_of_drivers_reach_those_who_have_them(write):
    faults = "guest = { hidden_floor = '200 MiB', freeze = 3 }"
    path = write(GOOD, 'start = "10 s"', faults)
    path.write_text(path.read_text().replace("count = 3", "count = 2\ndriver = { dead = true }"))
    scenario = Scenario.load(path).changed("vm.web.driver.dead", False)
    simulation = build.simulation(scenario.changed("vm.web.driver.sticky", 2))
    simulation.step()
    drivers = {name: each.spec.balloon_driver for name, each in simulation.running.items()}
    assert (drivers["db"].hidden_floor, drivers["db"].freeze) == (200 * 2**20, 3.0)
    assert (drivers["web-1"].dead, drivers["web-1"].sticky) == (False, 2.0)


@pytest.mark.parametrize("data", [{}, {"host": {"memory": 4096}}, {"vm": []}])
def test_a_scenario_needs_a_host_and_vms(data):
    with pytest.raises(ScenarioError, match="a scenario needs"):
        Scenario(data)


@pytest.mark.parametrize("section", ["host", "vm", "event"])
def test_a_section_of_the_wrong_kind_says_how_to_write_it(section):
    data = {"host": {"memory": 2**30}, "vm": [{"name": "a", "size": 4096, "workload": {}}]}
    with pytest.raises(ScenarioError, match=r"write \[+" + section):
        Scenario({**data, section: 3})


@pytest.mark.parametrize(
    "text, seconds",
    [
        ("90 s", 90),
        ("30 min", 1800),
        ("1 h 30 min", 5400),
        ("1h30m", 5400),
        (2.5, 2.5),
        ("250 ms", 0.25),
        ("2 days", 172800),
        ("7", 7),
    ],
)
def test_times_as_people_write_them(text, seconds):
    assert fields.duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("value", ["", "soon", "3 parsecs", "-1 s", -1, True, [], float("inf")])
def test_what_is_no_time(value):
    with pytest.raises(ValueError, match="is not a time"):
        fields.duration(value)


@pytest.mark.parametrize("value, expected", [("75 %", 0.75), ("75%", 0.75), (0.2, 0.2), (1, 1.0)])
def test_parts(value, expected):
    assert fields.part(value) == expected


@pytest.mark.parametrize("value", ["175 %", 1.1, True, "a lot"])
def test_what_is_no_part(value):
    with pytest.raises(ValueError, match="is not a part"):
        fields.part(value)


def test_one_value_is_changed_and_checked_again(write):
    scenario = Scenario.load(write(GOOD))
    assert scenario.changed("host.memory", 2**29).host["memory"] == 2**29
    assert dict(scenario.changed("vm.db.shares", "high").vms)["db"]["shares"] == "high"
    assert scenario.host["memory"] == 2**30
    with pytest.raises(ScenarioError, match="do not fit"):
        scenario.changed("host.memory", 2**26)
    with pytest.raises(ScenarioError, match=r"no \[\[vm\]\] is named 'dbb'. did you mean 'db'"):
        scenario.changed("vm.dbb.size", 2**20)
    with pytest.raises(ScenarioError, match="is no key to change"):
        scenario.changed("epoch", 2)


def test_a_count_keeps_the_mix():
    vms = [
        {"name": "a", "count": 4, "size": 4096, "workload": {}},
        {"name": "b", "size": 4096, "workload": {}},
        {"name": "c", "count": 3, "size": 4096, "workload": {}},
    ]
    scenario = Scenario({"host": {"memory": 2**20}, "vm": vms})

    def mix(count):
        groups = scenario.changed("vm.count", count).groups
        return [len(groups.get(name, ())) for name in "abc"]

    assert [mix(n) for n in (4, 8, 80)] == [[2, 1, 1], [4, 1, 3], [40, 10, 30]]
    counts = [mix(n) for n in range(1, 50)]
    for n, (fewer, more) in enumerate(zip(counts, counts[1:], strict=False), 1):
        assert sum(fewer) == n and all(x <= y for x, y in zip(fewer, more, strict=True))
        assert all(abs(x - n * part / 8) < 1 for x, part in zip(fewer, (4, 1, 3), strict=True))
    with pytest.raises(ScenarioError, match="a whole number from 1 to 100000, got 0"):
        scenario.changed("vm.count", 0)


@pytest.mark.parametrize(
    "key, value, of",
    [
        ("vm.web.workload.rate", 9, lambda s: s.entries[0]["workload"]["rate"]),
        ("vm.workload.rate", 9, lambda s: s.entries[1]["workload"]["rate"]),
        ("vm.web.workload.kind", "idle", lambda s: s.entries[0]["workload"]["kind"]),
        ("host.costs.swap_in", 0.5, lambda s: s.host["costs"]["swap_in"]),
        ("vm.db.workload", {"kind": "heap"}, lambda s: s.entries[1]["workload"]["kind"]),
    ],
)
def test_changes_reach_into_tables(write, key, value, of):
    scenario = Scenario.load(write(GOOD))
    before = copy.deepcopy(scenario.data)
    assert of(scenario.changed(key, value)) == (value if key != "vm.db.workload" else "heap")
    assert scenario.data == before
    build.check(scenario.changed(key, value))


def test_a_preset_of_costs_keeps_its_name_when_one_cost_is_changed(write):
    scenario = Scenario.load(write(GOOD)).changed("host.costs", "hdd")
    assert scenario.changed("host.costs.swap_in", 0.5).host["costs"] == {
        "storage": "hdd",
        "swap_in": 0.5,
    }


@pytest.mark.parametrize(
    "key, says",
    [
        ("vm.web.size.half", "size is '512 MiB' here of 'web', not a table"),
        ("vm.db.guest.swap", "there is no guest here of 'db'"),
        ("vm.wbe.workload.rate", r"no \[\[vm\]\] is named 'wbe'. did you mean 'web'"),
        ("vm..size", "no key to change"),
        ("host.", "no key to change"),
    ],
)
def test_a_path_that_leads_nowhere_is_named(write, key, says):
    with pytest.raises(ScenarioError, match=says):
        Scenario.load(write(GOOD)).changed(key, 1)


def test_an_unknown_option_of_a_workload_is_found_before_anything_runs(write):
    changed = Scenario.load(write(GOOD)).changed("vm.web.workload.rtae", 1)
    with pytest.raises(ScenarioError, match="vm 'web': unknown option of zipf 'rtae'"):
        build.check(changed)


EVENTS = {  # what an event does, what the message says
    'set = "policy.idle_tacks"\nto = 1': "no option 'idle_tacks', which an event sets",
    'set = "vm.web.workload"\nto = { kind = "zpif" }': "toml:32: event 1: unknown workload 'zpif'",
    'set = "vm.db.limit"\nto = "512 MiB"': "limit 512 MiB of 'db' from 600 s on is over its size",
}


@pytest.mark.parametrize("does", EVENTS)
def test_what_an_event_cannot_do_is_found_before_anything_runs(write, does):
    path = write(GOOD, 'set = "vm.web.shares"\nto = 4000', does)
    with pytest.raises(ScenarioError, match=EVENTS[does]):
        build.check(Scenario.load(path))


@pytest.mark.parametrize(
    "text, value",
    [
        ("3", 3),
        ("0.5", 0.5),
        ("true", True),
        ("2 GiB", "2 GiB"),
        ("'2 GiB'", "2 GiB"),
        ("", ""),
        ("[[0, '1 MiB'], [5, 4096]]", [[0, "1 MiB"], [5, 4096]]),
        ("{ kind = 'zipf' }", {"kind": "zipf"}),
        (".5", 0.5),
        ("a\nb = 1", "a\nb = 1"),
        ("10:30:00", "10:30:00"),
    ],
)
def test_values_as_a_command_line_has_them(text, value):
    assert fields.value(text) == value


def test_lists_are_split_outside_brackets_and_quotes():
    assert fields.split("1, 2 GiB,'a,b'") == ["1", "2 GiB", "'a,b'"]
    assert fields.split("{ kind = 'zipf', rate = 3 },[1,2]") == [
        "{ kind = 'zipf', rate = 3 }",
        "[1,2]",
    ]


def test_reservations_count_only_while_the_vms_run():
    def vm(name, **keys):
        return {"name": name, "size": "64 MiB", "reservation": "64 MiB", "workload": {}, **keys}

    host = {"memory": "100 MiB"}
    Scenario({"host": host, "vm": [vm("a", stop=10), vm("b", start=10)]})
    with pytest.raises(DoesNotFit, match="vm 'b': reservations do not fit"):
        Scenario({"host": host, "vm": [vm("a"), vm("b", start=10)]})
    freed = [{"at": 5, "set": "vm.a.reservation", "to": "10 MiB"}]
    Scenario({"host": host, "vm": [vm("a"), vm("b", start=10)], "event": freed})
    more = [{"at": 15, "set": "vm.a.reservation", "to": "64 MiB"}]
    with pytest.raises(DoesNotFit, match="with it 128 MiB are promised"):
        Scenario({"host": host, "vm": [vm("a"), vm("b", start=10)], "event": freed + more})


def test_the_documentation_has_every_key():
    text, guard = DOCS.read_text(), DOCS.with_name("guard.md").read_text()
    for section, keys in sections.SECTIONS.items():
        page = guard if section == "guard" else text
        for key, field in keys.items():
            assert re.search(rf"^\| .*`{key}`", page, re.M), f"{section}.{key}: {field.says}"
