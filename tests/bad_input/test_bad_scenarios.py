"""A scenario file with a mistake is refused before anything is made of it, with its file, the key,
the value and what would be right; never by running out of memory, digits or stack.
"""

import json
import time

import pytest

from pageengine.lab import build
from pageengine.lab.contents import find as find_contents
from pageengine.lab.scenario import Scenario, ScenarioError

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
[[event]]
at = "10 min"
set = "vm.web.shares"
to = 4000
"""
MANY = "9" * 5000
DEEP = "[" * 3000 + "]" * 3000
ROWS = [  # what is replaced, by what, what the message says
    ('memory = "1 GiB"', "memory = 1152921504606846976", "memory.*16.0 TiB"),
    ('memory = "1 GiB"', 'memory = "1048576 TiB"', "memory.*16.0 TiB"),
    ('memory = "1 GiB"', "memory = 0", "memory 0 must be more than nothing"),
    ('memory = "1 GiB"', "memory = -4096", "memory -4096 must not be negative"),
    ('memory = "1 GiB"', "memory = 4097", "memory 4097 is not whole pages"),
    ('memory = "1 GiB"', "memory = true", "memory True is not a size"),
    ('memory = "1 GiB"', "memory = nan", "memory nan is not a size"),
    ('memory = "1 GiB"', "memory = []", r"memory \[\] is not a size"),
    ('memory = "1 GiB"', "memory = 1e9", "memory 1000000000.0 is not a size"),
    ('memory = "1 GiB"', "memory = 1979-05-27", "memory datetime.date.* is not a size"),
    ('memory = "1 GiB"', f"memory = {MANY}", "not TOML"),
    ('memory = "1 GiB"', f'memory = "{MANY}"', "memory .*5000 characters.* is not a size"),
    ('memory = "1 GiB"', "memory = " + DEEP, "not TOML|nested"),
    ("seed = 7", "seed = -1", "seed -1 is not a whole number from 0"),
    ("seed = 7", "seed = 1.5", "seed 1.5 is not a whole number"),
    ("seed = 7", 'seed = "7"', "seed '7' is not a whole number"),
    ("seed = 7", "seed = true", "seed True is not a whole number"),
    ("seed = 7", f"seed = 0x{'f' * 60}", "seed a number of 240 bits|seed [0-9]+ is not a whole"),
    ("seed = 7", f"seed = 0x{'f' * 9999}", "seed a number of 39996 bits is not a whole number"),
    ("seed = 7", 'contents = "words"', "contents 'words' is not known.*tokens"),
    ("seed = 7", "contents = 7", "contents 7 is not known"),
    ("seed = 7", 'sharing = "no"', "sharing 'no' must be true or false"),
    ("seed = 7", "sharing = 1", "sharing 1 must be true or false"),
    ("seed = 7", 'reserve_swap = "yes"', "reserve_swap 'yes' must be true or false"),
    ("seed = 7", 'swap = "lots"', "swap 'lots' is not a size"),
    ("seed = 7", 'cache_limit = "-1 B"', "cache_limit '-1 B' is not a size"),
    ("seed = 7", 'compression = "zip99"', "zip99"),
    ("seed = 7", "compression = 7", "compression 7 is not a text"),
    ("seed = 7", 'estimator = "guess"', "estimator.*guess"),
    ("seed = 7", "estimator = 7", "estimator must be one of sampling, accessed-bits, idle-age"),
    ("seed = 7", "estimator = { period = 3 }", "estimator must be one of .*a table of its kind"),
    ("seed = 7", 'estimator = { kind = "guess" }', "unknown estimator 'guess'; there are samp"),
    ("seed = 7", 'estimator = { kind = "idle-age", age = 3 }', "option of idle-age 'age'"),
    ("seed = 7", 'estimator = { kind = "sampling", period = -1 }', "the period must be a number"),
    ("seed = 7", 'estimator = { kind = "sampling", n = "x" }', "n must be a whole number, got 'x'"),
    ("seed = 7", 'costs = "tape"', "cost preset 'tape'; there are hdd"),
    ("seed = 7", "costs = 7", "costs must be the name of a preset"),
    ("seed = 7", "costs = { swap_in = -1 }", "swap_in must be at least 0"),
    ("seed = 7", "costs = { swap_in = nan }", "swap_in must be at least 0"),
    ("seed = 7", 'costs = { swap_in = "1" }', "swap_in must be a number of seconds, got '1'"),
    ("seed = 7", "costs = { read_rate = 0 }", "read_rate must be a number from 0.001"),
    ("seed = 7", "costs = { swap_bandwidth = inf }", "swap_bandwidth must be a number from 4096"),
    ("seed = 7", "costs = { storage = { storage = 3 } }", "costs must be the name of a preset"),
    ('policy = "esx6"', 'policy = "esx7"', "no policy 'esx7'"),
    ('policy = "esx6"', "policy = 6", "policy 6 is not a text"),
    ('policy = "esx6"', f'policy = "{"p" * 10**6}"', "characters"),
    ("idle_tax = 0.75", "idle_tax = 1", "idle_tax must be at least 0 and below 1, got 1"),
    ("idle_tax = 0.75", 'idle_tax = "high"', "idle_tax must be a number, got 'high'"),
    ("idle_tax = 0.75", "idle_tax = true", "idle_tax must be a number, got True"),
    ("idle_tax = 0.75", "idle_tax = nan", "idle_tax must be at least 0"),
    ("idle_tax = 0.75", 'balloon_stops = "no"', "balloon_stops must be True or False, got 'no'"),
    ("idle_tax = 0.75", "idle_tacks = 0.5", "idle_tacks.*did you mean 'idle_tax'"),
    ("[policy]", "[[policy]]", "one table"),
    ('duration = "30 min"', "duration = 0", "duration 0 must be longer"),
    ('duration = "30 min"', "duration = -1", "duration -1 is not a time"),
    ('duration = "30 min"', "duration = inf", "duration inf is not a time"),
    ('duration = "30 min"', "duration = nan", "duration nan is not a time"),
    ('duration = "30 min"', "duration = 1e18", r"duration 1e\+18 is not a time.*1000000000"),
    ('duration = "30 min"', 'duration = "99999999 d"', "is not a time"),
    ('duration = "30 min"', f'duration = "{MANY} s"', "is not a time"),
    ('duration = "30 min"', "duration = 900000000", "900000000 epochs, and there can be 10000000"),
    ('duration = "30 min"', 'duration = "5 moons"', "duration '5 moons' is not a time"),
    ('epoch = "1 s"', "epoch = 1e-300", "epoch must be a number from 0.001"),
    ('epoch = "1 s"', 'epoch = "0.1 ms"', "epoch must be a number from 0.001"),
    ('epoch = "1 s"', "epoch = 0", "epoch 0 must be longer"),
    ('epoch = "1 s"', 'epoch = "1 h"', "epoch 3600 s is longer than the run"),
    ('epoch = "1 s"', "check_every = -1", "check_every -1 is not a whole number"),
    ('epoch = "1 s"', "check_every = 0.5", "check_every 0.5 is not a whole number"),
    ('name = "web"', "name = 7", "name 7 is no name"),
    ('name = "web"', 'name = ""', "name '' is no name"),
    ('name = "web"', 'name = "a b"', "name 'a b' is no name"),
    ('name = "web"', 'name = "../web"', "name '../web' is no name"),
    ('name = "web"', 'name = "w\\u001b[31m"', "is no name"),
    ('name = "web"', f'name = "{"n" * 256}"', "name .*256 characters.* must have 255"),
    ('name = "web"', f'name = "{"n" * 10**6}"', "name .*1000000 characters.* must have 255"),
    ("count = 3", "count = 1000000000", "count 1000000000 must be at least 1, and 100000 at most"),
    ("count = 3", "count = 100001", "count 100001 must be at least 1, and 100000 at most"),
    ("count = 3", "count = 0", "count 0 must be at least 1"),
    ("count = 3", "count = -3", "count -3 is not a whole number"),
    ("count = 3", "count = 3.0", "count 3.0 is not a whole number"),
    ("count = 3", "count = true", "count True is not a whole number"),
    ("count = 3", "count = 6000", "reservations do not fit"),
    ('size = "512 MiB"', 'size = "32 TiB"', "size '32 TiB' must be 16.0 TiB"),
    ('size = "512 MiB"', "size = 0.5", "size 0.5 is not a size"),
    ('size = "512 MiB"', 'size = ""', "size '' is not a size"),
    ('shares = "normal"', "shares = 1000000001", "shares 1000000001 are no shares.*1000000000"),
    ('shares = "normal"', f"shares = 0x{'f' * 30}", "are no shares"),
    ('shares = "normal"', 'shares = "norml"', "are no shares.*did you mean 'normal'"),
    ('shares = "normal"', "shares = [1]", r"shares \[1\] are no shares"),
    ('reservation = "64 MiB"', 'reservation = "600 MiB"', "reservation 600 MiB is over its size"),
    ('reservation = "64 MiB"', 'reservation = "50 %"', "reservation '50 %' is not a size"),
    ('reservation = "64 MiB"', 'balloon_max = "101 %"', "balloon_max '101 %' is not a part"),
    ('reservation = "64 MiB"', 'driver = "no"', "driver 'no' must be true or false"),
    ('reservation = "64 MiB"', "driver = { dead = 1 }", "dead must be True or False, got 1"),
    ('reservation = "64 MiB"', "driver = { ded = true }", "driver has no key 'ded'; .* dead, "),
    ('reservation = "64 MiB"', "driver = { silent = true }", "without a guest has none"),
    ('reservation = "64 MiB"', "guest = { sticky = 0.2 }", "sticky must be a number from 1 "),
    ('reservation = "64 MiB"', 'guest = { sticky = "3 s" }', "sticky must be a number"),
    ('reservation = "64 MiB"', "guest = { freeze_for = 9 }", "freeze must say from when on"),
    ('reservation = "64 MiB"', "guest = { hidden_floor = '9 TiB' }", "floor .* is above the size"),
    ('reservation = "64 MiB"', 'guest = { hidden_ceiling = "x" }', "ceiling 'x' is not a size"),
    (
        'reservation = "64 MiB"',
        "driver = false\nguest = { dead = true }",
        "guest says what is wrong .*, and driver says that there is none",
    ),
    ('reservation = "64 MiB"', "salt = 7", "salt 7 is not a text"),
    ('reservation = "64 MiB"', "start = -1", "start -1 is not a time"),
    ('reservation = "64 MiB"', "stop = 0", "stop 0 must be longer"),
    ('reservation = "64 MiB"', "start = 9\nstop = 5", "stop at 5 s is not after its start at 9 s"),
    ('reservation = "64 MiB"', 'guest = "linux"', "guest 'linux' must be true, false or a table"),
    ('reservation = "64 MiB"', "guest = { boot = -1 }", "boot must be a number from 0"),
    ('reservation = "64 MiB"', 'guest = { kernel = "x" }', "kernel of the guest 'x' is not a size"),
    ('reservation = "64 MiB"', 'guest = { swap = "16 TiB" }', "swap of the guest must be 8.00 TiB"),
    ('reservation = "64 MiB"', "contents = { zero = 2 }", "zero must be .* from 0 to 1, got 2"),
    ('reservation = "64 MiB"', "contents = { zeroo = 1 }", r"unknown keys \['zeroo'\]"),
    ('reservation = "64 MiB"', "contents = 7", "contents must be a name, a path or a table, got 7"),
    ('reservation = "64 MiB"', 'contents = "linx"', "contents 'linx'.*did you mean 'linux'"),
    ("rate = 2000", 'rate = "fast"', "rate must be a number, got 'fast'"),
    ("rate = 2000", "rate = -1", "rate must be a number from 0"),
    ("rate = 2000", "rate = nan", "rate must be a number from 0"),
    ("rate = 2000", "rate = 1e300", "rate must be a number from 0 to 1e.09"),
    ("rate = 2000", "alpha = 1e9", "alpha must be a number from 0 to 20"),
    ("rate = 2000", 'memory = "1 TiB"', "memory of the workload must be from one page"),
    ("rate = 2000", "write = 2", "write must be a number from 0 to 1"),
    ('kind = "zipf", rate = 2000', 'kind = "zpif"', "unknown workload 'zpif'.*'zipf'"),
    ('kind = "zipf", rate = 2000', "kind = 7", "unknown workload 7"),
    ('kind = "zipf", rate = 2000', 'kind = "toucher", schedule = 7', "schedule must be a list"),
    ('kind = "zipf", rate = 2000', 'kind = "toucher", schedule = [[5]]', "seconds, amount"),
    ('kind = "zipf", rate = 2000', 'kind = "replay", trace = 7', "trace must be a path, got 7"),
    ('kind = "zipf", rate = 2000', "rate = 2000", "a workload is a table with its kind"),
    ('{ kind = "zipf", rate = 2000 }', '"zipf"', "workload 'zipf' is not a table"),
    ('{ kind = "zipf", rate = 2000 }', "{ kind = 'boot', then = " * 40 + "{}" + "}" * 40, "nested"),
    ('at = "10 min"', 'at = "10 h"', "at '10 h' is after the end of the run"),
    ('at = "10 min"', "at = true", "at True is not a time"),
    ("to = 4000", "to = 2000000000", "shares 2000000000 are no shares"),
    ("to = 4000", 'to = "lots"', "shares 'lots' are no shares"),
    ('"vm.web.shares"\nto = 4000', '"vm.web.size"\nto = 4096', "cannot be changed while it runs"),
    ('"vm.web.shares"\nto = 4000', '"vm.mail.shares"\nto = 1', "there is no VM 'mail'"),
    ('"vm.web.shares"\nto = 4000', '"policy.idle_tax"\nto = "x"', "idle_tax must be a number"),
    ('"vm.web.shares"\nto = 4000', '"policy.idle_tax"\nto = 5', "idle_tax must be at least 0"),
    ('"vm.web.shares"\nto = 4000', '"web"\nto = 5', "'web' cannot be changed"),
    ("[run]", "[runs]", "no section or key 'runs': did you mean 'run'"),
    ("[run]", f'["{"r" * 10**6}"]', "no section or key .*1000000 characters"),
    ("[[vm]]", "[vm]", "must be a list of tables"),
    ("[host]", "[host", "not TOML"),
]


def name(value):
    return value[:30].replace("\n", " ")


@pytest.mark.parametrize(("old", "new", "says"), ROWS, ids=name)
def test_a_mistake_is_named_before_anything_is_made(tmp_path, old, new, says):
    path = tmp_path / "lab.toml"
    assert old in GOOD
    path.write_text(GOOD.replace(old, new, 1), encoding="utf-8")
    began = time.monotonic()
    with pytest.raises((ScenarioError, ValueError, TypeError), match=says) as caught:
        scenario = Scenario.load(path)
        build.check(scenario)
        build.simulation(scenario)
    message = str(caught.value)
    assert isinstance(caught.value, ScenarioError), f"{type(caught.value)}: {message}"
    assert str(path) in message and "\n" not in message.strip() and len(message) < 1000, message
    assert time.monotonic() - began < 2


def test_one_name_does_not_mean_a_vm_and_an_entry(tmp_path):
    """web-1 would be the first of web's VMs, and another entry's name."""
    path = tmp_path / "lab.toml"
    entry = '[[vm]]\nname = "web-1"\ncount = 2\nsize = "1 MiB"\nworkload = { kind = "idle" }\n'
    path.write_text(GOOD + entry)
    with pytest.raises(ScenarioError, match="another VM is named 'web-1' too"):
        Scenario.load(path)
    start = GOOD.index("[[vm]]")
    path.write_text(GOOD[:start] + entry + GOOD[start:])
    with pytest.raises(ScenarioError, match="another VM is named 'web' too"):
        Scenario.load(path)


def test_vms_are_no_more_than_can_be(tmp_path):
    entry = '[[vm]]\nname = "{}"\ncount = 60000\nsize = "1 MiB"\nworkload = {{ kind = "idle" }}\n'
    path = tmp_path / "lab.toml"
    path.write_text('[host]\nmemory = "1 GiB"\n' + entry.format("a") + entry.format("b"))
    with pytest.raises(ScenarioError, match="120000 VMs, and there can be 100000"):
        Scenario.load(path)


@pytest.mark.parametrize("data", [None, 7, [], "host", {7: 8}, {"host": None}, {"vm": 7}], ids=str)
def test_a_scenario_is_tables_by_name(data):
    with pytest.raises(ScenarioError, match="scenario"):
        Scenario(data)


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("vm.count", 10**9, "vm.count must be a whole number from 1 to 100000"),
        ("vm.count", 2.0, "vm.count must be a whole number"),
        ("vm.count", True, "vm.count must be a whole number"),
        (7, 1, "a key to change must be a text"),
        ("", 1, "'' is no key to change"),
        ("vm..size", 1, "no key to change"),
        ("host", 1, "'host' is no key to change"),
        ("vm.mail.size", 4096, "no \\[\\[vm\\]\\] is named 'mail'"),
        ("x" * 10**6, 1, "255 characters"),
    ],
)
def test_a_change_that_cannot_be_is_named(tmp_path, key, value, says):
    path = tmp_path / "lab.toml"
    path.write_text(GOOD)
    scenario = Scenario.load(path)
    with pytest.raises(ScenarioError, match=says) as caught:
        scenario.changed(key, value)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "not a content profile"),
        ("{", "not a content profile"),
        ("[]", "not a content profile"),
        ("7", "not a content profile"),
        ("null", "not a content profile"),
        (DEEP, "not a content profile"),
        (MANY, "not a content profile"),
        ('{"zeroo": 1}', "unknown keys"),
        ('{"zero": "1"}', "zero must be a number, got '1'"),
        ('{"zero": NaN}', "zero must be a number from 0 to 1"),
        ('{"zero": true}', "zero must be a number, got True"),
        ('{"zero": 0.9, "same": 0.9}', "add up to more than 1"),
        ('{"copies": 1}', "copies must be a whole number from 2"),
        ('{"sizes": 7}', "sizes must be parts by bytes"),
        ('{"sizes": {"x": 1}}', "a compressed size must be a whole number, got 'x'"),
        ('{"sizes": {"1e3": 1}}', "a compressed size must be a whole number, got '1e3'"),
        ('{"sizes": {"7": 1}}', "9 to 4032 bytes"),
        ('{"sizes": {"64": -1}}', "the part of a size must be a number from 0"),
        ('{"name": 7}', "name of a profile must be a text"),
        (json.dumps({"name": "n" * 300}), "255 characters"),
    ],
    ids=lambda text: text[:24],
)
def test_a_profile_with_a_mistake_is_named(tmp_path, text, says):
    path = tmp_path / "guests.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=says) as caught:
        find_contents(str(path))
    assert str(path) in str(caught.value)


def test_as_many_vms_as_can_be_are_looked_at_in_seconds():
    entry = {"name": "web", "count": 50_000, "size": "1 MiB", "workload": {"kind": "idle"}}
    began = time.process_time()
    build.check(Scenario({"host": {"memory": "1 TiB"}, "run": {"duration": 5}, "vm": [entry]}))
    assert time.process_time() - began < 20, "some work is done for each VM and each other"
