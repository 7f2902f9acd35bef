"""A link that leads nowhere costs the trust of whoever follows it. Every link of every page and
notebook is followed as far as the tree goes, to headings as well; docs/links.py does it, which also
looks at the built site (tests/test_site.py), and asks for links that lead elsewhere.
"""

import importlib.util
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
_spec = importlib.util.spec_from_file_location("links", ROOT / "docs" / "links.py")
links = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(links)
PAGES = links.pages()
PATHS = re.compile(r"`(?:[\w ./-]* )?((?:docs|tests|bench|csrc|examples|src)/[\w./-]*\.\w{1,5})")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.parent.name}/{page.name}")
def test_links_lead_somewhere(page):
    assert links.broken(page) == []


def test_no_page_is_forgotten():
    made = {"build", "dist", "out", "site-packages"}
    there = {
        path
        for path in ROOT.rglob("*.md")
        if not made & set(path.relative_to(ROOT).parts)
        and not any(part.startswith(".") for part in path.relative_to(ROOT).parts)
    }
    assert len(there) > 30 and there - set(PAGES) == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.parent.name}/{page.name}")
def test_files_that_are_named_are_there(page):
    named = set(PATHS.findall(links.text(page)))
    assert [path for path in sorted(named) if "<" not in path and not (ROOT / path).exists()] == []


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A small tree with pages, as this one is."""
    monkeypatch.setattr(links, "ROOT", tmp_path)
    for folder in ("docs", "examples"):
        (tmp_path / folder).mkdir()
    (tmp_path / "docs" / "a.md").write_text("# A page\n\n## Zero, hole & gap\n\n## `two` words\n")
    (tmp_path / "LICENSE").write_text("")
    return tmp_path


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("[x](b.md)", "there is no such file"),
        ("[two\nlines](b.md 'and a title')", "there is no such file"),
        ("![picture](pictures/x.png)", "there is no such file"),
        ('<img src="x.png">', "there is no such file"),
        ("[x](a.md#no-such)", "there is no such heading"),
        ("[x](#no-such)", "there is no such heading"),
        ("[x](a.md#zero-hole-gap)", "there is no such heading"),
        ("[x](a.md#zero-hole--gap)", "there is no such heading"),  # of the forge alone
        ("[x](../LICENSE)", "the site has no page of it"),
        ("[x](../../elsewhere.md)", "there is no such file"),
        ("[x][ref]\n\n[ref]: gone.md", "there is no such file"),
        ("[x][nobody]", "there is no such file"),
    ],
)
def test_a_broken_link_is_seen(tree, said, why):
    page = tree / "docs" / "b.page.md"
    page.write_text(f"# B\n\n{said}\n")
    (found,) = links.broken(page)
    assert why in found


@pytest.mark.parametrize(
    "said",
    [
        "[x](a.md)",
        "[`x`](a.md#two-words)",
        "[x](#b)",
        "[x](https://example.org/gone)",
        "`[x](gone.md)`",
        "```\n[x](gone.md)\n```",
        "[x][ref]\n\n[ref]: a.md",
    ],
)
def test_a_link_that_leads_somewhere_is_let_be(tree, said):
    page = tree / "docs" / "b.page.md"
    page.write_text(f"# B\n\n{said}\n")
    assert links.broken(page) == []


def test_links_of_notebooks_are_those_of_their_text(tree):
    page = tree / "examples" / "first.ipynb"
    cells = [
        {"cell_type": "markdown", "source": ["# A\n", "[x](../gone.md)"]},
        {"cell_type": "code", "source": ["a = '[x](other.md)'"]},
    ]
    page.write_text(json.dumps({"cells": cells}))
    assert links.broken(page) == ["../gone.md: there is no such file"]


def test_links_that_lead_elsewhere_are_listed(tree):
    said = "[x](https://example.org/a#b) and <https://example.org/a>, http://127.0.0.1:9177/."
    (tree / "README.md").write_text(f"{said} See https://example.org/c.\n")
    assert links.outside() == {
        "https://example.org/a": ["README.md", "README.md"],
        "https://example.org/c": ["README.md"],
    }


def test_broken_links_of_a_site_are_seen(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "index.html").write_text('<h1 id="top"></h1><a href="../">home</a>')
    whole = '<a href="a/">a</a><a href="a/#top">b</a><a href="https://example.org">c</a>'
    (tmp_path / "index.html").write_text(whole)
    assert list(links.broken_in_site(tmp_path)) == []
    (tmp_path / "index.html").write_text(f'{whole}<a href="a/#end"></a><img src="x.png">')
    assert list(links.broken_in_site(tmp_path)) == [
        "index.html: a/#end: there is no such anchor",
        "index.html: x.png: there is no such file",
    ]
