"""The page of guests that misbehave is what an operator chooses a policy by. It has every policy
that there is, its figures are those of a run, and the scenario does what its description says.
"""

import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest

from pageengine.lab import build
from pageengine.policy import POLICIES

ROOT = Path(__file__).parents[1]
_spec = importlib.util.spec_from_file_location("page", ROOT / "docs" / "misbehaving.py")
page = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(page)
RUN = "run: python docs/misbehaving.py"


def rows():
    table = page.PAGE.read_text(encoding="utf-8").split(page.BEGIN)[1].split(page.END)[0]
    return {re.match(r"\| `(.*?)`", line)[1]: line for line in table.splitlines() if "`" in line}


def test_the_page_has_every_policy():
    assert list(rows()) == list(POLICIES), RUN
    assert page.PICTURE.read_bytes().startswith(b"\x89PNG")


def test_the_rows_have_a_cell_for_each_head():
    for line in rows().values():
        assert line.count("|") == len(page.HEADS) + 1


@pytest.mark.parametrize(
    "name", ["proxmox", *(pytest.param(n, marks=pytest.mark.slow) for n in ("plain", "kvm"))]
)
def test_the_figures_are_those_of_a_run(name):
    assert rows()[name] == page.row(name, page.run((name, True)), page.run((name, False))), RUN


def test_without_faults_everything_else_is_the_same():
    faulty, sound = page.scenario(True), page.scenario(False)
    for a, b in zip(faulty.entries, sound.entries, strict=True):
        assert {**a, "guest": None} == {**b, "guest": None}
        assert b["guest"] == sound.entries[0]["guest"]
        assert (a["guest"] != b["guest"]) == (a["name"] in page.FAULTY)


@pytest.mark.slow
def test_the_guests_misbehave_as_the_scenario_says():
    simulation = build.simulation(page.scenario(True), policy="kvm")
    views = []
    for _ in range(240):
        simulation.step()
        views.append({view.name: view for view in simulation.host.snapshot().vms})
    held = {name: np.array([view[name].ballooned for view in views]) for name in views[0]}
    size = views[0]["dead"].size
    target = np.array([view["dead"].balloon_target for view in views])
    assert held["dead"].max() == 0 < target.max()
    assert size - held["floored"].max() == 96 * 2**20
    assert views[-1]["counts"].guest.total == size and held["counts"][-1] > 0
    assert views[-1]["counts"].driver == "counts-balloon"
    assert views[-1]["frozen"].driver == "stale" and views[-1]["frozen"].stats_age > 100
    assert views[-1]["healthy-1"].driver == "reporting"
    assert max(view["sticky"].progress_age for view in views) > 5.0  # stuck, to squeezed
    simulation.host.check()
    assert sum(vm.size for vm in simulation.host.vms.values()) == 1.6 * simulation.memory
