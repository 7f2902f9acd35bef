"""Writes docs/fields.md: the fields of what policies see and answer, and of what hosts report, from
the classes and their docstrings.

    python docs/fields.py

A field is described in the docstring of its class, under "Attributes:", as ``name: [unit]
meaning``.
tests/test_fields.py holds the page against the classes.
"""

import dataclasses
import inspect
import re
from pathlib import Path

import pageengine as pe
from pageengine import policy

PAGE = Path(__file__).with_name("fields.md")
GROUPS = {
    "What a policy sees": (policy.Snapshot, policy.VMView, policy.GuestView),
    "What a policy answers": (policy.Plan, policy.VMPlan, policy.Migration),
    "What the guard allows, and what it changed": (policy.Limits, policy.Clip),
    "What a host reports": (pe.HostStats, pe.VMStats, pe.GuestStats, pe.Events),
    "What demand has": (pe.demand.Demand, pe.demand.DemandSummary, pe.demand.Sums),
    "What a call did": (pe.Faults, pe.ScanResult, pe.Reclaimed),
}
HEAD = """\
# Fields

Everything that a policy sees and may answer, and everything that hosts, VMs and calls report.
All of them are frozen records: made by name, compared by value, and turned into a dict by
`dataclasses.asdict`. A field without a default must be given. The same is in `help(...)` of each
class. (`python docs/fields.py` writes this page from there.)
"""
ENTRY = re.compile(r"(\w+): \[(.+?)\] (.+)")


class Undescribed(Exception):
    """A field without a description, or a description without a field."""


def described(cls) -> dict[str, tuple[str, str]]:
    """Of a docstring: name -> (unit, meaning)."""
    _, _, listed = inspect.getdoc(cls).partition("\nAttributes:\n")
    entries = re.sub(r"\n {8}", " ", listed.strip("\n")).splitlines()
    found = {}
    for entry in entries:
        match = ENTRY.fullmatch(entry.strip())
        if not match:
            raise Undescribed(f"{cls.__name__}: {entry.strip()!r} is not 'name: [unit] meaning'")
        found[match[1]] = match[2], match[3]
    return found


def own_fields(cls) -> list[dataclasses.Field]:
    """Those that it does not have from another record; each of them is described, and no other."""
    above = {field.name for base in cls.__bases__ for field in dataclasses.fields(base)}
    own = [field for field in dataclasses.fields(cls) if field.name not in above]
    there, said = {field.name for field in own}, set(described(cls))
    if there != said:
        raise Undescribed(
            f"the docstring of {cls.__name__} lacks {sorted(there - said)} and describes "
            f"{sorted(said - there)}, which are no fields of it"
        )
    return own


def kind(field: dataclasses.Field) -> str:
    text = field.type if isinstance(field.type, str) else inspect.formatannotation(field.type)
    return re.sub(r"\b(?:\w+\.)+(\w+)", r"\1", text)


def default(field: dataclasses.Field) -> str:
    if field.default_factory is not dataclasses.MISSING:
        return f"`{field.default_factory()!r}`"
    return "" if field.default is dataclasses.MISSING else f"`{field.default!r}`"


def section(cls) -> str:
    about, said = inspect.getdoc(cls).partition("\nAttributes:\n")[0].strip(), described(cls)
    rows = ["| field | type | unit | default | meaning |", "|---|---|---|---|---|"]
    for field in own_fields(cls):
        unit, meaning = said[field.name]
        cells = f"`{field.name}`", f"`{kind(field)}`", unit, default(field), meaning
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return f"### {cls.__name__}\n\n{about.replace('``', '`')}\n\n" + "\n".join(rows) + "\n"


def page() -> str:
    """The page as it should be."""
    parts = [HEAD]
    for title, classes in GROUPS.items():
        parts += [f"## {title}\n", *map(section, classes)]
    return re.sub(r"``(.+?)``", r"`\1`", "\n".join(parts))


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
