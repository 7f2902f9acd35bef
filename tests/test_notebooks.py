"""Notebooks are read by people who decide whether to stay. Each is run from top to bottom, as it
stands, and keeps no outputs: what it prints is what the present version does.
"""

import ast
import json
import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "examples"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
SLOW = {"compare_policies", "embed_simpy", "four_states", "own_policy"}
EACH = [
    pytest.param(path, id=path.stem, marks=[pytest.mark.slow] if path.stem in SLOW else [])
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
    assert len(NOTEBOOKS) >= 6
    assert [path.name for path in NOTEBOOKS if path.name not in listed] == []


@pytest.mark.parametrize("path", EACH)
def test_a_notebook_runs_from_top_to_bottom(path, monkeypatch):
    for module in ("simpy", "pandas"):
        if any(re.search(rf"^import {module}\b", code, re.M) for code in cells(path, "code")):
            pytest.importorskip(module)
    pytest.importorskip("matplotlib").use("agg")
    from matplotlib.figure import Figure

    monkeypatch.chdir(FOLDER)
    names = {"__name__": path.stem}
    for number, code in enumerate(cells(path, "code")):
        shown = run(code, f"{path.name}, code cell {number}", names)
        if isinstance(shown, Figure):  # a notebook shows nothing but the name of any other
            assert shown._repr_png_().startswith(b"\x89PNG")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_tells_a_story_and_keeps_no_output(path):
    document = json.loads(path.read_text(encoding="utf-8"))
    assert not any(cell.get("outputs") for cell in document["cells"])
    texts = cells(path, "markdown")
    assert texts[0].startswith("# ") and len(texts) >= 4
    lines = [line for cell in document["cells"] for line in "".join(cell["source"]).split("\n")]
    assert max(map(len, lines)) <= 100
