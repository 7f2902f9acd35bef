"""At stake: what a reader of a notebook believes of a host. Tables and pictures have the numbers of
the object and no others; a name is never markup; showing a thing changes nothing of it and never
fails, whatever state it is in.
"""

import os
import re
from xml.dom import minidom

import made_up
import numpy as np
import pytest

import pageengine as pe
from pageengine.core.records import HostStats
from pageengine.inline import markup, results
from pageengine.lab import Simulation, VMSpec
from pageengine.lab.compare import of
from pageengine.policy import Migration, Plan, VMPlan

HOSTILE = "<script>alert('x')</script>\x1b[31m\u202e"
WRITTEN = r"&lt;script&gt;alert(&#x27;x&#x27;)&lt;/script&gt;\x1b[31m\u202e"


def parsed(html):
    """The markup as a tree: what is not well formed is no page."""
    assert "<script" not in html and not re.search(r"[\x00-\x08\x0b-\x1f\u202e]", html)
    return minidom.parseString(html)


def cells(html):
    """Rows of texts."""
    return [
        [
            "".join(node.data for node in cell.childNodes if node.nodeType == node.TEXT_NODE)
            for cell in row.childNodes
        ]
        for row in parsed(html).getElementsByTagName("tr")
    ]


def drawn(html, *pictures):
    """Widths of the parts of these pictures by what they say when the mouse rests on them."""
    found = {}
    for picture in pictures:
        svg = parsed(html).getElementsByTagName("svg")[picture]
        for part in svg.getElementsByTagName("rect"):
            for title in part.getElementsByTagName("title"):
                found[title.firstChild.data] = float(part.getAttribute("width"))
    return found


@pytest.fixture
def host():
    with pe.Host("8 MiB", seed=7, contents="tokens", policy="esx6") as made:
        a, b = made.add_vm("a", "8 MiB"), made.add_vm(HOSTILE, "4 MiB", reservation="1 MiB")
        a.write(np.arange(1500), np.arange(1, 1501, dtype=np.uint64) << 6 | np.uint64(63))
        b.write(np.arange(600), np.arange(1, 601, dtype=np.uint64) << 6 | np.uint64(63))
        made.scan()
        b.balloon(pages=100)
        yield made


def test_a_host_is_shown_with_its_own_numbers(host):
    html = host._repr_html_()
    assert f"policy esx, state {host.state}, 0 s" in html and WRITTEN in html
    head, a, b = cells(html)
    stats = host.vms["a"].stats
    named = dict(zip(head, a, strict=True))
    for key in ("size", "consumed", "compressed", "swapped", "ballooned"):
        assert named[key] == pe.format_size(getattr(stats, key)), key
    assert b[head.index("ballooned")] == "400 KiB" and len(cells(html)) == 3
    numbers, shown = host.numbers(), drawn(html, 0)
    assert numbers["shared_common"] > 0
    parts = ("shared", "shared_common"), ("free", "free")
    for name, key in parts:
        wide = shown[f"{name} {pe.format_size(numbers[key])}"]
        assert wide == pytest.approx(480 * numbers[key] / numbers["memory"], abs=0.01)
    private = sum(vm.stats.private for vm in host.vms.values())
    wide = shown[f"private {pe.format_size(private)}"]
    assert wide == pytest.approx(480 * private / numbers["memory"], abs=0.01)
    absent = pe.format_size(stats.absent)  # of a, the largest VM
    assert drawn(html, 1)[f"absent {absent}"] == pytest.approx(
        180 * stats.absent / stats.size, abs=0.01
    )


def test_a_vm_is_shown_with_what_it_is_promised(host):
    vm = host[HOSTILE]
    html = vm._repr_html_()
    assert f"{vm.shares} shares, 1 MiB reserved, limit 4 MiB<" in html and WRITTEN in html
    assert cells(html)[1][1] == "4 MiB" and "blocked" not in html
    vm.block()
    assert "limit 4 MiB, blocked<" in vm._repr_html_()


def test_of_many_vms_the_first_are_shown_and_the_others_counted():
    with pe.Host("8 MiB", contents="tokens", swap=0) as host:
        assert parsed(host._repr_html_()) and len(cells(host._repr_html_())) == 0
        for i in range(25):
            host.add_vm(f"vm{i}", "64 KiB")
        html = host._repr_html_()
    assert len(cells(html)) == 1 + markup.ROWS_MOST and "and 5 more" in html and "vm20" not in html


def test_what_is_closed_or_removed_is_shown_as_such(host):
    vm = host.vms["a"]
    host.remove_vm("a")
    assert "pages, removed&gt;" in vm._repr_html_() and parsed(vm._repr_html_())
    other = host[HOSTILE]
    host.close()
    assert repr(host) == "<Host: 8 MiB, closed>"
    assert (
        host._repr_html_() == "<div><p style='margin:.3em 0'>&lt;Host: 8 MiB, closed&gt;</p></div>"
    )
    assert "removed" in other._repr_html_() and WRITTEN.partition("\\")[0] in other._repr_html_()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_in_a_forked_child_a_host_is_shown_as_text(host):
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(write, host._repr_html_().encode())
        finally:
            os._exit(0)
    os.close(write)
    os.waitpid(child, 0)
    with os.fdopen(read) as file:
        assert file.read() == markup.page(markup.paragraph("<Host: 8 MiB, 2 virtual machines>"))


