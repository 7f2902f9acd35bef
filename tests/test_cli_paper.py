"""A command that says "reproduced" must mean it, and say when it does not. It is run on quick
experiments, on a made-up one that misses, and on names that do not exist.
"""

import json

import experiments
import pytest

from pageengine import papers
from pageengine.cli import main
from pageengine.papers import Claim, Number, Outcome


@pytest.fixture
def run_once(monkeypatch):
    monkeypatch.setattr(papers, "run", experiments.run)


def test_what_there_is_is_listed(capsys):
    assert main(["paper", "--list"]) == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in papers.EXPERIMENTS)


def test_one_experiment_is_told_in_full(run_once, capsys):
    assert main(["paper", "minfree"]) == 0
    printed = capsys.readouterr().out
    assert "minfree of 128 GB" in printed and "1,925 MB" in printed and "reproduced" in printed


@pytest.mark.slow
def test_several_end_with_a_summary_and_leave_a_page(run_once, tmp_path, capsys):
    pytest.importorskip("matplotlib")
    assert main(["paper", "minfree", "metadata", "-o", str(tmp_path), "--jobs", "1"]) == 0
    assert "2 reproduced" in capsys.readouterr().out
    page = (tmp_path / "reproduction.md").read_text()
    assert "## metadata" in page and "![minfree" in page
    assert (tmp_path / "pictures/paper/minfree.png").read_bytes().startswith(b"\x89PNG")


def test_a_miss_is_shown_and_ends_with_1(monkeypatch, capsys):
    missed = Outcome([Number("answer", 41, 42, within=0.01)], [Claim("it holds", False)])
    monkeypatch.setattr(papers.experiment("minfree"), "run", lambda seed: missed)
    assert main(["paper", "minfree"]) == 1
    printed = capsys.readouterr().out
    assert "MISS" in printed and "NO" in printed and "missed" in printed
    assert main(["paper", "minfree", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["missed"] == ["minfree"]


def test_a_name_that_does_not_exist_gets_a_hint(capsys):
    assert main(["paper", "fig77"]) == 2
    assert "did you mean 'fig7'" in capsys.readouterr().err
    assert main(["paper", "minfree", "--jobs", "0"]) == 2
