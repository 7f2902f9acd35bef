"""What the kernel's files say, from trees that look like them: right, in bytes, and None where a
file or a field is not there, which is not 0.
"""

import dataclasses
import itertools
import os

import pytest

from pageengine.errors import LiveError
from pageengine.live.readings import HostReading
from pageengine.live.sources import HostReader, Since
from pageengine.live.sources.ksm import Ksm, KsmKnobs, read_ksm, settable
from pageengine.live.sources.memory import HostMemory, read_memory
from pageengine.live.sources.pressure import Stalls, read_pressure
from pageengine.live.sources.swap import (
    SwapArea,
    Zipped,
    read_swaps,
    read_zipped,
)

KIB = 1024
MEMINFO = """\
MemTotal:       24683656 kB
MemFree:        20279544 kB
MemAvailable:   23244724 kB
SwapTotal:       1048576 kB
SwapFree:        1000000 kB
Zswap:               123 kB
Zswapped:            456 kB
Committed_AS:    1225672 kB
HugePages_Total:       7
"""
KSM = {"run": 1, "pages_to_scan": 100, "sleep_millisecs": 20, "pages_sharing": 500}
KSM |= {"pages_shared": 50, "pages_unshared": 9, "pages_volatile": 3, "full_scans": 4}
KSM |= {"general_profit": -8, "ksm_zero_pages": 11, "advisor_mode": "[none] scan-time"}
STALLS = "{} avg10={:.2f} avg60=0.00 avg300=0.00 total={}\n"


def put(root, path, said):
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"{said}\n" if not str(said).endswith("\n") else said)
    return file


def stalled(root, some, full, cpu=1, average=1.5):
    lines = STALLS.format("some", average, some) + STALLS.format("full", average / 2, full)
    put(root, "proc/pressure/memory", lines)
    put(root, "proc/pressure/cpu", STALLS.format("some", 0, cpu))


@pytest.fixture
def root(tmp_path):
    put(tmp_path, "proc/meminfo", MEMINFO)
    put(tmp_path, "proc/vmstat", "nr_free_pages 5\npswpin 10\npswpout 20\noom_kill 3\n")
    for name, value in KSM.items():
        put(tmp_path, f"sys/kernel/mm/ksm/{name}", value)
    stalled(tmp_path, 2_000_000, 500_000)
    return tmp_path


def test_nothing_is_there_and_nothing_is_known(tmp_path):
    reader = HostReader(tmp_path, itertools.count().__next__)
    for _ in range(2):
        reading = reader.read()
        known = {name: value for name, value in vars(reading).items() if value is not None}
        assert known == {"time": reading.time}
    assert read_memory(tmp_path) == HostMemory()
    assert (read_pressure(tmp_path), read_ksm(tmp_path)) == (Stalls(), Ksm())
    assert (read_swaps(tmp_path), read_zipped(tmp_path)) == (None, Zipped())


def test_memory(root):
    found = read_memory(root)
    assert (found.total, found.free) == (24683656 * KIB, 20279544 * KIB)
    assert (found.available, found.committed) == (23244724 * KIB, 1225672 * KIB)
    assert (found.swap_total, found.swap_free) == (1 << 30, 1000000 * KIB)
    assert (found.swapped_in, found.swapped_out, found.out_of_memory) == (40960, 81920, 3)


@pytest.mark.parametrize("field", ["MemTotal", "MemFree", "MemAvailable", "SwapFree"])
def test_a_field_that_is_not_there_is_not_known(root, field):
    put(root, "proc/meminfo", MEMINFO.replace(field, "Another"))
    assert sum(value is None for value in dataclasses.asdict(read_memory(root)).values()) == 1


@pytest.mark.parametrize("said", ["", "MemTotal: many kB", "MemTotal: 5", "\0\xff"])
def test_a_file_that_says_something_else_is_not_known(root, said):
    put(root, "proc/meminfo", said)
    put(root, "proc/vmstat", said)
    assert read_memory(root) == HostMemory()


