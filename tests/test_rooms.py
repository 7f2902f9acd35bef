"""At stake: a newcomer finds the room for a change from the map. It shows every package and module
of the tree, and none that is not there.
"""

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
_spec = importlib.util.spec_from_file_location("rooms_page", ROOT / "docs" / "rooms.py")
rooms_page = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(rooms_page)
PACKAGES = sorted(
    path.parent for path in rooms_page.PACKAGE.rglob("__init__.p*") if path.suffix != ".pyc"
)


def test_the_map_has_every_module():
    text = rooms_page.PAGE.read_text(encoding="utf-8")
    assert text == rooms_page.page(), "run: python docs/rooms.py"


@pytest.mark.parametrize("folder", PACKAGES, ids=lambda folder: folder.name)
def test_the_drawing_has_every_package(folder):
    drawing = rooms_page.PAGE.read_text(encoding="utf-8").split("```")[1]
    name = folder.relative_to(rooms_page.PACKAGE).as_posix()
    assert name == "." or f"{name.split('/')[0]}/" in drawing


def test_the_ways_name_files_that_are_there():
    text = rooms_page.PAGE.read_text(encoding="utf-8").split("## Every room")[0]
    named = re.findall(r"`((?:\w+/)+\w+\.pyx?)`", text)
    assert len(named) > 15
    homes = (rooms_page.PACKAGE, ROOT)
    assert [name for name in named if not any((home / name).is_file() for home in homes)] == []
