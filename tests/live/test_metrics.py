"""Alarms are set on these names, and whoever is woken believes the number: names are those that are
promised, what is not known has no sample, and the endpoint is open to this host only unless it was
told otherwise.
"""

import json
import re
import socket
import urllib.request
from dataclasses import replace
from pathlib import Path

import made_seen
import pytest
from made_seen import MIB

from pageengine.errors import LiveError
from pageengine.live import metrics as module
from pageengine.live.metrics import METRICS, Metrics, address_of
from pageengine.live.readings import HostReading
from pageengine.live.watch import Seen
from pageengine.policy.base import Snapshot, VMView

prometheus = pytest.importorskip("prometheus_client")
parser = pytest.importorskip("prometheus_client.parser")

BOARD = Path(__file__).parents[2] / "docs" / "grafana-pageengine.json"
NAMES = ("web", "db")
PROMISED = """
vm_size_bytes vm_target_bytes vm_actual_bytes vm_available_bytes vm_used_bytes vm_balloon_bytes
vm_stats_age_seconds vm_stall_ratio vm_state host_free_bytes host_available_bytes
host_compressed_bytes host_cache_bytes host_pressure_ratio
actions_total action_seconds plan_seconds excluded dry_run
"""


def view(name, size, target):
    numbers = dict.fromkeys(
        "consumed granted shared swapped compressed ballooned mapped reservation".split(), 0
    )
    return VMView(
        name, size, **numbers, shares=1000, limit=size, blocked=False, balloon_target=target
    )


