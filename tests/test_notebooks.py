"""Notebooks are read by people who decide whether to stay. Each is run from top to bottom where
`pageengine examples NAME -o DIR` puts it, as it stands or on a smaller scale, and keeps no outputs:
what it prints is what the present version does.
"""

import ast
import importlib.util
import json
import os
from pathlib import Path

import pytest

import pageengine as pe
from pageengine.cli import main

FOLDER = Path(__file__).parents[1] / "examples"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
slow = pytest.mark.slow
SLOW = {"compare_policies", "embed_simpy", "four_states", "own_policy"}
#: What takes minutes is run on a smaller scale: what is in its place.
SCALED = {
    "tune_policy": (
        "SECONDS, GRID, SEEDS, OTHERS = 30, 5, range(1, 3), range(101, 111)",
        "SECONDS, GRID, SEEDS, OTHERS = 4, 2, range(1, 2), range(101, 103)",
    )
}
EACH = [
    pytest.param(path, id=path.stem, marks=[slow] if path.stem in SLOW else [])
    for path in NOTEBOOKS
]


def cells(path, kind):
    found = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in found if cell["cell_type"] == kind]


def run(code, where, names):
    """Runs a cell; the value of its last line, if that is an expression, as a notebook shows it."""
    tree = ast.parse(code, where)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, where, "exec"), names)
    return eval(compile(ast.Expression(last.value), where, "eval"), names) if last else None


def test_there_are_notebooks():
    listed = (FOLDER / "README.md").read_text()
    assert len(NOTEBOOKS) >= 7
    assert [path.name for path in NOTEBOOKS if path.name not in listed] == []


def copied(path, folder):
    """The notebook as a user of a wheel has it, in a folder of its own; smaller where it is long.
    Skips where a package that it needs is not there."""
    code = "\n".join(cells(path, "code"))
    for module, written in (
        ("simpy", "import simpy"),
        ("pandas", "import pandas"),
        ("gymnasium", "pageengine.lab.gym"),
    ):
        if written in code:
            pytest.importorskip(module)
    pytest.importorskip("matplotlib").use("agg")
    assert main(["examples", path.stem, "-o", str(folder)]) == 0
    copy = folder / path.name
    if path.stem in SCALED:
        whole, smaller = SCALED[path.stem]
        text = copy.read_text(encoding="utf-8")
        assert text.count(whole) == 1
        copy.write_text(text.replace(whole, smaller), encoding="utf-8")
    return copy


@pytest.mark.parametrize("path", EACH)
def test_a_notebook_runs_from_top_to_bottom(path, monkeypatch, tmp_path):
    copy = copied(path, tmp_path / "mine")
    from matplotlib.figure import Figure

    monkeypatch.chdir(copy.parent)
    names = {"__name__": path.stem}
    for number, code in enumerate(cells(copy, "code")):
        shown = run(code, f"{path.name}, code cell {number}", names)
        if isinstance(shown, Figure):  # a notebook shows nothing but the name of any other
            assert shown._repr_png_().startswith(b"\x89PNG")
        elif hasattr(shown, "_repr_html_"):
            assert "<table" in shown._repr_html_()


JUPYTER = all(map(importlib.util.find_spec, ("nbconvert", "ipykernel")))


@pytest.mark.skipif(not JUPYTER, reason="needs nbconvert and ipykernel")
@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, id=path.stem, marks=() if path.stem == "first_steps" else slow)
        for path in NOTEBOOKS
    ],
)
def test_a_notebook_runs_in_jupyter_and_keeps_its_tables(path, monkeypatch, tmp_path):
    from nbconvert import HTMLExporter
    from nbconvert.preprocessors import ExecutePreprocessor
    from nbformat import read

    copy = copied(path, tmp_path)
    home = str(Path(pe.__file__).parents[1])  # for the kernel, which is a process of its own
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((home, os.environ.get("PYTHONPATH", ""))))
    notebook = read(copy, as_version=4)
    ExecutePreprocessor(timeout=600, kernel_name="python3").preprocess(
        notebook, {"metadata": {"path": str(tmp_path)}}
    )
    outputs = [each for cell in notebook.cells for each in cell.get("outputs", ())]
    assert outputs and not [each for each in outputs if each.output_type == "error"]
    page, _ = HTMLExporter().from_notebook_node(notebook)
    if path.stem == "first_steps":
        assert page.count("where its pages are") == 1 and "<svg" in page


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_tells_a_story_and_keeps_no_output(path):
    document = json.loads(path.read_text(encoding="utf-8"))
    assert not any(cell.get("outputs") for cell in document["cells"])
    texts = cells(path, "markdown")
    assert texts[0].startswith("# ") and len(texts) >= 4
    lines = [line for cell in document["cells"] for line in "".join(cell["source"]).split("\n")]
    assert max(map(len, lines)) <= 100
