"""The page of real guests is followed on hosts that matter: every command on it must be one that is
understood, and its tables must have what there is, no more and no less.
"""

import json
import re
import shlex
from pathlib import Path

import pytest

from pageengine.cli import make_parser
from pageengine.live import findings
from pageengine.live.board import COLUMNS
from pageengine.live.metrics import METRICS
from pageengine.live.moment import HOST_MORE, VM_MORE
from pageengine.live.watch import STATES

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "live.md").read_text()
COMMANDS = [
    line.replace("\\\n", " ").partition("#")[0]
    for line in re.findall(r"^(?:\$ )?(pageengine (?:.*\\\n)*.*)$", PAGE, re.MULTILINE)
]


def table(head):
    """First cells of the rows of the table with this head."""
    rows = PAGE.partition(head)[2].split("\n\n")[0].splitlines()[2:]
    return [
        re.findall(r"`([^`]+)`", row.split("|")[1]) or [row.split("|")[1].strip()] for row in rows
    ]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_on_the_page_is_understood(command):
    make_parser().parse_args(shlex.split(command)[1:])


def test_there_are_commands():
    assert {command.split()[1] for command in COMMANDS} == {"top", "doctor", "record"}


def test_the_columns_of_top_are_those_of_the_page():
    said = [name for cells in table("| column | what it is |") for name in cells]
    assert ["NAME", *said] == sorted(COLUMNS, key=["NAME", *said].index)
    heads = [line.split() for line in PAGE.splitlines() if line.startswith("NAME ")]
    assert heads and all(head == list(COLUMNS) for head in heads)


def test_the_metrics_are_those_of_the_page():
    said = {cells[0] for cells in table("| metric | labels | |")}
    assert said == set(METRICS)
    for name, (labels, says) in METRICS.items():
        (row,) = re.findall(rf"^\| `{name}` \|(.*)\|(.*)\|$", PAGE, re.MULTILINE)
        assert re.findall(r"`(\w+)`", row[0]) == list(labels)
        assert row[1].strip().removeprefix("histogram: ").startswith(says)
    assert all(state in PAGE for state in STATES)


def test_the_groups_of_the_doctor_are_those_of_the_page():
    assert [cells[0] for cells in table("| group | looks for | unsafe |")] == sorted(
        findings.GROUPS, key=list(findings.GROUPS).index
    )


def test_the_columns_beside_the_labs_are_named():
    part = PAGE.partition("There are more columns")[2].partition("- `time`")[0]
    assert set(re.findall(r"`(\w+)`", part)) == {*HOST_MORE, *VM_MORE}


def test_the_dashboard_that_the_page_names_is_there():
    (name,) = re.findall(r"\[(grafana-\S+\.json)\]\(\1\)", PAGE)
    assert json.loads((ROOT / "docs" / name).read_text())["panels"]