def samples(made):
    """(name, labels) -> value of all that a scrape gets."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in parser.text_string_to_metric_families(made.text())
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


@pytest.fixture
def made():
    return Metrics()


def test_the_names_are_those_that_were_promised(made):
    assert set(METRICS) == {f"pageengine_{name}" for name in PROMISED.split()}


def test_every_number_is_there_under_its_name(made):
    snapshot = Snapshot(1, 0, 0, (view("db", 1024 * MIB, 24 * MIB),))
    made.update(made_seen.seen(NAMES), snapshot, dry_run=True)
    found = samples(made)
    db = (("vm", "db"),)
    expected = {
        "size": 1024,
        "actual": 1023,
        "balloon": 1,
        "available": 130,
        "used": 870,
        "target": 1000,
    }
    for name, mib in expected.items():
        assert found[f"pageengine_vm_{name}_bytes", db] == mib * MIB
    assert found["pageengine_vm_stats_age_seconds", db] == 2.0
    assert found["pageengine_vm_stall_ratio", db] == 0.005
    state = (("reason", ""), ("state", "known"), ("vm", "db"))
    assert found["pageengine_vm_state", state] == 1
    assert found["pageengine_host_free_bytes", ()] == 512 * MIB
    assert found["pageengine_host_available_bytes", ()] == 3000 * MIB
    assert found["pageengine_host_compressed_bytes", ()] == 96 * MIB
    assert found["pageengine_host_cache_bytes", ()] == 32 * MIB
    assert found["pageengine_host_pressure_ratio", (("kind", "some"),)] == 0.02
    assert found["pageengine_host_pressure_ratio", (("kind", "full"),)] == 0.001
    assert found["pageengine_dry_run", ()] == 1
    assert ("pageengine_vm_target_bytes", (("vm", "web"),)) not in found


def test_used_is_told_without_available_too(made):
    told = replace(made_seen.guest().guest, available=None)
    made.update(made_seen.seen(NAMES, guest=told))
    found = samples(made)
    assert found["pageengine_vm_used_bytes", (("vm", "web"),)] == (1000 - 90 - 50) * MIB
    assert ("pageengine_vm_available_bytes", (("vm", "web"),)) not in found


def test_what_is_not_known_has_no_sample(made):
    made.update(Seen(HostReading(time=1.0), {}, {"web": "connecting"}, {"web": "no answer"}))
    assert {name for name, _ in samples(made)} == {
        "pageengine_vm_state",
        "pageengine_excluded",
        "pageengine_plan_seconds_bucket",
        "pageengine_plan_seconds_count",
        "pageengine_plan_seconds_sum",
    }


def test_a_guest_that_is_gone_is_gone_here_and_one_that_is_mute_says_why(made):
    made.update(made_seen.seen(NAMES))
    made.update(made_seen.seen(("web",), unknown={"web": "no answer within 1 s"}))
    found = samples(made)
    assert not [key for key in found if ("vm", "db") in key[1]]
    state = (("reason", "no answer within 1 s"), ("state", "mute"), ("vm", "web"))
    assert found["pageengine_vm_state", state] == 1
    assert found["pageengine_excluded", (("reason", "mute"),)] == 1


def test_guests_that_are_left_out_are_counted_by_reason(made):
    made.update(made_seen.seen(NAMES), excluded={"web": "stuck", "db": "stuck"}, dry_run=False)
    assert samples(made)["pageengine_excluded", (("reason", "stuck"),)] == 2
    assert samples(made)["pageengine_dry_run", ()] == 0


def test_actions_and_plans_are_counted_on(made):
    for result in ("done", "done", "refused"):
        made.acted("balloon", result, 0.01)
    made.planned(0.002)
    found = samples(made)
    assert found["pageengine_actions_total", (("kind", "balloon"), ("result", "done"))] == 2
    assert found["pageengine_action_seconds_count", (("kind", "balloon"),)] == 3
    assert found["pageengine_plan_seconds_sum", ()] == 0.002


def test_a_name_is_no_instruction_to_whoever_scrapes(made):
    made.update(made_seen.seen(("a\n# x", "\x1b[31m")))
    assert "\x1b" not in made.text()
    assert ("pageengine_vm_size_bytes", (("vm", "a\\n# x"),)) in samples(made)


def test_it_is_served_on_this_host_and_nowhere_afterwards(made):
    made.update(made_seen.seen(NAMES))
    with made.served("0") as (host, port):
        assert host == "127.0.0.1"
        with urllib.request.urlopen(f"http://{host}:{port}/metrics", timeout=5) as answer:
            assert b'pageengine_vm_size_bytes{vm="web"}' in answer.read()
        with pytest.raises(LiveError, match=f"cannot be served at {port}: .*name another address"):
            with Metrics().served(str(port)):
                pass
    with pytest.raises(OSError):
        socket.create_connection((host, port), timeout=1).close()


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("9177", ("127.0.0.1", 9177)),
        (":9177", ("127.0.0.1", 9177)),
        ("localhost:9177", ("127.0.0.1", 9177)),
        ("0.0.0.0:9177", ("0.0.0.0", 9177)),
        ("[::1]:9177", ("::1", 9177)),
    ],
)
def test_an_address_is_loopback_unless_it_says_more(text, where):
    assert address_of(text) == where


@pytest.mark.parametrize("text", ["", "x", "web:9177", "1.2.3.4", "1.2.3.4:", "70000", "-1", "²:²"])
def test_an_address_that_is_none_is_refused_with_what_would_be_right(text):
    with pytest.raises(ValueError, match="must be PORT or ADDRESS:PORT"):
        address_of(text)


def test_without_the_package_it_says_what_to_install(monkeypatch):
    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(module.importlib, "import_module", missing)
    with pytest.raises(LiveError, match=r'pip install "pageengine\[live\]"'):
        Metrics()


def test_the_dashboard_asks_for_nothing_that_is_not_there():
    board = json.loads(BOARD.read_text())
    asked = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    ends = ("", "_bucket", "_sum", "_count")
    there = {f"{name}{end}" for name in METRICS for end in ends}
    names = [name for each in asked for name in re.findall(r"pageengine_\w+", each)]
    assert names and set(names) <= there
    shown = {re.sub("_(bucket|sum|count)$", "", name) for name in names}
    assert set(METRICS) <= shown, "a number that no panel shows"


def test_the_dashboards_panels_do_not_lie_on_each_other_and_their_labels_exist():
    board = json.loads(BOARD.read_text())
    taken = set()
    for panel in board["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken and max(x for x, _ in cells) < 24, panel["title"]
        taken |= cells
        for target in panel["targets"]:
            labels = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
            name = re.search(r"pageengine_\w+", target["expr"])[0]
            name = re.sub("_(bucket|sum|count)$", "", name)
            assert labels <= {*METRICS[name][0], "le"}
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
