"""What was cut short must never be taken for a result: a shorter run stalls less, and an experiment
that did not end misses its numbers. Every command of the lab is stopped by real signals, and by its
own clock, as a program.
"""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from pageengine import report
from pageengine.cli import main
from pageengine.cli.stopping import Stop
from pageengine.lab.results import Result
from pageengine.lab.workers import unswallowed

pytest.importorskip("pyarrow")
SCENARIO = """\
[host]
memory = "32 MiB"
[run]
duration = "9 days"
[[vm]]
name = "a"
count = 2
size = "16 MiB"
workload = { kind = "zipf", rate = 500 }
"""
OPTIONS = {
    "run": [],
    "compare": ["--policy", "esx6", "--policy", "kvm", "--seeds", "2", "-o", "out"],
    "advise": ["--slo", "stall < 2%", "--vary", "vm.count"],
    "sweep": ["--vary", "vm.count=1,2", "-o", "out.parquet", "--jobs", "2"],
}
ENDS = {signal.SIGINT: (130, "interrupted"), signal.SIGTERM: (143, "terminated")}
BEGINS = """
import pathlib, signal, sys
from pageengine.cli import main
from pageengine.lab.simulation import Simulation
inner = Simulation.run
def run(*arguments, **options):
    pathlib.Path("begun").touch()
    return inner(*arguments, **options)
Simulation.run = run
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.exit(main(sys.argv[1:]))
"""


def program(folder, *arguments):
    (folder / "lab.toml").write_text(SCENARIO)
    return subprocess.Popen(
        [sys.executable, "-c", BEGINS, *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def stopped(folder, number, *arguments, whole_group=True):
    """What a program said that was stopped in the middle: as by a terminal, which tells all its
    processes, or as by ``kill``."""
    child = program(folder, *arguments)
    wait_for(folder / "begun", child)
    (os.killpg if whole_group else os.kill)(child.pid, number)
    out, err = child.communicate(timeout=60)
    assert "Traceback" not in err
    return child.returncode, out


def wait_for(begun, child):
    """Until a simulation runs (where processes are not forked it does not say so), and a bit."""
    for _ in range(50):
        if begun.exists():
            break
        time.sleep(0.1)
        assert child.poll() is None, child.stderr.read()
    time.sleep(0.3)
    begun.unlink(missing_ok=True)


def nobody_left(group):
    """Whether all processes of a group have ended."""
    for _ in range(50):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False


@pytest.mark.parametrize("number", ENDS, ids=lambda number: number.name)
@pytest.mark.parametrize("command", OPTIONS)
def test_a_signal_ends_a_command_without_a_result(tmp_path, command, number):
    status, why = ENDS[number]
    group = number == signal.SIGINT
    found, out = stopped(
        tmp_path, number, command, "lab.toml", *OPTIONS[command], "--json", whole_group=group
    )
    data = json.loads(out)
    assert found == status
    assert (data["meta"] if command == "run" else data)["partial"] == why
    if command == "run":
        assert data["vms"] and data["meta"]["seconds"] == 9 * 86400
    elif command == "sweep":
        assert data["rows"] == [] and not (tmp_path / "out.parquet").exists()
        assert (tmp_path / "out.parquet.journal").exists()
    else:
        assert data.get("best") is None and data.get("value") is None


@pytest.mark.slow
def test_an_experiment_that_is_cut_short_has_no_verdict(tmp_path):
    for jobs in ("1", "2"):
        child = program(tmp_path, "paper", "fig7", "fig8", "--jobs", jobs, "--json")
        wait_for(tmp_path / "begun", child)
        os.killpg(child.pid, signal.SIGINT)
        out, err = child.communicate(timeout=60)
        data = json.loads(out)
        assert (child.returncode, data["partial"]) == (130, "interrupted"), err
        assert data["left"] and data["missed"] == [] and "Traceback" not in err
        assert {one["name"] for one in data["experiments"]}.isdisjoint(data["left"])
        assert nobody_left(child.pid)


@pytest.mark.parametrize("command", [*OPTIONS, "paper"])
def test_max_time_has_a_status_of_its_own(tmp_path, command, capsys, monkeypatch):
    (tmp_path / "lab.toml").write_text(SCENARIO)
    monkeypatch.chdir(tmp_path)
    what = ["fig8"] if command == "paper" else ["lab.toml", *OPTIONS[command]]
    assert main([command, *what, "--max-time", "500 ms"]) == 124
    out = " ".join(capsys.readouterr().out.split())
    assert "out of its time limit" in out
    assert not any(words in out for words in ("reproduced", "carries most", "vm.count: at most"))


def test_what_is_complete_is_kept(tmp_path, capsys, monkeypatch):
    """Of the first policy the short run ends, of the second it does not."""
    from pageengine.lab import build

    inner = build.run

    def run(scenario, *, policy, seed, progress, made=None):
        long = scenario.changed("run.duration", "9 days") if policy == "kvm" else scenario
        return inner(long, policy=policy, seed=seed, progress=progress)

    monkeypatch.setattr(build, "run", run)
    monkeypatch.setattr(report, "available", lambda: False)  # pictures take longer than the runs
    (tmp_path / "lab.toml").write_text(SCENARIO.replace("9 days", "5 s"))
    options = ["--policy", "esx6", "--policy", "kvm", "--max-time", "2s", "-o", str(tmp_path / "o")]
    assert main(["compare", str(tmp_path / "lab.toml"), *options]) == 124
    out = capsys.readouterr().out
    assert "esx6" in out and "No verdict: out of its time limit" in out
    assert Result.load(tmp_path / "o" / "esx6").why == "" and not (tmp_path / "o" / "kvm").exists()


def test_a_second_signal_ends_at_once():
    with pytest.raises(KeyboardInterrupt), Stop() as stop:
        os.kill(os.getpid(), signal.SIGINT)
        assert stop() and stop.status == 130
        os.kill(os.getpid(), signal.SIGINT)


def test_handlers_are_put_back():
    before = [signal.getsignal(number) for number in ENDS]
    with Stop(60), Stop(60, at_once=True):
        pass
    assert [signal.getsignal(number) for number in ENDS] == before
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


def test_no_simulation_swallows_ctrl_c_of_what_is_made_of_several():
    from pageengine.lab import Simulation, VMSpec

    def interrupt(time, state):
        os.kill(os.getpid(), signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt), unswallowed():
            Simulation("32 MiB", [VMSpec("a", "16 MiB")]).run(60, progress=interrupt)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
