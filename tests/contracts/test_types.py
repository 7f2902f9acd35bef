"""The package says that it is typed (``py.typed``), so editors and type checkers of users believe
its annotations: one that is wrong sends them astray, and one that is missing hides their mistakes.
mypy reads every module of it, strictly, as pyproject.toml has it, and so what people copy from: the
examples, and a user's program, which says what it expects of each call.
"""

import json
import subprocess
import sys
import tomllib

import pytest
import tree
import users_program


def test_it_says_that_it_is_typed_and_mypy_is_told_to_be_strict():
    assert (tree.PACKAGE / "py.typed").exists(), "type checkers would pass over the whole package"
    told = tomllib.loads((tree.ROOT / "pyproject.toml").read_text())
    mypy, shipped = told["tool"]["mypy"], told["tool"]["setuptools"]["package-data"]["*"]
    assert mypy["strict"] and mypy["files"] == ["src/pageengine"]
    assert {"py.typed", "*.pyi"} <= set(shipped)


# cells are for reading: what they define needs no annotations, and is checked all the same
CELLS = (
    "# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, allow-any-generics, "
    "check-untyped-defs"
)


def cells(notebook, folder):
    """The code of a notebook as a program."""
    found = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    code = ["".join(cell["source"]) for cell in found if cell["cell_type"] == "code"]
    path = folder / f"{notebook.stem}_cells.py"
    path.write_text("\n\n".join([CELLS, *code]) + "\n", encoding="utf-8")
    return path


def test_what_a_users_program_expects_of_each_call_is_so(tmp_path):
    """At run time; mypy holds the same lines against the annotations, below."""
    users_program.main(tmp_path)


@pytest.mark.slow
def test_every_module_is_typed_and_what_it_says_is_right(tmp_path):
    pytest.importorskip("mypy")
    examples = tree.ROOT / "examples"
    read = [tree.PACKAGE, *examples.glob("*.py"), users_program.__file__]
    read += [cells(notebook, tmp_path) for notebook in sorted(examples.glob("*.ipynb"))]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--cache-dir", str(tmp_path / "cache"), *map(str, read)],
        cwd=tree.ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, f"\n{done.stdout}{done.stderr}"
