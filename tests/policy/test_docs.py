"""The page on policies is what a reader believes. Its examples are run as they stand, and its
tables are held against the policies.
"""

import re
from pathlib import Path

import pytest

from pageengine.policy import POLICIES, find
from pageengine.policy.states import PRESETS

PAGE = Path(__file__).parents[2] / "docs" / "policies.md"
TEXT = PAGE.read_text()
EXAMPLES = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


def test_the_list_runs(capsys):
    exec(EXAMPLES[0], {})
    assert "esx2002" in capsys.readouterr().out


def test_a_policy_of_ones_own_runs(capsys):
    exec(EXAMPLES[1], {})
    assert capsys.readouterr().out.split() in (["hard", "True"], ["high", "True"])


def test_the_policy_is_as_short_as_it_says():
    body = EXAMPLES[1].split("class Calm")[1].split("\n\n\n")[0]
    assert len([line for line in body.splitlines() if line.strip()]) <= 20


@pytest.mark.parametrize("name", POLICIES)
def test_every_policy_is_on_the_page(name):
    assert f"`{name}`" in TEXT


def test_promises_are_those_on_the_page():
    promises = {name: find(name).promises for name in POLICIES}
    assert all("reservation" in kept for kept in promises.values())
    assert {name for name, kept in promises.items() if "limit" not in kept} == {"zram"}
    entitled = {name for name, kept in promises.items() if "entitlement" in kept}
    assert {name for name in entitled if not name.startswith("esx")} == {"shares"}


@pytest.mark.parametrize("column", range(1, 4))
def test_thresholds_are_those_on_the_page(column):
    rows = [line.split("|")[1:-1] for line in TEXT.splitlines() if line.startswith("| ")]
    start = next(i for i, row in enumerate(rows) if row[0].strip() == "state")
    name = rows[start][column].strip(" `")
    said = {
        row[0].strip(): float(row[column].split("%")[0])
        for row in rows[start + 1 : start + 6]
        if row[column].strip()
    }
    memory = 100 * 2**30
    found = PRESETS[name](memory)
    whole = memory if name == "esx2002" else found.bytes[found.names.index("soft")] / 0.64
    assert said == {
        state: pytest.approx(100 * limit / whole, rel=1e-3)
        for state, limit in zip(found.names, found.bytes, strict=True)
    }
