"""At stake: whoever writes a policy or reads a report goes by the tables of fields. They are made
from docstrings; a field that has none, and a page that is behind, are found here.
"""

import importlib.util
from pathlib import Path

import pytest

import pageengine as pe
from pageengine.plumbing.frozen import Frozen

ROOT = Path(__file__).parents[1]
_spec = importlib.util.spec_from_file_location("fields_page", ROOT / "docs" / "fields.py")
fields_page = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(fields_page)
CLASSES = [cls for group in fields_page.GROUPS.values() for cls in group]


def test_the_page_is_what_the_classes_say():
    text = fields_page.PAGE.read_text(encoding="utf-8")
    assert text == fields_page.page(), "run: python docs/fields.py"


def test_every_public_record_has_a_table():
    packages = (pe, pe.policy, pe.demand)
    public = [getattr(package, name) for package in packages for name in package.__all__]
    records = {kind for kind in public if isinstance(kind, type) and issubclass(kind, Frozen)}
    assert records == set(CLASSES)


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_every_field_is_in_the_table_with_its_unit(cls):
    text = fields_page.section(cls)
    for field in fields_page.own_fields(cls):
        row = next(line for line in text.splitlines() if line.startswith(f"| `{field.name}` |"))
        assert all(cell.strip() for cell in row.replace("\\|", "").split("|")[2:4])
    inherited = {name for base in cls.__bases__ for name in getattr(base, "__match_args__", ())}
    own = {field.name for field in fields_page.own_fields(cls)}
    assert own | inherited == set(cls.__match_args__)


def test_a_field_without_a_word_is_told():
    class More(Frozen):
        """Of something.

        Attributes:
            size: [bytes] how large
        """

        size: int
        age: float = 0.0

    with pytest.raises(fields_page.Undescribed, match=r"More lacks \['age'\]"):
        fields_page.section(More)


def test_a_word_without_a_field_is_told_and_so_is_a_unit_that_is_missing():
    class Less(Frozen):
        """Told below in other ways."""

        size: int

    Less.__doc__ = "Of something.\n\nAttributes:\n    size: [bytes] large\n    gone: [s] no more\n"
    with pytest.raises(fields_page.Undescribed, match=r"\['gone'\], which are no fields"):
        fields_page.section(Less)
    Less.__doc__ = "Of something.\n\nAttributes:\n    size: how large\n"
    with pytest.raises(fields_page.Undescribed, match=r"Less: 'size: how large' is not"):
        fields_page.section(Less)
