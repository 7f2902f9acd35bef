"""A sweep runs for hours: what is finished must not be lost or run twice, and rows must not depend
on where they ran. A small grid is run here, in processes, on a Dask cluster, and stopped half way.
"""

import json
from concurrent.futures import ProcessPoolExecutor

import pytest

from pageengine.cli import main
from pageengine.errors import PageEngineError
from pageengine.lab import build
from pageengine.lab.scenario import Scenario, ScenarioError
from pageengine.lab.sweep import grid, sweep

parquet = pytest.importorskip("pyarrow.parquet")
DATA = {
    "name": "small",
    "host": {"memory": "24 MiB", "policy": "esx6"},
    "run": {"duration": "20 s"},
    "vm": [{"name": "a", "count": 2, "size": "16 MiB", "workload": {"kind": "zipf", "rate": 800}}],
}
VARY = {"host.memory": ["12 MiB", "24 MiB"], "policy": ["esx6", "kvm"]}


@pytest.fixture(scope="module")
def expected():
    return sweep(Scenario(DATA), VARY, seeds=(1, 2))


def test_the_grid_has_every_combination_with_every_seed():
    cells = grid({"a": [1, 2], "b": ["x"]}, (7, 8))
    assert cells == [{"a": a, "b": "x", "seed": seed} for a in (1, 2) for seed in (7, 8)]
    with pytest.raises(ValueError, match="a must be varied over a list of values, got 'xy'"):
        grid({"a": "xy"}, (1,))


def test_rows_say_what_was_run_and_what_came_of_it(expected):
    assert [(row["host.memory"], row["policy"], row["seed"]) for row in expected[:3]] == [
        ("12 MiB", "esx6", 1),
        ("12 MiB", "esx6", 2),
        ("12 MiB", "kvm", 1),
    ]
    assert expected[0]["stall"] >= expected[-1]["stall"]
    assert len({row["digest"] for row in expected}) == len(expected)
    times = [expected[0][f"time_{s}"] for s in ("high", "clear", "soft", "hard", "low")]
    assert sum(times) == pytest.approx(1)


def test_it_does_not_matter_where_rows_are_made(expected, tmp_path):
    with ProcessPoolExecutor(2) as pool:
        rows = sweep(Scenario(DATA), VARY, seeds=(1, 2), executor=pool, output=tmp_path / "t.pq")
    assert rows == expected
    assert parquet.read_table(tmp_path / "t.pq").to_pylist() == expected
    assert list(tmp_path.iterdir()) == [tmp_path / "t.pq"]


def test_a_cluster_gives_the_same_rows(expected):
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        rows = sweep(Scenario(DATA), VARY, seeds=(1, 2), executor=client.get_executor())
    assert rows == expected


def test_a_sweep_that_was_stopped_goes_on(expected, tmp_path):
    output, seen = tmp_path / "t.pq", []

    def stop(done, total):
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sweep(Scenario(DATA), VARY, seeds=(1, 2), output=output, progress=stop)
    assert not output.exists()
    journal = tmp_path / "t.pq.journal"
    journal.write_text(journal.read_text() + '{"cell": "half a li')
    rows = sweep(
        Scenario(DATA),
        VARY,
        seeds=(1, 2),
        output=output,
        progress=lambda done, total: seen.append(done),
    )
    assert rows == expected and seen[0] == 3
    assert not journal.exists()


def test_a_sweep_that_is_told_to_stop_keeps_what_is_whole(expected, tmp_path):
    output, done = tmp_path / "t.pq", []
    rows = sweep(
        Scenario(DATA),
        VARY,
        seeds=(1, 2),
        output=output,
        stop=lambda: len(done) > 3,
        progress=lambda *now: done.append(now),
    )
    assert rows == expected[:3] and not output.exists()
    assert sweep(Scenario(DATA), VARY, seeds=(1, 2), output=output) == expected


def test_a_run_that_was_cut_short_is_no_row(monkeypatch, tmp_path):
    inner = build.run

    def run(*arguments, **options):
        return inner(*arguments, **options, progress=lambda *_: False)

    monkeypatch.setattr(build, "run", run)
    with pytest.raises(KeyboardInterrupt, match="stopped"):
        sweep(Scenario(DATA), {"policy": ["kvm"]}, output=tmp_path / "t.pq")
    assert (tmp_path / "t.pq.journal").read_text().count("\n") == 1


def test_values_of_several_kinds_are_kept_as_texts(tmp_path):
    rate = {"vm.a.workload": [{"kind": "idle"}, {"kind": "zipf"}], "host.memory": ["24MiB", 2**25]}
    sweep(Scenario(DATA).changed("run.duration", 3), rate, output=tmp_path / "t.pq")
    found = parquet.read_table(tmp_path / "t.pq").to_pylist()
    assert {row["host.memory"] for row in found} == {"24MiB", str(2**25)}
    assert found[0]["vm.a.workload"] == "{'kind': 'idle'}" and isinstance(found[0]["stall"], float)


def test_a_journal_of_another_scenario_is_not_mixed_in(tmp_path):
    (tmp_path / "t.pq.journal").write_text("something else\n")
    with pytest.raises(PageEngineError, match="of another scenario"):
        sweep(Scenario(DATA), {"policy": ["kvm"]}, output=tmp_path / "t.pq")


def test_wrong_values_are_named_before_anything_runs():
    with pytest.raises(ScenarioError, match="memory"):
        sweep(Scenario(DATA), {"host.memory": ["24 MiB", "much"]})
    with pytest.raises(ValueError, match="esx66"):
        sweep(Scenario(DATA), {"policy": ["esx6", "esx66"]})


def test_the_command_writes_a_table(tmp_path, capsys):
    file, out = tmp_path / "small.toml", tmp_path / "out.parquet"
    file.write_text(
        '[host]\nmemory = "24 MiB"\n[run]\nduration = "10 s"\n'
        '[[vm]]\nname = "a"\nsize = "16 MiB"\nworkload = { kind = "zipf" }\n'
    )
    arguments = ["sweep", str(file), "--vary", "vm.count=1,2", "--seeds", "1", "-o", str(out)]
    assert main([*arguments, "--jobs", "1"]) == 0
    assert "2 runs" in capsys.readouterr().out and parquet.read_table(out).num_rows == 2
    assert main([*arguments, "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["rows"]) == 2
    assert main(["sweep", str(file), "--vary", "vm.count", "-o", str(out)]) == 2
    assert "write KEY=VALUE,VALUE" in capsys.readouterr().err
