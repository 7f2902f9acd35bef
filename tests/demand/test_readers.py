"""Every kind of monitoring data says the same of the same VM, to the byte; what a kind counts as
size, used and active is held here, and what cannot be read is said.
"""

import made_demand
import numpy as np
import pytest
from made_demand import KIB, MIB

import pageengine as pe
from pageengine.demand import READERS, DemandError, load, prometheus
from pageengine.live.metrics import METRICS

KINDS = [reader.kind for reader in READERS]
SIZE = "Memory Size MBytes"


def written(folder, text, name="f.txt"):
    (folder / name).write_text(text)
    return folder / name


def said(demand, what, count):
    (line,) = [each for each in demand.found if what in each]
    assert f": {count} (" in line, line
    return line


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_recognised_and_says_the_same(kind, tmp_path):
    if kind == "parquet":
        pytest.importorskip("pyarrow")
    path = made_demand.sample(kind, tmp_path)
    for demand in (load(path), load(path, kind=kind)):
        assert demand.names == ("web",) and demand.found == ()
        assert (demand.start, demand.step) == (1000, 300)
        assert demand.size.tolist() == [[4 * MIB] * 2]
        used = [[np.nan] * 2] if kind == "bitbrains" else [[2 * MIB, 3 * MIB]]
        np.testing.assert_array_equal(demand.used, used)
        assert demand.active.tolist() == [[MIB, 2 * MIB]]


def test_the_package_has_it():
    assert pe.demand.load is load and "demand" in pe.__all__


# esxtop


def test_esxtop_takes_the_best_counter_that_there_is(tmp_path):
    counters = {SIZE: (8, 8), "% Active Estimate": (25, 50), "Memory Consumed Size MBytes": (3, 3)}
    demand = load(written(tmp_path, made_demand.esxtop(**counters)))
    assert demand.active.tolist() == [[2 * MIB, 4 * MIB]], "a share of the size"
    assert demand.used.tolist() == [[3 * MIB] * 2]
    counters |= {"Touched MBytes": (1, 1), "Memory Granted Size MBytes": (5, 5)}
    demand = load(written(tmp_path, made_demand.esxtop(**counters)))
    assert demand.active.tolist() == [[MIB] * 2] and demand.used.tolist() == [[5 * MIB] * 2]


def test_groups_of_one_name_are_kept_apart_and_what_is_missing_stays_so(tmp_path):
    text = (
        r'"(PDH-CSV 4.0) (CET)(-60)","\\h\Group Memory(1:a:b)\Memory Size MBytes",'
        r'"\\h\Group Memory(2:x)\Memory Size MBytes","\\h\Group Memory(3:x)\Memory Size MBytes"'
        '\n"01/01/1970 01:00:00","4","","oops"\n"01/01/1970 01:00:05","4"\n'
    )
    demand = load(written(tmp_path, text))
    assert demand.start == 0, "the clock is an hour before UTC"
    assert demand.names == ("a:b", "x (2)", "x (3)")
    assert np.isnan(demand.size[1:]).all() and demand.size[0].tolist() == [4 * MIB] * 2
    assert "line 2 (x (3))" in said(demand, "size that is no number", 1)


def test_esxtop_without_memory_says_how_it_is_run(tmp_path):
    path = written(tmp_path, r'"(PDH-CSV 4.0) (UTC)(0)","\\h\Memory\Free MBytes"' + "\n")
    with pytest.raises(DemandError, match=r"f.txt, line 1: no counters of Group Memory: run"):
        load(path)


# Prometheus


def test_our_own_exporter_is_known():
    ours = {name for name in prometheus.METRICS if name.startswith("pageengine_")}
    assert ours <= set(METRICS) and len(ours) == 2
    assert {what for what, _ in prometheus.METRICS.values()} == {"size", "used", "active"}


def test_a_series_without_a_name_is_what_is_said_and_its_vm_the_label_that_is_said(tmp_path):
    series = {"pod": "p1", "instance": "i1", "disk": "d1"}, [(0, 7), (60, "NaN"), (120, 9)]
    path = written(tmp_path, made_demand.matrix(series))
    with pytest.raises(DemandError, match=r"series 1: it has no name: say what it is \(column"):
        load(path)
    demand = load(path, column="active")
    assert demand.names == ("p1",)
    np.testing.assert_array_equal(demand.active, [[7, np.nan, 9]])
    assert load(path, column="used", label="disk").names == ("d1",)
    with pytest.raises(DemandError, match="series without a label that names the VM.*: 1"):
        load(path, column="used", label="vm")
    with pytest.raises(ValueError, match="column must be one of size, used, active"):
        load(path, column="time")


def test_two_series_of_one_vm_are_not_taken_for_one(tmp_path):
    both = [({"pod": "p", "container": c}, [(0, v), (60, v)]) for c, v in (("a", 1), ("b", 2))]
    demand = load(written(tmp_path, made_demand.matrix(*both)), column="used")
    assert demand.used.tolist() == [[1, 1]]
    assert "series 2 (p)" in said(demand, "one of the same kind", 1)