def test_pressure(root):
    assert read_pressure(root) == Stalls(2.0, 0.5)


def test_a_kernel_that_does_not_count_waiting_is_not_one_without_any(root):
    stalled(root, 0, 0, cpu=0)
    assert read_pressure(root) == Stalls()
    stalled(root, 0, 0, cpu=5)
    assert read_pressure(root).some == 0


def test_pressure_of_a_cgroup(root, tmp_path):
    file = put(tmp_path, "vm.scope/memory.pressure", STALLS.format("some", 2, 7_000_000))
    assert read_pressure(root, str(file.parent)) == Stalls(some=7.0)


def test_ksm(root):
    found = read_ksm(root)
    assert (found.merged, found.shared) == (511 * 4096, 50 * 4096)
    assert (found.unshared, found.volatile) == (9 * 4096, 3 * 4096)
    assert (found.run, found.full_scans, found.profit, found.advisor) == (1, 4, -8, "none")
    assert found.scan_rate == 5000


@pytest.mark.parametrize(
    ("name", "value", "rate"),
    [("run", 0, 0.0), ("run", 2, 0.0), ("sleep_millisecs", 0, None), ("pages_to_scan", 7, 350.0)],
)
def test_the_rate_that_ksm_is_set_to(root, name, value, rate):
    put(root, f"sys/kernel/mm/ksm/{name}", value)
    assert read_ksm(root).scan_rate == rate


@pytest.mark.parametrize("rate", [0.1, 1, 49, 50, 1234, 5000, 1e6])
def test_a_rate_that_is_set_is_read_again(root, rate):
    put(root, "sys/kernel/mm/ksm/run", 0)
    KsmKnobs(root).set_scan_rate(rate)
    assert read_ksm(root).scan_rate == pytest.approx(rate, rel=0.03)
    assert read_ksm(root).scan_rate == settable(rate)  # or it would be set again and again


def test_a_rate_of_nothing_stops_ksm_and_leaves_what_is_merged(root):
    KsmKnobs(root).set_scan_rate(0)
    assert read_ksm(root).run == 0


def test_an_advisor_of_the_kernels_is_turned_off_before_the_rate_is_set(root):
    put(root, "sys/kernel/mm/ksm/advisor_mode", "none [scan-time]")
    assert read_ksm(root).advisor == "scan-time"
    KsmKnobs(root).set_scan_rate(100)
    assert read_ksm(root).advisor == "none"


def test_knobs_are_as_they_were_after_whatever_happens(root):
    before = read_ksm(root)
    with pytest.raises(ZeroDivisionError), KsmKnobs(root).kept() as knobs:
        knobs.set_scan_rate(777)
        knobs.set("run", 2)
        assert read_ksm(root) != before
        raise ZeroDivisionError
    assert read_ksm(root) == before


def test_knobs_that_cannot_be_set_are_said(tmp_path, root):
    with pytest.raises(LiveError, match="no KSM"):
        KsmKnobs(tmp_path / "none").set_scan_rate(5)
    (root / "sys/kernel/mm/ksm/sleep_millisecs").unlink()
    (root / "sys/kernel/mm/ksm/sleep_millisecs").mkdir()
    with pytest.raises(LiveError, match="sleep_millisecs cannot be set"):
        KsmKnobs(root).set_scan_rate(5)
    for wrong in (-1, float("nan"), "5"):
        with pytest.raises((ValueError, TypeError), match="scan rate"):
            KsmKnobs(root).set_scan_rate(wrong)


def test_one_knob_that_cannot_be_restored_keeps_no_other_from_it(root):
    knobs = KsmKnobs(root)
    saved = knobs.saved()
    (root / "sys/kernel/mm/ksm/pages_to_scan").unlink()
    put(root, "sys/kernel/mm/ksm/run", 0)
    with pytest.raises(LiveError, match="pages_to_scan"):
        knobs.restore(saved)
    assert read_ksm(root).run == 1