def test_showing_changes_nothing():
    def run(shows):
        specs = [VMSpec(n, "4 MiB", {"kind": "zipf", "rate": 1500}) for n in ("a", HOSTILE)]
        simulation = Simulation("5 MiB", specs, policy="esx6", costs="hdd", seed=3)
        for _ in range(8):
            simulation.step()
            if shows:
                host = simulation.host
                for thing in (host, host.vms["a"], host.last_plan, host.stats):
                    assert parsed(thing._repr_html_())
        return simulation.finish()

    assert run(True).digest() == run(False).digest()


def test_a_plan_is_shown_with_what_it_says_and_no_more():
    plan = Plan(
        "soft",
        {
            HOSTILE: VMPlan(target=2**20, balloon=2**19, scan=12.5),
            "b": VMPlan(reclaim=2**18, technique="swap", blocked=True),
        },
        wake_below=2**16,
        again=1.0,
        migrate=(Migration("b", HOSTILE),),
    )
    html = plan._repr_html_()
    assert "state soft, accesses wait below 64 KiB free, in any case after 1 s, scan rule" in html
    assert f"b should leave: {WRITTEN}" in html
    _, first, second = cells(html)
    assert first[1:7] == ["1 MiB", "512 KiB", "-", "-", "-", "12.5 pages/s"]
    assert second[:7] == ["b", "-", "-", "256 KiB", "swap", "yes", "-"]
    assert drawn(html, 0, 1, 2) == {
        "target 1 MiB": 180.0,
        "balloon 512 KiB": 90.0,
        "reclaim 256 KiB": 45.0,
    }
    assert cells(VMPlan(balloon=4096)._repr_html_())[1][2] == "4 KiB"
    assert "nothing is done with any VM" in Plan()._repr_html_()


class Hostile:
    def __repr__(self):
        raise RuntimeError("no")


@pytest.mark.parametrize(
    "plan",
    [
        Plan(vms=5),
        Plan(vms={"a": 7}),
        Plan(vms={"a": VMPlan(target=HOSTILE, balloon=float("nan"))}),
        Plan(vms={1: VMPlan(balloon=float("inf"))}, again=HOSTILE),
        Plan(migrate=(3,)),
        Plan(vms=Hostile()),
    ],
)
def test_a_plan_that_is_no_plan_is_shown_too(plan):
    assert parsed(plan._repr_html_())


def test_a_result_has_its_end_its_stalls_and_its_states():
    result = made_up.result(seconds=60, vms=(HOSTILE, "b"), policy=HOSTILE)
    html = result._repr_html_()
    assert html.count(WRITTEN) == 2  # the VM, and the policy in the title
    head, first, second = cells(html)
    own = result.of("b")
    for key in ("size", "consumed", "swapped"):
        assert second[head.index(key)] == pe.format_size(int(own[key][-1])), key
    assert second[head.index("stalled")] == f"{100 * own['stall'].mean():.3g} %"
    spans = [float(r.getAttribute("width")) for r in parsed(html).getElementsByTagName("rect")]
    assert sum(spans) == pytest.approx(480, abs=0.1)
    lines = parsed(html).getElementsByTagName("polyline")
    assert len(lines) == 1 + 2 * 2


def test_a_result_without_rows_or_with_unknown_ones_is_shown():
    result = made_up.result(seconds=20, vms=("a", "b"))
    for column in (result.host["free"], result.vms["stall"], result.vms["active"]):
        column.dtype  # noqa: B018  they are arrays
    result.host["free"] = result.host["free"].astype(float)
    result.host["free"][5:9] = np.nan
    result.host["state"] = np.full(len(result.host["state"]), np.nan)
    result.vms["stall"] = np.full(len(result.vms["stall"]), np.nan)
    html = result._repr_html_()
    assert len(parsed(html).getElementsByTagName("polyline")) == 2 + 2  # a gap, and no stalls
    assert cells(html)[1][cells(html)[0].index("stalled")] == "-"
    empty = Simulation("1 MiB", []).finish()
    assert "nothing was recorded" in empty._repr_html_() and parsed(empty._repr_html_())


def test_a_comparison_has_a_row_for_each_policy_and_marks_the_best():
    found = {
        name: [made_up.result(seconds=30, vms=("a", HOSTILE), policy=name) for _ in range(2)]
        for name in ("esx6", HOSTILE)
    }
    comparison = of(found, (1, 2))
    html = comparison._repr_html_()
    rows = cells(html)
    assert len(rows) == 3 and "seeds 1, 2" in html
    assert html.count("★") + html.count("&#9733;") == 1
    stall = comparison.standings[0].interval("stall")
    assert f"{100 * stall.mean:.3g}" in rows[1][2]
    assert markup.on_page(comparison.sentence()) in html
    assert repr(comparison).startswith("<Comparison of esx6, ")


def test_records_are_tables_of_the_same_room():
    assert cells(HostStats(memory=2**26)._repr_html_())[-1] == ["configured", "0 B"]


def test_a_line_has_as_many_points_as_can_be_drawn_and_keeps_the_last():
    found = results._thin(list(range(1000)))
    assert len(found) <= results._POINTS and found[-1] == 999.0 and found == sorted(found)
    assert results._thin([1, 2]) == [1.0, 2.0]
