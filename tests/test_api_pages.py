"""At stake: a public name that no page of the reference shows, or a page that names what is gone.
The pages in docs/api are lists of names; what is said of each is its docstring, which must be
there.
"""

import ast
import importlib
import inspect
import json
import pkgutil
import re
from pathlib import Path

import pytest

import pageengine as pe
from pageengine import analysis
from pageengine.lab import build, workloads
from pageengine.policy.base import Policy
from pageengine.policy.workingset import WorkingSet

ROOT = Path(__file__).parents[1]
PAGES = sorted((ROOT / "docs" / "api").glob("*.md"))
NAMED = [name for page in PAGES for name in re.findall(r"^::: (\S+)$", page.read_text(), re.M)]
WITHIN = {"_c", "cli", "plumbing"}  # packages that no user imports
FOLDERS = [
    found.name
    for found in pkgutil.walk_packages(pe.__path__, "pageengine.")
    if found.ispkg and found.name.split(".")[1] not in WITHIN
]
PACKAGES = [
    pe,
    *(each for each in map(importlib.import_module, FOLDERS) if hasattr(each, "__all__")),
]
PROTOCOLS = (Policy, WorkingSet, workloads.Workload)  # what their methods do is said there


def named(name):
    """The module, or what is in one."""
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:end]))
        except ModuleNotFoundError:
            continue
        for part in parts[end:]:
            found = getattr(found, part)
        return found
    raise AssertionError(name)


def shown():
    """Everything that the pages show, by name; of a module, what it defines."""
    for name in NAMED:
        thing = named(name)
        if inspect.ismodule(thing):
            for inner, value in vars(thing).items():
                if not inner.startswith("_") and getattr(value, "__module__", "") == name:
                    yield f"{name}.{inner}", value
        else:
            yield name, thing


SHOWN = dict(shown())


def members(cls):
    """Methods and properties of a class that are the package's own."""
    for base in cls.__mro__:
        if base.__module__.startswith("pageengine"):
            for name, value in vars(base).items():
                made = isinstance(value, property | staticmethod | classmethod)
                if not name.startswith("_") and (made or inspect.isroutine(value)):
                    yield name, value


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_every_public_name_is_on_a_page(package):
    things, names = list(SHOWN.values()), {name.rpartition(".")[2] for name in SHOWN}
    missing = []
    for name in package.__all__:
        thing = getattr(package, name)
        if inspect.ismodule(thing):
            covered = any(page.startswith(thing.__name__) for page in NAMED)
        else:
            covered = name in names and any(thing is other for other in things)
        missing += [] if covered else [name]
    assert not missing


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_package_is_on_a_page(folder):
    assert any(f"{name}.".startswith(f"{folder}.") for name in NAMED)


def programs(path):
    """Those of a page or a notebook, or the program itself."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        return [text]
    if path.suffix == ".md":
        return re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    cells = json.loads(text)["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def used(program):
    """What of the package a program imports, or reaches through ``import pageengine as pe``."""
    for node in ast.walk(ast.parse(program)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("pageengine"):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name | ast.Attribute):
            said = ast.unparse(node)
            if said.startswith("pe.") and hasattr(pe, said.split(".")[1]):
                yield f"pageengine.{said[3:]}"


EXAMPLES = [*ROOT.glob("docs/*.md"), ROOT / "README.md", *ROOT.glob("examples/*.*")]
USED = {
    name
    for path in EXAMPLES
    if path.suffix in (".md", ".ipynb", ".py")
    for program in programs(path)
    for name in used(program)
}


def on_a_page(name):
    """Whether the reference shows it, or what it is a member of; of a module: what is in it."""
    thing, holder = named(name), named(name.rpartition(".")[0])
    if inspect.ismodule(thing):
        return any(f"{shown}.".startswith(f"{thing.__name__}.") for shown in NAMED)
    return any(each is thing or each is holder for each in SHOWN.values())


def test_what_examples_use_is_on_a_page():
    assert len(USED) > 30
    assert [name for name in sorted(USED) if not on_a_page(name)] == []


def test_every_module_of_answers_is_on_a_page():
    folder = Path(analysis.__file__).parent
    parts_of_others = {"__init__", "chunks", "tally", "payload", "programs", "resident"}
    there = {path.stem for path in folder.glob("*.py")} - parts_of_others
    assert {f"pageengine.analysis.{name}" for name in there} <= set(NAMED)
    assert build.__name__ in NAMED


def test_what_is_shown_says_what_it_is():
    silent = []
    for name, thing in SHOWN.items():
        if inspect.isclass(thing) or callable(thing):
            silent += [] if inspect.getdoc(thing) else [name]
        if inspect.isclass(thing):
            told = {key for kind in PROTOCOLS for key, value in members(kind) if value.__doc__}
            for key, value in members(thing):
                if not value.__doc__ and key not in told:
                    silent.append(f"{name}.{key}")
    assert not silent


def test_a_name_is_on_one_page():
    assert len(NAMED) == len(set(NAMED))
