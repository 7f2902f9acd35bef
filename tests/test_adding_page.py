"""docs/adding.md is what a newcomer types from: a file or a table that it names and that is not
there costs an hour. Every path on the page exists, and every table is where the page says.
"""

import re

import pytest
import tree

PAGE = tree.ROOT / "docs" / "adding.md"
PLACES = [
    tree.ROOT,
    tree.PACKAGE,
    tree.ROOT / "csrc",
    tree.ROOT / "csrc" / "codec",
    tree.ROOT / "docs",
    tree.ROOT / "tests",
]
PATH = re.compile(r"[\w./<>*-]+\.(?:py|c|h|md|toml|json|pyx|pyi|pxd|sh)|[\w./<>-]+/")
ROWS = [line for line in PAGE.read_text().splitlines() if re.match(r"\| (a|what|an) ", line)]
MADE = ("found-", "corpus/", "build/")  # what programs make


def paths_of(text):
    found = re.findall(r"`([^`]+)`", text) + re.findall(r"\]\(([^)#]+)", text)
    words = {word.strip(",;:()") for part in found for word in part.split()}
    return sorted(word for word in words if PATH.fullmatch(word) and not word.startswith("."))


def exists(path):
    pattern = re.sub(r"<\w+>", "*", path).rstrip("/")
    return any(next(place.glob(pattern), None) for place in PLACES)


@pytest.mark.parametrize("path", paths_of(PAGE.read_text()))
def test_what_the_page_names_is_there(path):
    assert exists(path) or any(part in path for part in MADE)


def test_rows_are_read():
    assert len(ROWS) > 20 and not exists("policy/none_such.py") and exists("policy/<name>.py")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("|")[1].strip())
def test_the_table_of_a_row_is_in_the_file_that_it_names(row):
    for table, path in re.findall(r"`([A-Z_]{4,})` (?:in|of) `([\w./]+\.py)`", row):
        files = [file for place in PLACES for file in place.glob(path)]
        assert any(re.search(rf"^{table}\b", file.read_text(), re.MULTILINE) for file in files)
