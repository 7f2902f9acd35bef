"""At stake: somebody who waits for a long run in a notebook sees how far it is, with each function
that takes long; and a program that is no notebook sees nothing of it.
"""

import sys
import types

import numpy as np
import pytest

import pageengine as pe
from pageengine.inline import bars
from pageengine.lab import Simulation, VMSpec, build
from pageengine.lab.advise import advise
from pageengine.lab.compare import compare
from pageengine.lab.curve import curve
from pageengine.lab.scenario import Scenario
from pageengine.lab.sweep import sweep


class Notebook:
    """What IPython does, as far as bars need it."""

    def __init__(self):
        self.shown, self.displays = [], 0

    def display(self, thing, display_id):
        assert display_id is True
        self.displays += 1
        self.update(thing)
        return self

    def update(self, thing):
        self.shown.append(thing._repr_html_())


@pytest.fixture
def notebook(monkeypatch):
    found = Notebook()
    shell = types.SimpleNamespace(kernel=object())
    module = types.SimpleNamespace(get_ipython=lambda: shell, display=found)
    monkeypatch.setitem(sys.modules, "IPython", module)
    monkeypatch.setattr(bars, "FIRST_SECONDS", 0.0)
    monkeypatch.setattr(bars, "EVERY_SECONDS", 0.0)
    return found


def scenario():
    vm = {"name": "a", "size": "2 MiB", "workload": {"kind": "zipf", "rate": 200}}
    return Scenario(
        {"host": {"memory": "4 MiB"}, "run": {"duration": "3 s"}, "vm": [vm]}, source="small"
    )


def loaded(tmp_path):
    (tmp_path / "image.raw").write_bytes(bytes(np.ones(16 * 4096, np.uint8)))
    with pe.Host("1 MiB") as host:
        host.add_vm("vm", "64 KiB").load(tmp_path / "image.raw", progress=True)


LONG = {
    "run": (lambda _: build.run(scenario(), progress=True), "100 % 3 of 3 s, "),
    "compare": (
        lambda _: compare(scenario(), ["plain", "kvm"], seeds=(1, 2), progress=True),
        "100 % run 4 of 4: 3 of 3 s, ",
    ),
    "sweep": (lambda _: sweep(scenario(), {"policy": ["plain"]}, progress=True), "100 %"),
    "curve": (lambda _: curve(scenario(), "a", points=2, progress=True), "100 %"),
    "advise": (
        lambda _: advise(scenario(), "stall < 50%", "vm.count", seeds=(1,), high=2, progress=True),
        "2 runs, vm.count = ",
    ),
    "load": (loaded, "100 % 16 of 16 pages"),
}


@pytest.mark.parametrize("name", LONG)
def test_what_takes_long_shows_one_bar_that_comes_to_its_end(name, notebook, tmp_path):
    work, says = LONG[name]
    work(tmp_path)
    assert notebook.displays == 1 and says in notebook.shown[-1]
    if "%" in says:
        assert "<progress value='1.0000'" in notebook.shown[-1]


def test_a_program_that_is_no_notebook_shows_none(monkeypatch, capsys):
    for module in ({}, {"IPython": types.SimpleNamespace(get_ipython=lambda: None)}):
        for name in ("IPython", *module):
            monkeypatch.delitem(sys.modules, name, raising=False)
        for name, fake in module.items():
            monkeypatch.setitem(sys.modules, name, fake)
        assert bars.callback(True, lambda bar: bar.show) is None
        build.run(scenario(), progress=True)
    assert capsys.readouterr() == ("", "")


def test_what_is_short_shows_none_and_others_a_few_times_a_second(notebook, monkeypatch):
    monkeypatch.undo()
    now = [0.0]
    bar = bars.Bar(lambda: now[0])
    bar.show(1, 2)
    bar.show(2, 2)
    assert bar._handle is None  # half a second has not passed
    monkeypatch.setattr(bars, "_display", lambda thing: notebook.display(thing, display_id=True))
    for _ in range(100):
        now[0] += 0.02
        bar.show(now[0], 2.0, "<b>")
    assert 12 <= len(notebook.shown) <= 20 and notebook.displays == 1
    assert "100 % &lt;b&gt; (2 s)" in notebook.shown[-1]
    assert "50 % &lt;b&gt; (1 s, 1 s left)" in " ".join(notebook.shown)


def test_a_function_of_ones_own_still_ends_a_run():
    simulation = Simulation("1 MiB", [VMSpec("a", "64 KiB")])
    result = simulation.run(10, progress=lambda time, state: time < 3)
    assert result.host["time"][-1] == 3.0 and result.why == "stopped"
