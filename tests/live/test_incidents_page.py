"""The page of incidents is a promise of tests by name: each that it names is there, and no incident
is a test that the page does not tell of.
"""

import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
PAGE = (TESTS.parent / "docs/incidents.md").read_text()
FILES = [*(TESTS / "live").glob("test_incidents*.py"), TESTS / "policy/test_guard.py"]


def test_every_incident_of_the_page_is_a_test_and_every_such_test_is_on_the_page():
    there = set()
    for file in FILES:
        if file != Path(__file__):
            found = re.findall(r"^def (test_\w+)", file.read_text(), re.M)
            there |= {n for n in found if file.parent.name == "live" or "_incident_" in n}
    named = re.findall(r"`(test_[a-z0-9_]+)`", PAGE)
    assert len(there) > 40 and set(named) - {"test_incident_"} == there
    assert len(named) == len(set(named))


def test_every_row_says_what_happened_and_what_is_done():
    rows = [line for line in PAGE.splitlines() if line.startswith("|") and "test_" in line]
    for row in rows:
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert len(cells) == 4 and all(cells)
        number = re.search(r"\d+$", cells[0])[0]
        assert any(number in name or "squeezed" in name for name in cells[3].split(", "))
