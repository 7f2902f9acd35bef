"""A page that names what is not there, or shows a program that does not run, costs more trust than
it gives help. The programs of pages that have no test of their own are run.
"""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


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
