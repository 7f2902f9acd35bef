"""Several processes save time and must change nothing else: not an answer, not what was tried for
it, not how a run ends that is stopped."""

import json
import os
import signal
import time

import pytest
from hypothesis import given, settings, strategies as some

from pageengine.cli import main
from pageengine.errors import PageEngineError
from pageengine.lab import ahead as module
from pageengine.lab.advise import advise
from pageengine.lab.ahead import Cell, Here, ahead, at_once
from pageengine.lab.compare import compare
from pageengine.lab.curve import curve
from pageengine.lab.scenario import Scenario
from pageengine.lab.search import band, to_come
from pageengine.lab.workers import cores

SCENARIO = Scenario(
    {
        "host": {"memory": "12 MiB"},
        "run": {"duration": 20},
        "vm": [
            {
                "name": "a",
                "count": 2,
                "size": "8 MiB",
                "workload": {"kind": "zipf", "rate": 400},
            }
        ],
    }
)
LONG = SCENARIO.changed("run.duration", 9 * 86400.0)


def digests(comparison):
    return {name: [run.digest() for run in runs] for name, runs in comparison.runs.items()}


@pytest.mark.parametrize("jobs", [2, 3])
def test_a_comparison_is_the_same_by_any_number_of_processes(jobs):
    def by(jobs):
        return compare(SCENARIO, ["esx6", "kvm", "plain"], seeds=[1, 2], jobs=jobs)

    alone, together = by(1), by(jobs)
    assert digests(alone) == digests(together) and alone.to_dict() == together.to_dict()
    assert len({run for runs in digests(alone).values() for run in runs}) == 6


def test_advice_is_the_same_and_what_was_tried_for_it():
    def by(jobs):
        said = []
        found = advise(
            SCENARIO,
            "stall < 20%",
            "vm.count",
            seeds=[1, 2],
            jobs=jobs,
            progress=lambda *each: said.append(each),
        )
        return found.to_dict(), said

    alone = by(1)
    assert alone == by(2) and alone[0]["value"] is not None


def test_a_curve_is_the_same():
    def by(jobs):
        return curve(SCENARIO, "a", points=4, seeds=[1, 2], jobs=jobs).to_dict()

    assert by(1) == by(3)


@given(
    last=some.integers(0, 40),
    ends=some.lists(some.integers(-1, 41), min_size=1, max_size=3),
    near=some.none() | some.integers(0, 40),
)
@settings(deadline=None)
def test_what_a_search_asks_was_foretold(last, ends, near):
    """The first that is to come is the next question, and the next after it is among the next few,
    whatever the answer is, and wherever the search begins."""
    near = None if near is None else min(near, last)
    seeds = range(len(ends))
    known, before = {}, set()

    def good(index, seed):
        nonlocal before
        coming = []
        for each in to_come(last, seeds, known, near):
            coming.append(each)
            if len(coming) == 3:
                break
        assert coming[0] == (index, seed)
        assert not before or (index, seed) in before
        before = set(coming[1:])
        return index <= ends[seed]

    found = band(good, last, seeds, known, near)
    answers = [None if found[seed] is None else found[seed] for seed in seeds]
    if None not in answers:
        assert answers == [min(end, last) for end in ends]
    assert list(to_come(last, seeds, known, near)) == []


def test_what_is_not_expected_any_more_is_given_up():
    """Else it would be waited for at the end, and take the place of what is asked for."""
    began = time.monotonic()
    with ahead(2) as runs:
        runs.expect([Cell(LONG, "esx6", 1), Cell(LONG, "kvm", 1)])
        assert not runs.run(Cell(SCENARIO, "kvm", 1)).partial
    assert time.monotonic() - began < 60


def test_places_on_the_board_are_used_again(monkeypatch):
    monkeypatch.setattr(module, "_PLACES", 3)
    with ahead(2) as runs:
        for seed in range(8):
            runs.expect([Cell(SCENARIO, "kvm", seed), Cell(SCENARIO, "plain", 100 + seed)])
            assert not runs.run(Cell(SCENARIO, "kvm", seed)).partial


def test_a_run_tells_how_far_it_is_and_ends_when_it_is_told():
    heard = []

    def told(now, state):
        heard.append(now)
        return len(heard) < 5

    with ahead(2) as runs:
        result = runs.run(Cell(LONG, "kvm", 1), told)
    assert result.why == "stopped" and 4 < len(heard) < 60
    assert heard == sorted(heard) and heard[-1] > 0


def test_ctrl_c_gives_what_was_recorded(monkeypatch):
    """As where it runs alone."""

    def told(now, state):
        if now:
            os.kill(os.getpid(), signal.SIGINT)

    with ahead(2) as runs:
        result = runs.run(Cell(LONG, "kvm", 1), told)
    assert result.why == "interrupted" and len(result.host["time"])


def test_a_comparison_that_is_stopped_keeps_what_is_complete():
    def follow(policy, seed):
        return lambda now, state: (policy, seed) != ("kvm", 2)

    found = compare(SCENARIO, ["esx6", "kvm"], seeds=[1, 2], jobs=2, follow=follow)
    alone = compare(SCENARIO, ["esx6", "kvm"], seeds=[1, 2], jobs=1, follow=follow)
    assert found.partial == alone.partial == "stopped"
    assert digests(found) == digests(alone)


def test_a_process_that_is_killed_is_said():
    def told(now, state):
        if now:
            import multiprocessing

            os.kill(multiprocessing.active_children()[0].pid, signal.SIGKILL)

    with pytest.raises(PageEngineError, match="--jobs"), ahead(2) as runs:
        runs.run(Cell(LONG, "kvm", 1), told)


def test_as_many_as_there_are_processors_and_memory_for(monkeypatch):
    monkeypatch.setattr(module, "cores", lambda: 8)
    monkeypatch.setattr(module.reading, "memory", lambda: 1000)
    assert [at_once(runs, 100) for runs in (0, 1, 4, 100)] == [1, 1, 4, 5]
    assert at_once(100, 10) == 8 and at_once(100, 10**9) == 1
    monkeypatch.setattr(module.reading, "memory", lambda: None)
    assert at_once(100, 10**9) == 8
    assert 1 <= cores() <= (os.cpu_count() or 1)


def test_no_number_of_processes_is_refused():
    with pytest.raises(ValueError, match="jobs must be a whole number from 1"), ahead(0):
        pass


def test_one_process_is_this_one():
    with ahead(1) as runs:
        assert isinstance(runs, Here)


def test_commands_take_the_number_and_say_the_same(tmp_path, capsys):
    path = tmp_path / "lab.toml"
    path.write_text(
        '[host]\nmemory = "12 MiB"\n[run]\nduration = 20\n'
        '[[vm]]\nname = "a"\ncount = 2\nsize = "8 MiB"\n'
        'workload = { kind = "zipf", rate = 400 }\n'
    )

    def said(*words):
        assert main([*words, "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    for words in (
        ["compare", str(path), "--policy", "esx6", "--policy", "kvm"],
        ["advise", str(path), "--slo", "stall < 20%", "--vary", "vm.count", "--seeds", "1"],
    ):
        assert said(*words, "--jobs", "1") == said(*words, "--jobs", "2")
