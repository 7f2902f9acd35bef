"""A recording of days must be readable at any moment, whatever ends it, and say what was not known
as that: never as zero. Parts are written, lost and spoilt, and read back by the readers of results.
"""

import made_up
import numpy as np
import pytest

from pageengine import report
from pageengine.lab import figures, results
from pageengine.lab.parts import Parts
from pageengine.lab.results import Result, ResultError

pandas = pytest.importorskip("pandas")


def split(result, at):
    """The rows of a result before and after a time, as (host, vms) each."""
    halves = []
    for late in (False, True):
        halves.append(
            tuple(
                {key: np.asarray(each)[(table["time"] > at) == late] for key, each in table.items()}
                for table in (result.host, result.vms)
            )
        )
    return halves


@pytest.fixture
def parts(tmp_path):
    return Parts(tmp_path / "rec", {"policy": "none", "kind": "recording"})


def recorded(parts, unknown=()):
    """Two parts of a made-up result, in which nothing is known of some columns."""
    made = made_up.result(200)
    for key in unknown:
        for table in (made.host, made.vms):
            if key in table:
                table[key] = np.full(len(table["time"]), np.nan)
    for host, vms in split(made, 100):
        parts.add(host, vms)
    return made


def test_parts_are_read_as_one_result_of_the_labs_kinds(parts):
    made = recorded(parts)
    parts.end()
    found = Result.load(parts.folder)
    for mine, theirs in ((made.host, found.host), (made.vms, found.vms)):
        assert list(mine) == list(theirs)
        for key in mine:
            np.testing.assert_array_equal(mine[key], theirs[key])
            assert np.asarray(mine[key]).dtype.kind == theirs[key].dtype.kind, key
    assert found.summary == results.summary_of(made.host) and not found.partial
    assert parts.rows == len(made.host["time"])


def test_pandas_reads_the_folder_of_a_table_as_a_table(parts):
    made = recorded(parts)
    frame = pandas.read_parquet(parts.folder / "vms.parquet")
    assert len(frame) == len(made.vms["time"]) and frame["size"].dtype == np.int64


def test_what_was_not_known_is_null_on_the_disk_and_nan_once_read(parts):
    recorded(parts, unknown=("shared", "stall"))
    frame = pandas.read_parquet(parts.folder / "host.parquet")
    assert frame["shared"].isna().all() and frame["stall"].isna().all()
    found = Result.load(parts.folder)
    assert np.isnan(found.host["shared"]).all() and np.isnan(found.vms["stall"]).all()
    assert found.host["free"].dtype == np.int64


def test_a_column_that_comes_to_be_known_later_is_of_one_kind(parts):
    early, late = split(made_up.result(200), 100)
    early[0]["free"] = np.full(len(early[0]["time"]), np.nan)
    parts.add(*early)
    parts.add(*late)
    free = Result.load(parts.folder).host["free"]
    assert np.isnan(free[: len(early[0]["time"])]).all()
    np.testing.assert_array_equal(free[len(early[0]["time"]) :], late[0]["free"])


def test_a_recording_is_whole_at_any_moment_and_says_that_it_is_not_over(parts):
    assert len(Result.load(parts.folder).names) == 0
    early, late = split(made_up.result(200), 100)
    parts.add(*early)
    found = Result.load(parts.folder)
    assert found.host["time"][-1] == early[0]["time"][-1]
    assert "being recorded" in found.why
    parts.add(*late)
    parts.end("interrupted")
    assert Result.load(parts.folder).why == "interrupted"


def test_a_file_whose_fellow_was_lost_is_not_read(parts):
    recorded(parts)
    (parts.folder / "vms.parquet" / "000001.parquet").unlink()
    found = Result.load(parts.folder)
    assert found.host["time"][-1] == found.vms["time"][-1] == 100


def test_a_spoilt_part_is_named(parts):
    recorded(parts)
    (parts.folder / "host.parquet" / "000001.parquet").write_bytes(b"PAR1")
    with pytest.raises(ResultError, match=r"host\.parquet/000001\.parquet cannot be read"):
        Result.load(parts.folder)


def test_parts_of_two_tables_are_refused(parts):
    early, late = split(made_up.result(200), 100)
    parts.add(*early)
    parts.add({"time": late[0]["time"]}, late[1])
    with pytest.raises(ResultError, match="not parts of one table"):
        Result.load(parts.folder)


def test_a_recording_spoils_no_result(parts, tmp_path):
    for folder in (parts.folder, made_up.result(60).save(tmp_path / "saved")):
        before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
        with pytest.raises(ResultError, match="holds a result already"):
            Parts(folder, {})
        assert before == {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


UNKNOWN = (
    "state",
    "shared",
    "private",
    "stall",
    "granted",
    "active",
    "balloon",
    "target",
    "swapped",
)


def test_figures_leave_out_what_is_not_known(parts):
    made = recorded(parts, unknown=UNKNOWN)
    found = Result.load(parts.folder)
    assert np.isnan(figures.stalls(found)["db"]) and np.isnan(figures.worst_minute(found.of("db")))
    assert not figures.won(found)["swap"].any() and not figures.untouched(found).any()
    assert results.summary_of(found.host)["stall"] is None
    assert results.summary_of(found.host)["free_least"] == int(made.host["free"].min())
    made = made_up.result(200)
    assert figures.untouched(made).any()
    made.vms["granted"] = np.full(len(made.vms["time"]), np.nan)
    assert not figures.untouched(made).any(), "what a guest holds is not known"
    made.vms["stall"] = np.where(made.vms["time"] > 100, made.vms["stall"], np.nan)
    late = made.of("db")["stall"][made.of("db")["time"] > 100]
    assert figures.stalls(made)["db"] == pytest.approx(float(np.mean(late)))


@pytest.mark.skipif(not report.available(), reason="needs matplotlib")
def test_pictures_and_the_page_of_a_recording_leave_gaps(parts):
    recorded(parts, unknown=UNKNOWN)
    found = Result.load(parts.folder)
    page = report.page(found)
    assert "<td>-</td>" in page and "nan" not in page.split("<img")[0]
    assert "of a real host" in page and "-" in found._repr_html_()
