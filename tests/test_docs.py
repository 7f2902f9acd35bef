"""A page that sends its reader nowhere, or shows a program that does not run, costs more trust than
it gives help. Every link between pages is followed, every page is in the site, and the programs of
pages that have no test of their own are run.
"""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import pageengine as pe

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
OTHERS = [ROOT / folder / "README.md" for folder in ("bench", "csrc", "examples")]
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


def anchors(page):
    heads = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    plain = [re.sub(r"[^\w\- ]", "", re.sub(r"\]\([^)]*\)", "", head)).strip() for head in heads]
    return {head.lower().replace(" ", "-") for head in plain}


@pytest.mark.parametrize("page", PAGES + OTHERS, ids=lambda page: f"{page.parent.name}/{page.name}")
def test_links_lead_somewhere(page):
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    broken = []
    for target in LINK.findall(text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path) if path else page
        if not file.exists():
            broken.append(target)
        elif anchor and file.suffix == ".md" and anchor not in anchors(file):
            broken.append(target)
    assert not broken


def test_every_page_is_in_the_site():
    nav = (ROOT / "mkdocs.yml").read_text()
    assert [page.name for page in PAGES[1:] if f": {page.name}\n" not in nav] == []


def test_what_the_page_of_additions_names_is_there():
    text = (ROOT / "docs" / "adding.md").read_text()
    folders = [ROOT, ROOT / "src" / "pageengine", ROOT / "csrc" / "codec"]
    found = {
        name: [folder / name for folder in folders if (folder / name).exists()]
        for name in re.findall(r"`((?:[\w.]+/)*\w+\.(?:py|c|h|md))`", text)
    }
    assert len(found) > 20 and [name for name, paths in found.items() if not paths] == []
    tables = re.findall(r"`(\w+)` in `([\w/]+\.py)`", text)
    assert len(tables) > 4
    missing = [name for name, file in tables if name not in found[file][0].read_text()]
    assert not missing
    folders = re.findall(r"`([\w/]+)/[\w<>]*<name>\.\w+`", text)
    assert len(folders) > 8 and [name for name in folders if not (ROOT / name).is_dir()] == []


def test_the_program_of_the_mechanisms_runs(capsys):
    text = (ROOT / "docs" / "mechanisms.md").read_text()
    exec(re.search(r"```python\n(.*?)```", text, re.DOTALL)[1], {})
    assert "MiB" in capsys.readouterr().out


NEEDED = "material", "mkdocstrings_handlers"


@pytest.mark.slow
@pytest.mark.skipif(not all(map(importlib.util.find_spec, NEEDED)), reason="needs pageengine[docs]")
def test_the_site_builds_and_its_reference_shows_what_it_lists(tmp_path):
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-q", "-d", str(tmp_path)]
    home = str(Path(pe.__file__).parents[1])  # also of a package that is not in the tree
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | {"PAGEENGINE_HOME": home},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "reproduction" / "index.html").exists()
    for page in sorted((ROOT / "docs" / "api").glob("*.md")):
        html = (tmp_path / "api" / page.stem / "index.html").read_text()
        names = re.findall(r"^::: (\S+)$", page.read_text(), re.MULTILINE)
        assert [name for name in names if f'id="{name}"' not in html] == []
    stores = (tmp_path / "api" / "stores" / "index.html").read_text()
    text = re.sub(r"<[^>]+>", "", stores)  # of a compiled class: its stub's parameters
    assert "FrameBitmap(count: SupportsIndex)" in text and "Takes up to n idle frames" in text