def test_answers_in_several_files_are_put_together_moment_by_moment(tmp_path):
    name = "pageengine_vm_{}_bytes".format
    one = ({"__name__": name("size"), "vm": "a"}, [(0, 10), (60, 10)])
    two = ({"__name__": name("used"), "vm": "a"}, [(0, 4), (60, 12)])
    paths = [
        written(tmp_path, made_demand.matrix(each), f"{n}.json")
        for n, each in enumerate((one, two))
    ]
    demand = load(*paths)
    assert demand.size.tolist() == [[10, 10]]
    np.testing.assert_array_equal(demand.used, [[4, np.nan]])
    assert "1.json, series 1 (a)" in said(demand, "used above size", 1)
    assert not any("two readings" in each for each in demand.found)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"status": "error", "error": "bad query"}', "an error: 'bad query'"),
        ('{"status": "success", "data": {"resultType": "vector", "result": []}}', "not 'matrix'"),
        ('{"status": "success", "data": {"resultType": "matrix", "result": [1]}}', "series 1"),
        ('{"status": ' + "[" * 100_000, "nested too deeply"),
        ('{"status": "success", "data"', "Expecting"),
    ],
)
def test_what_is_no_answer_is_said(tmp_path, text, why):
    with pytest.raises(DemandError, match=why) as error:
        load(written(tmp_path, text))
    assert "f.txt" in str(error.value) and "\n" not in str(error.value)


def test_numbers_that_are_too_large_are_no_readings(tmp_path):
    huge = "9" * 400
    text = made_demand.matrix(({"vm": "a"}, [(0, huge), (60, 5), (1e300, 5), (120, -1)]))
    text = text.replace('"5"]', f'"5"], [180, {huge}]', 1)
    demand = load(written(tmp_path, text), column="used")
    assert demand.slots == 3 and demand.used[0][1] == 5
    said(demand, "without a time in seconds", 1)
    said(demand, "none of memory", 2)
    said(demand, "not a time and a number", 1)


# domstats


def test_what_a_guest_does_not_tell_is_not_read_or_taken_from_its_process(tmp_path):
    text = (
        "2026-01-01T00:00:00+00:00\nDomain: 'a'\n  balloon.maximum=100\n  balloon.rss=60\n"
        "2026-01-01T00:01:00+00:00\nDomain: 'a'\n  balloon.maximum=100\n  balloon.rss=160\n"
        "error: no such domain\n"
    )
    demand = load(written(tmp_path, text))
    assert demand.used.tolist() == [[60 * KIB, 100 * KIB]] and np.isnan(demand.active).all()
    assert (demand.start, demand.step) == (1767225600, 60)
    assert "line 9" in said(demand, "neither a time nor of domstats", 1)


def test_statistics_that_were_old_are_not_read(tmp_path):
    text = made_demand.DOMSTATS.replace("\n1300\n", "\n9000\n").replace("=9999", "=3000")
    demand = load(written(tmp_path, text))
    assert demand.used[0][0] == 2 * MIB and np.isnan(demand.used[0][-1])
    assert "line 13" in said(demand, "over ten minutes old", 1)


def test_without_times_the_last_update_is_the_time(tmp_path):
    text = made_demand.DOMSTATS.replace("1000\n", "", 1).replace("\n1300\n", "\n")
    assert load(written(tmp_path, text)).time.tolist() == [990, 1290]


# Parquet


def test_a_table_may_have_timestamps_categories_and_nulls(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    times = np.array(["2026-01-01T00:00", "2026-01-01T00:05"], "datetime64[ms]")
    path = made_demand.write_parquet(
        tmp_path / "t.parquet",
        time=times,
        vm=pyarrow.array(["a", "a"]).dictionary_encode(),
        used=pyarrow.array([None, 5], pyarrow.int64()),
    )
    demand = load(path, unit="KiB")
    assert (demand.start, demand.step) == (1767225600, 300)
    np.testing.assert_array_equal(demand.used, [[np.nan, 5 * KIB]])


def test_a_timeline_of_ours_has_what_was_held_wherever_it_was(tmp_path):
    pytest.importorskip("pyarrow")
    (tmp_path / "vms.parquet").mkdir()
    for part in range(2):
        made_demand.write_parquet(
            tmp_path / "vms.parquet" / f"{part}.parquet",
            time=[2.0 * part, 2.0 * part + 1],
            vm=["a", "a"],
            size=[100.0, 100],
            granted=[50.0, 60],
            swapped=[10.0, np.nan],
            compressed=[5.0, 5],
            active=[20.0, 30],
        )
    demand = load(tmp_path)
    assert demand.used.tolist() == [[65, 65] * 2] and demand.active.tolist() == [[20, 30] * 2]
    assert demand.time.tolist() == [0, 1, 2, 3]


def test_a_result_of_the_lab_is_demand(tmp_path):
    pytest.importorskip("pyarrow")
    import made_up

    result = made_up.result(60)
    demand = load(result.save(tmp_path / "result"))
    first = np.asarray(result.vms["vm"]) == demand.names[0]
    np.testing.assert_array_equal(demand.size[0], np.asarray(result.vms["size"], float)[first])


@pytest.mark.parametrize(
    ("columns", "why"),
    [
        ({"time": [1], "vm": ["a"], "used": ["x"]}, "column 'used': it holds string"),
        ({"time": [1], "used": [1]}, "no column vm"),
    ],
)
def test_a_column_that_is_none_is_named(tmp_path, columns, why):
    pytest.importorskip("pyarrow")
    with pytest.raises(DemandError, match=why):
        load(made_demand.write_parquet(tmp_path / "t.parquet", **columns))


@pytest.mark.parametrize("kind", KINDS)
def test_options_apply_where_they_mean_something(kind, tmp_path):
    if kind == "parquet":
        pytest.importorskip("pyarrow")
    path = made_demand.sample(kind, tmp_path)
    (reader,) = [each for each in READERS if each.kind == kind]
    for option in {"unit", "label", "column"} - {*reader.options}:
        with pytest.raises(ValueError, match=f"{option} does not apply to {kind}"):
            load(path, **{option: "x"})
