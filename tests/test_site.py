"""The pages as a site: every page is in its navigation, once, and nothing else is; it is built
without a warning, every name of the reference is shown, and no link of it is dead. Versions are
kept by mike, which .github/workflows/site.yml runs.
"""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from test_links import links

import pageengine as pe

ROOT = Path(__file__).parents[1]
CONFIG = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
NEEDED = "material", "mkdocstrings_handlers"


def test_the_navigation_has_every_page_once_and_no_other():
    named = re.findall(
        r"^ +- (?:[^:]+: )?(\S+\.md)$", CONFIG.partition("\nnav:\n")[2], re.MULTILINE
    )
    docs = ROOT / "docs"
    assert sorted(named) == sorted(path.relative_to(docs).as_posix() for path in docs.rglob("*.md"))


def test_versions_are_kept_and_can_be_chosen():
    """What shows the selector, and what makes a version, have to agree on who keeps them."""
    assert re.search(r"^extra:\n  version:\n    provider: mike\b", CONFIG, re.MULTILINE)
    workflow = (ROOT / ".github" / "workflows" / "site.yml").read_text(encoding="utf-8")
    assert "mike deploy" in workflow and "mkdocs build --strict" in workflow
    assert "docs/links.py --site" in workflow and "docs/links.py --try" in workflow
    extra = re.search(r"^docs = (.*)$", (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert '"mike>=' in extra[1]


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
    assert list(links.broken_in_site(tmp_path)) == []
    for page in sorted((ROOT / "docs" / "api").glob("*.md")):
        html = (tmp_path / "api" / page.stem / "index.html").read_text()
        names = re.findall(r"^::: (\S+)$", page.read_text(), re.MULTILINE)
        assert [name for name in names if f'id="{name}"' not in html] == []
    stores = (tmp_path / "api" / "stores" / "index.html").read_text()
    text = re.sub(r"<[^>]+>", "", stores)  # of a compiled class: its stub's parameters
    assert "FrameBitmap(count: SupportsIndex)" in text and "Takes up to n idle frames" in text
