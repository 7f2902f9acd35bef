"""A page that sends its reader nowhere, or shows a program that does not run, costs more trust than
it gives help. Every link between pages is followed, every page is in the site, and the programs of
pages that have no test of their own are run.
"""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


def anchors(page):
    heads = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    plain = [re.sub(r"[^\w\- ]", "", re.sub(r"\]\([^)]*\)", "", head)).strip() for head in heads]
    return {head.lower().replace(" ", "-") for head in plain}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
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


def test_the_program_of_the_mechanisms_runs(capsys):
    text = (ROOT / "docs" / "mechanisms.md").read_text()
    exec(re.search(r"```python\n(.*?)```", text, re.DOTALL)[1], {})
    assert "MiB" in capsys.readouterr().out


@pytest.mark.skipif(not importlib.util.find_spec("material"), reason="needs mkdocs-material")
def test_the_site_builds(tmp_path):
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-q", "-d", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "reproduction" / "index.html").exists()
