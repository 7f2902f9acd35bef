"""A result outlives the run: what is loaded must be what was saved, and a damaged folder must say
so. Made-up results are saved, loaded and spoilt."""

import json

import made_up
import numpy as np
import pytest

from pageengine import report
from pageengine.errors import PageEngineError
from pageengine.lab import Simulation, VMSpec
from pageengine.lab.results import Result, ResultError


@pytest.fixture
def result():
    return made_up.result(seconds=200)


def test_a_made_up_result_has_the_columns_of_a_run(result):
    """Their names, order and kinds: what is tested on one would work on the other."""
    run = Simulation("8 MiB", [VMSpec("a", "4 MiB", {"kind": "zipf"})], seed=1).run(2)
    for made, recorded in ((result.host, run.host), (result.vms, run.vms)):
        assert [*made] == [*recorded]
        kinds = {name: column.dtype.kind for name, column in recorded.items()}
        assert {name: np.asarray(made[name]).dtype.kind for name in made} == kinds


def test_a_saved_result_is_loaded_as_it_was(result, tmp_path):
    loaded = Result.load(result.save(tmp_path / "out"))
    for mine, theirs in ((result.host, loaded.host), (result.vms, loaded.vms)):
        assert list(mine) == list(theirs)
        for key in mine:
            np.testing.assert_array_equal(mine[key], theirs[key])
    assert (loaded.summary, loaded.events, loaded.meta) == (
        result.summary,
        result.events,
        result.meta,
    )
    assert loaded.digest() == result.digest()


def test_the_digest_tells_results_apart(result):
    other = made_up.result(seconds=200)
    assert other.digest() == result.digest()
    other.vms["stall"][3] += 1e-9
    assert other.digest() != result.digest()


def test_saving_twice_gives_the_same_files(result, tmp_path):
    first, second = (result.save(tmp_path / name) for name in "ab")
    for path in first.iterdir():
        assert path.read_bytes() == (second / path.name).read_bytes()


def test_saving_leaves_nothing_but_whole_files(result, tmp_path):
    folder = report.save(result, tmp_path)
    names = {path.name for path in folder.iterdir()}
    assert names == {"host.parquet", "vms.parquet", "summary.json", "report.html"}


def test_the_rows_of_one_vm(result):
    assert result.names == ["web-1", "web-2", "db", "idle"]
    own = result.of("db")
    assert set(own["vm"]) == {"db"}
    np.testing.assert_array_equal(own["time"], result.host["time"])
    with pytest.raises(ValueError, match="no virtual machine 'dbb'.*'idle'"):
        result.of("dbb")


def test_a_folder_without_a_result_says_so(tmp_path):
    with pytest.raises(ResultError, match=r"no summary\.json"):
        Result.load(tmp_path)


@pytest.mark.parametrize(
    "file, content, says",
    [
        ("summary.json", "{", r"summary\.json is not the summary of a result"),
        ("summary.json", "[]", r"summary\.json is not the summary of a result"),
        ("summary.json", json.dumps({"version": 99}), "version 99"),
        ("vms.parquet", "what?", r"vms\.parquet cannot be read as Parquet"),
    ],
)
def test_a_damaged_folder_names_the_file(result, tmp_path, file, content, says):
    result.save(tmp_path)
    (tmp_path / file).write_text(content)
    with pytest.raises(ResultError, match=says):
        Result.load(tmp_path)


def test_a_missing_table_names_the_file(result, tmp_path):
    result.save(tmp_path)
    (tmp_path / "host.parquet").unlink()
    with pytest.raises(ResultError, match=r"host\.parquet cannot be read"):
        Result.load(tmp_path)


def test_without_pyarrow_saving_says_what_to_install(result, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(PageEngineError, match=r"pageengine\[report\]"):
        result.save(tmp_path)


def test_pandas_gets_time_as_index(result):
    pytest.importorskip("pandas")
    host, vms = result.to_pandas()
    assert host.loc[200.0, "memory"] == 1024 * made_up.MIB
    assert vms.loc[(200.0, "db"), "size"] == 512 * made_up.MIB


def test_arrow_tables_have_all_rows(result):
    host, vms = result.to_arrow()
    assert (host.num_rows, vms.num_rows) == (100, 400)


def test_a_notebook_shows_the_vms(result):
    text = result._repr_html_()
    assert all(name in text for name in result.names) and "512 MiB" in text
    assert repr(result).startswith("<Result of 4 virtual machines over 200 s, policy esx6")
