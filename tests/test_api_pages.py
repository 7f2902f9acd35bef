"""At stake: a public name that no page of the reference shows, or a page that names what is gone.
The pages in docs/api are lists of names; what is said of each is its docstring, which must be
there.
"""

import importlib
import inspect
import re
from pathlib import Path

import pytest

import pageengine as pe
from pageengine import analysis, images, lab, papers, policy, report, traces
from pageengine.lab import build, workloads
from pageengine.policy.base import Policy
from pageengine.policy.workingset import WorkingSet

ROOT = Path(__file__).parents[1]
PAGES = sorted((ROOT / "docs" / "api").glob("*.md"))
NAMED = [name for page in PAGES for name in re.findall(r"^::: (\S+)$", page.read_text(), re.M)]
PACKAGES = (pe, policy, lab, workloads, images, traces, report, papers)
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


def test_every_page_of_the_reference_is_in_the_site():
    nav = (ROOT / "mkdocs.yml").read_text()
    assert PAGES and [page.name for page in PAGES if f": api/{page.name}\n" not in nav] == []
    assert len(NAMED) == len(set(NAMED))
