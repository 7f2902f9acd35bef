"""The experiment claims that every byte comes back and that each technique gave back so much: both
must be true. Small images go onto smaller hosts; the sums are checked, and a host that lies must be
found out."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pageengine import images
from pageengine.analysis import programs
from pageengine.analysis.overcommit import memory_for, names_for, overcommit
from pageengine.host.vm import VM

PAGE = 4096
MIB = 1 << 20


def image_file(folder, name: str, seed: int) -> str:
    """512 pages: random ones, some equal in all images, compressible ones and zero pages."""
    draw = np.random.default_rng(seed)
    common = np.random.default_rng(0).integers(0, 256, (100, PAGE)).astype(np.uint8)
    own = draw.integers(0, 256, (150, PAGE)).astype(np.uint8)
    small = np.zeros((150, PAGE // 8), np.uint64)
    small[:, ::4] = draw.integers(1, 200, (150, PAGE // 32))
    zero = np.zeros((112, PAGE), np.uint8)
    path = folder / f"{name}.raw"
    path.write_bytes(np.concatenate([common, own, small.view(np.uint8), zero]).tobytes())
    return str(path)


@pytest.fixture
def paths(tmp_path):
    return [image_file(tmp_path, name, seed) for name, seed in (("web", 1), ("db", 2), ("ci", 3))]


def test_images_on_half_their_memory_read_back_byte_for_byte(paths):
    result = overcommit(paths, "50%")
    assert result.same
    assert result.memory == 3 * MIB
    assert [vm.compared for vm in result.vms] == [512] * 3
    assert [phase.name for phase in result.phases] == ["load", "scan", "balance", "verify"]


def test_what_was_given_back_adds_up(paths):
    result = overcommit(paths, "50%")
    used = result.phase("balance").stats["consumed"]
    assert sum(result.given_back.values()) == result.configured - used
    assert all(value >= 0 for value in result.given_back.values())
    assert result.given_back["zero pages"] > 0
    assert result.given_back["equal pages"] > 0
    for vm in result.vms:
        assert sum(vm.places.values()) == vm.size == 2 * MIB
    assert used <= result.memory


def test_without_sharing_and_compression_swap_does_it_all(paths):
    result = overcommit(paths, "50%", sharing=False, compression=None)
    assert result.same
    assert result.given_back["equal pages"] == result.given_back["compression"] == 0
    assert result.given_back["swap"] > 0


def test_vms_of_different_groups_share_only_the_zero_page(paths):
    groups = dict(zip(paths, "abc", strict=True))
    apart = overcommit(paths, "90%", groups=groups)
    together = overcommit(paths, "90%")
    assert apart.same and together.same
    assert apart.given_back["equal pages"] < together.given_back["equal pages"]
    assert [vm.group for vm in apart.vms] == ["a", "b", "c"]


def test_holes_are_read_back_as_zeros(tmp_path):
    path = tmp_path / "sparse.raw"
    with open(path, "wb") as file:
        file.write(os.urandom(3 * PAGE))
        file.truncate(4 * MIB)
    result = overcommit([str(path)], "64 KiB")
    assert result.same and result.vms[0].compared == 1024


def test_a_page_that_reads_back_different_is_found(paths, monkeypatch):
    read = VM.read

    def wrong(self, ppns):
        out = read(self, ppns)
        if self.name == "db":
            out[np.asarray(ppns) == 407, 11] ^= 1
        return out

    monkeypatch.setattr(VM, "read", wrong)
    result = overcommit(paths, "50%")
    assert not result.same
    assert [vm.differing for vm in result.vms] == [0, 1, 0]
    assert result.vms[1].first_differing == 407


def test_the_result_is_plain_data(paths):
    data = json.loads(json.dumps(overcommit(paths[:1], "1 MiB").to_dict()))
    assert data["same"] is True
    assert data["phases"][0]["stats"]["memory"] == MIB


def test_progress_reaches_the_end_of_every_vm(paths):
    ends = {}
    overcommit(
        paths,
        "50%",
        progress=lambda phase, vm, done, total: ends.__setitem__((phase, vm), (done, total)),
    )
    for name in ("web", "db", "ci"):
        assert ends["load", name] == ends["verify", name] == (512, 512)


def test_memory_is_a_size_or_a_part_of_the_total():
    assert memory_for("50%", 10 * PAGE) == 5 * PAGE
    assert memory_for("1 MiB", 0) == MIB
    assert memory_for(5000, 0) == PAGE
    for bad in ("0%", "-5%", "x%", "12x", "0", 100):
        with pytest.raises(ValueError, match="memory"):
            memory_for(bad, 100 * PAGE)


def test_names_are_short_and_different():
    assert names_for(["/a/web.raw", "/b/web.raw", "db.core", "web-2.raw"]) == [
        "web",
        "web-2",
        "db",
        "web-2-2",
    ]


def test_no_image_and_an_empty_image_are_refused(tmp_path):
    with pytest.raises(ValueError, match="no image"):
        overcommit([], "50%")
    empty = tmp_path / "empty.raw"
    empty.touch()
    with pytest.raises(images.ImageError, match="empty"):
        overcommit([str(empty)], "50%")


@pytest.mark.skipif(not os.path.exists("/proc/self/mem"), reason="needs /proc")
def test_programs_are_captured_whole_and_end(tmp_path):
    with programs.running(["records", "arrays"], 24) as started:
        for program in started:
            programs.wait_ready(program)
        captured = [programs.capture(program, str(tmp_path)) for program in started]
    assert all(program.process.returncode is not None for program in started)
    assert all(one.whole and one.data_pages * PAGE > 20 * MIB for one in captured)


def test_a_program_that_may_not_be_read_writes_its_own_memory(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise images.ImageError("not permitted")

    monkeypatch.setattr(images, "capture", refuse)
    with programs.running(["records", "arrays"], 40) as started:
        for program in started:
            programs.wait_ready(program)
        captured = [programs.capture(program, str(tmp_path)) for program in started]
    for one in captured:
        assert not one.whole and one.reason == "not permitted"
        assert one.data_pages * PAGE > 2 * MIB
        with images.open(one.path) as image:
            assert image.pages == one.data_pages


@pytest.mark.parametrize("kind", programs.PROGRAMS)
def test_every_program_grows_to_the_size_it_is_told(kind):
    script = Path(programs.__file__).with_name("payload.py")
    done = subprocess.run(
        [sys.executable, str(script), kind, "40"],
        check=False,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (0, "ready\n")
