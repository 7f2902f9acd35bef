"""At stake: the first example a reader tries. It is run here exactly as it stands in the README."""

import re
from pathlib import Path

import numpy as np

import pageengine as pe

README = Path(__file__).parents[1] / "README.md"


def examples(path=README):
    return re.findall(r"```python\n(.*?)```", path.read_text(), re.DOTALL)


def test_the_example_of_the_stores_runs(capsys):
    exec(examples(README.parent / "docs" / "stores.md")[0], {})
    assert "'quarter': 8" in capsys.readouterr().out


def test_the_example_runs_as_it_stands(capsys):
    exec(examples()[0], {})
    printed = capsys.readouterr().out
    assert "merged=" in printed
    assert "SWAPPED" in printed


def test_the_example_of_the_lab_runs(capsys):
    exec(examples(README.parent / "docs" / "lab.md")[0], {})
    assert capsys.readouterr().out.strip()


def test_an_image_is_read_in_three_lines(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("guest.raw").write_bytes(bytes(np.ones(8192, dtype=np.uint8)))
    exec(examples()[1], {"pe": pe})
    assert capsys.readouterr().out == "0 (2, 4096)\n"
