"""One meaning per word, or a reader has to guess: "machine" once stood for a virtual machine, and
for the host that it ran on. Every file is read and held against docs/glossary.md.
"""

import re

import pytest
import tree
from test_tidy import FILES, lines_of, report

#: Where "machine" is said of something else than a VM: machine memory is the host's, and the rest
#: are names that others gave.
ALLOWED = re.compile(
    r"virtual[_\s\"'*#/]+machines?|machine[\s*#/]+(memory|frames?|pages?)\b(?!')"
    r"|state[ _]?machines?(_as_test)?|HostMachine|platform[._]machine|e_machine"
    r"|machinery|machine\(pid|MACHINE_PATH|machine_info"
    r"|[\"=]/machine[/\"]|-machine\b",  # of QEMU: its tree of objects, and its option
    re.IGNORECASE,
)
MACHINE = re.compile(r"machine", re.IGNORECASE)
#: Names of packages and modules, classes and functions that say nothing to a reader.
BANNED = re.compile(r"household|housekeep|keeping|wish|(^|_)taking", re.IGNORECASE)
NAMED = re.compile(r"\s*(?:async )?(?:class|def|cdef class) (\w+)")
HERE = "tests/contracts/test_words.py"


def for_a_vm(text):
    """Lines of a text where "machine" stands for a virtual machine."""
    rest = ALLOWED.sub(lambda found: re.sub("[^\n]", "-", found[0]), text)
    return [rest.count("\n", 0, found.start()) + 1 for found in MACHINE.finditer(rest)]


def test_a_virtual_machine_is_a_vm():
    report(
        [
            f"{tree.name(path)}:{line}: say VM, or computer"
            for path in FILES
            if tree.name(path) not in (HERE, "docs/glossary.md")
            for line in for_a_vm(path.read_text())
        ]
    )


def test_names_are_of_the_glossary():
    stems = [(tree.name(path), path.stem) for path in FILES if tree.PACKAGE in path.parents]
    names = [
        (where, named[1])
        for where, line in lines_of(".py", ".pyx")
        if where.startswith("src/") and (named := NAMED.match(line))
    ]
    report([f"{where}: {name}" for where, name in stems + names if BANNED.search(name)])


@pytest.mark.parametrize(
    "text",
    ["a machine waits", "Machines", "the machine's pages", "def machine():", "every\nmachine"],
)
def test_a_machine_that_is_a_vm_is_seen(text):
    assert for_a_vm(text)


@pytest.mark.parametrize(
    "text", ["virtual\n   machines", "machine memory", "a machine\nframe", "RuleBasedStateMachine"]
)
def test_other_machines_are_let_be(text):
    assert not for_a_vm(text)
