"""What once led a reader or the core astray does so again when somebody forgets why a line is
there. Every fuzz target is run on its seeds and on seeded changes, without any foreign tool;
tests/fuzz/run.py does so for hours, led by what is reached.
"""

import shutil
import subprocess
import sys

import c_objects
import pytest
from fuzz import seeds, targets

CC = shutil.which("gcc") or shutil.which("cc") or shutil.which("clang")
CHANGES = {  # about a second each
    "calls": 120,
    "checkpoints": 150,
    "demand": 300,
    "images": 700,
    "scenarios": 250,
    "traces": 700,
    "values": 3000,
    "codecs": 400,
    "guest": 1500,
    "host": 1500,
}
SIZE_MAX = 200 << 10


@pytest.mark.parametrize("name", targets.PYTHON)
def test_no_change_of_a_seed_leads_python_astray(name):
    targets.replay_python(name, CHANGES[name], 1)


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[] if name == "guest" else [pytest.mark.slow]) for name in targets.C],
)
def test_no_change_of_a_seed_leads_the_core_astray(name, tmp_path):
    if CC is None or sys.platform in ("darwin", "win32"):
        pytest.skip("needs a C compiler with AddressSanitizer")
    said = targets.replay_c(name, CC, CHANGES[name], 1, keep=tmp_path / "input")
    assert said == f"{len(targets.corpus(name))} files, {CHANGES[name]} changes\n"


@pytest.mark.parametrize("name", targets.PYTHON)
def test_seeds_are_valid_and_those_of_the_folder(name):
    """A fuzzer that starts from what is refused at the first byte finds nothing."""
    if name == "images":
        pytest.importorskip("zstandard")
    made = targets.module(name).seeds()
    for file, data in made.items():
        assert targets.module(name).one(data) is not file.startswith("refused"), file
    kept = {path.stem for path in targets.corpus(name)}
    assert made.keys() <= kept
    assert all(kept_on_purpose(file) for file in kept - made.keys())


def kept_on_purpose(file):
    return file.startswith("found-")


def test_the_seeds_of_the_core_are_those_of_the_script():
    for name in targets.C:
        made = dict(getattr(seeds, name)())
        kept = {path.stem: path.read_bytes() for path in targets.corpus(name)}
        assert {file: data for file, data in kept.items() if not kept_on_purpose(file)} == made


def test_every_target_has_seeds_and_all_of_them_are_small():
    folder = targets.HERE / "corpus"
    assert {path.name for path in folder.iterdir()} == {*targets.PYTHON, *targets.C} == {*CHANGES}
    assert sum(path.stat().st_size for path in folder.rglob("*")) < SIZE_MAX


def test_an_input_that_breaks_a_rule_is_told_and_kept(tmp_path):
    """A target whose one rule is that no input has four bytes in ascending order."""
    target = tmp_path / "target.c"
    target.write_text(
        '#include "fuzz.h"\n'
        "int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)\n"
        "{\n    MUST(size < 4 || data[0] >= data[1] || data[1] >= data[2]);\n    return 0;\n}\n"
    )
    if CC is None:
        pytest.skip("needs a C compiler")
    program = c_objects.program(
        "told", CC, [target, targets.HERE / "replay.c"], [f"-I{targets.HERE}"]
    )
    (tmp_path / "seed").write_bytes(b"dcba")
    keep = tmp_path / "kept"
    done = subprocess.run(
        [program, "5000", "1", tmp_path / "seed"],
        capture_output=True,
        text=True,
        env={"PAGEENGINE_FUZZ_KEEP": str(keep)},
    )
    assert done.returncode < 0 and "MUST(size < 4" in done.stderr
    data = keep.read_bytes()
    assert len(data) >= 4 and data[0] < data[1] < data[2]

    def one(data):
        assert len(data) < 4 or not data[0] < data[1] < data[2]

    with pytest.raises(AssertionError, match=r"for the input b'"):
        targets.tried(one, data)


def test_a_tool_that_is_missing_is_named_and_left_out(tmp_path):
    run = targets.HERE / "run.py"
    done = subprocess.run(
        [sys.executable, run, "--target", "host", "--seconds", "1"],
        capture_output=True,
        text=True,
        env={"PATH": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
    assert "host: skipped: there is no clang: install it" in done.stdout
    assert "fuzzing: 0 targets" in done.stdout
