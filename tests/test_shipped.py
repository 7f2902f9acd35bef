"""At stake: the first five minutes of somebody who has the wheel and not the source tree. Scenarios
and pages must come with the package, be found by name, and go where they are asked to. In a source
tree they are found where they live; tools/wheels.py runs the same tests on wheels.
"""

import ast
import json
from pathlib import Path

import pytest

from pageengine.cli import main
from pageengine.lab.scenario import Scenario
from pageengine.plumbing import shipped

ROOT = Path(__file__).parents[1]
PROGRAMS = [ROOT / "examples" / f"{name}.py" for name in ("consolidate", "fleet")]
SCENARIOS = sorted((ROOT / "examples" / "scenarios").glob("*.toml"))
NOTEBOOKS = sorted((ROOT / "examples").glob("*.ipynb"))
EMBED = [
    ROOT / "examples" / "embed" / name
    for name in ("embed_c.c", "embed_cython.pyx", "embed_python.py", "embed_setup.py")
]
PAGES = sorted((ROOT / "docs").glob("*.md"))


def run(capsys, *arguments):
    status = main(list(arguments))
    out, err = capsys.readouterr()
    return status, out, err


@pytest.mark.parametrize(
    ("found", "there"),
    [
        (shipped.scenarios(), SCENARIOS),
        (shipped.pages(), PAGES),
        (shipped.examples(), [*SCENARIOS, *NOTEBOOKS, *PROGRAMS, *EMBED]),
    ],
)
def test_what_is_in_the_tree_is_what_the_package_finds(found, there):
    assert list(found) == [path.stem for path in there]
    for path in there:
        assert found[path.stem].read_bytes() == path.read_bytes()


def test_the_build_takes_all_that_the_package_looks_for():
    """The table of setup.py against what is in the tree, with nothing large in it."""
    table = next(
        node.value
        for node in ast.parse((ROOT / "setup.py").read_text()).body
        if isinstance(node, ast.Assign) and node.targets[0].id == "SHIPPED"
    )
    taken = {
        path
        for folder, patterns in ast.literal_eval(table).items()
        for pattern in patterns
        for path in (ROOT / folder).glob(pattern)
    }
    programs = (ROOT / "examples").glob("*.py")
    assert taken == {*SCENARIOS, *NOTEBOOKS, *PAGES, *programs, *EMBED}
    sizes = [path.stat().st_size for path in taken]
    assert max(sizes) < 60_000 and sum(sizes) < 580_000, "text is a quarter of that in a wheel"


def test_each_says_in_a_line_what_it_is_about():
    for path in [*shipped.examples().values(), *shipped.pages().values()]:
        said = shipped.about(path)
        assert 3 < len(said) < 120 and "\n" not in said and not said.startswith("#")


def test_the_list_names_every_example_and_every_page(capsys):
    status, out, _ = run(capsys, "examples")
    assert status == 0 and all(f"\n{name} " in out for name in shipped.examples())
    status, out, _ = run(capsys, "docs")
    assert status == 0 and all(f"\n{name} " in out for name in shipped.pages())
    for command, key, found in (
        ("examples", "examples", shipped.examples()),
        ("docs", "pages", shipped.pages()),
    ):
        status, out, _ = run(capsys, command, "--json")
        files = {name: entry["file"] for name, entry in json.loads(out)[key].items()}
        assert status == 0 and files == {name: str(path) for name, path in found.items()}


def test_what_is_printed_is_the_file_to_the_byte(capsys):
    for command, name, path in (
        ("examples", "states", SCENARIOS[0].parent / "states.toml"),
        ("docs", "policies", ROOT / "docs" / "policies.md"),
    ):
        assert run(capsys, command, name) == (0, path.read_text(), "")
        status, out, _ = run(capsys, command, name, "--json")
        assert status == 0 and json.loads(out)["text"] == path.read_text()


def test_copies_are_made_and_nothing_is_written_over(capsys, tmp_path):
    folder = tmp_path / "mine"
    assert run(capsys, "examples", "states", "-o", str(folder))[0] == 0
    assert [path.name for path in folder.iterdir()] == ["states.toml"]
    (folder / "states.toml").write_text("changed by hand")
    status, _, err = run(capsys, "examples", "-o", str(folder))
    assert status == 2 and "states.toml is there already" in err
    assert (folder / "states.toml").read_text() == "changed by hand"
    assert len(list(folder.iterdir())) == 1  # and nothing else was copied
    status, out, _ = run(capsys, "examples", "-o", str(tmp_path / "all"), "--json")
    assert status == 0 and len(json.loads(out)["copied"]) == len(shipped.examples())
    assert (tmp_path / "all" / "boot_storm.toml").read_bytes() == SCENARIOS[0].read_bytes()


@pytest.mark.parametrize(
    ("command", "name", "says"),
    [
        ("examples", "state", "did you mean 'states'?"),
        ("docs", "polices", "did you mean 'policies'?"),
    ],
)
def test_a_name_that_is_off_is_told_of_one_that_is_there(capsys, command, name, says):
    status, out, err = run(capsys, command, name)
    assert (status, out) == (2, "") and says in err and err.count("\n") == 1


def test_a_scenario_is_found_by_name_where_there_is_no_such_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert Scenario.load("states").data == Scenario.load(shipped.scenarios()["states"]).data
    (tmp_path / "states").mkdir()  # the result of a run is no scenario
    assert Scenario.load("states").source.endswith("states.toml")
    (tmp_path / "states").rmdir()
    own = SCENARIOS[0].read_text().replace('name = "', 'name = "my ', 1)
    (tmp_path / "states").write_text(own)
    assert Scenario.load("states").name.startswith("my ")


def test_a_path_is_never_taken_for_a_name(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for path in ("states.toml", "mine/states"):
        with pytest.raises(FileNotFoundError, match="No such file or directory"):
            Scenario.load(path)
    with pytest.raises(FileNotFoundError, match="those that do are boot_storm, .*states"):
        Scenario.load("stats")
    status, _, err = run(capsys, "run", "stats")
    assert status == 2 and "stats: there is no such file" in err and "states" in err