def test_what_is_no_knob_is_not_written(root):
    (root / "kept").write_text("kept")
    saved = {**KsmKnobs(root).saved(), "../../../../kept": "1", "full_scans": "0"}
    put(root, "sys/kernel/mm/ksm/run", 0)
    with pytest.raises(LiveError, match=r"'../../../../kept' is no knob.*'full_scans' is no knob"):
        KsmKnobs(root).restore(saved)
    assert (root / "kept").read_text() == "kept" and read_ksm(root).run == 1


def test_swap_areas(tmp_path):
    head = "Filename  Type  Size  Used  Priority\n"
    put(tmp_path, "proc/swaps", head)
    assert read_swaps(tmp_path) == (), "none, which is not the same as not known"
    line = "/dev/zram0 partition 1024 512 100\n/swap\\040file file 2048 0 -2\nbroken\n"
    put(tmp_path, "proc/swaps", head + line)
    assert read_swaps(tmp_path) == (
        SwapArea("/dev/zram0", "partition", 1024 * KIB, 512 * KIB, 100),
        SwapArea("/swap file", "file", 2048 * KIB, 0, -2),
    )


def test_what_lies_compressed_in_memory(root):
    assert read_zipped(root) == Zipped(456 * KIB, 123 * KIB)
    put(root, "sys/block/zram0/disksize", 0)
    put(root, "sys/block/zram1/disksize", 1 << 20)
    put(root, "sys/block/zram1/mm_stat", "   4096  74  12288  0  0 0 0 0 0")
    assert read_zipped(root) == Zipped(456 * KIB + 4096, 123 * KIB + 12288)
    put(root, "proc/meminfo", MEMINFO.replace("Zsw", "Another"))
    assert read_zipped(root) == Zipped(4096, 12288), "a kernel without zswap"
    put(root, "sys/block/zram2/disksize", 1 << 20)
    assert read_zipped(root) == Zipped(), "one that does not tell may hold anything"
    found = HostReader(root).read()
    assert found.compressed is found.cache is None


def test_the_compressed_part_of_swap_is_in_the_reading_of_the_host(root):
    found = HostReader(root).read()
    assert (found.compressed, found.cache) == (456 * KIB, 123 * KIB)


def test_rates_and_shares_are_of_what_passed_since(root):
    times = iter([100.0, 102.0, 102.0, 104.0])
    reader = HostReader(root, times.__next__)
    first = reader.read()
    assert first.swap_in_rate is first.pressure_some is None
    assert (first.memory, first.merged, first.scan_rate) == (24683656 * KIB, 511 * 4096, 5000)
    put(root, "proc/vmstat", "pswpin 30\npswpout 20\n")
    stalled(root, 3_000_000, 600_000)
    second = reader.read()
    assert (second.swap_in_rate, second.swap_out_rate) == (10 * 4096, 0.0)
    assert (second.pressure_some, second.pressure_full) == (0.5, pytest.approx(0.05))
    again = reader.read()
    assert again == HostReading(**vars(second)), "at the same moment it says the same"
    stalled(root, 9_000_000, 0)
    third = reader.read()
    assert third.pressure_some == 1.0, "no more than all of the time"
    assert third.pressure_full is None, "a counter that fell was begun anew"
    assert third.swap_in_rate == 0.0


def test_a_counter_that_was_not_there_for_a_while_is_begun_anew():
    since = Since()
    said = [since.rate("x", now, count) for now, count in enumerate([5, None, 9, 10])]
    assert said == [None, None, None, 1.0]


@pytest.mark.skipif(not os.path.exists("/proc/meminfo"), reason="not Linux")
def test_this_host():
    found = HostReader().read()
    assert 0 < found.free <= found.memory and found.available <= found.memory
