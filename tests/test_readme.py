"""At stake: the first example a reader tries. It is run here exactly as it stands in the README,
and what a page says that it prints is what it prints.
"""

import re
from pathlib import Path

import numpy as np

import pageengine as pe
from pageengine.cli import main

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


def test_the_example_of_the_guest_prints_what_the_page_says(capsys):
    page = README.parent / "docs" / "guest.md"
    exec(examples(page)[0], {})
    said = re.search(r"is left:\n\n```\n(.*?)```", page.read_text(), re.DOTALL)
    assert capsys.readouterr().out == said[1]
    exec(examples(page)[1], {})
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == [
        "clock",
        "lru",
        "fifo",
    ]


def test_the_start_page_shows_what_the_page_of_commands_shows():
    """Each output has one owner: who makes it anew there finds out that it stands here as well."""
    start, commands = (
        [
            line
            for kind, block in re.findall(
                r"^```(\w*)\n(.*?)^```$",
                (README.parent / "docs" / name).read_text(encoding="utf-8"),
                re.DOTALL | re.MULTILINE,
            )
            for line in block.splitlines()
            if not kind and line not in ("", "...")
        ]
        for name in ("index.md", "cli.md")
    )
    assert len(start) > 20 and [line for line in start if line not in commands] == []


def test_the_run_of_the_lab_leaves_the_page_it_names(tmp_path, monkeypatch, capsys):
    """A scenario in the current folder's examples; the path is taken from the README."""
    monkeypatch.chdir(README.parent)
    command = re.search(r"pageengine (run \S+) -o out", README.read_text())
    assert main([*command[1].split(), "--set", "run.duration=5s", "-o", str(tmp_path)]) == 0
    assert (tmp_path / "report.html").exists()
    for link in re.findall(r"\]\((?!https?:)([^)#]+)\)", README.read_text()):
        assert (README.parent / link).exists(), link


def test_an_image_is_read_in_three_lines(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("guest.raw").write_bytes(bytes(np.ones(8192, dtype=np.uint8)))
    exec(examples()[1], {"pe": pe})
    assert capsys.readouterr().out == "0 (2, 4096)\n"
