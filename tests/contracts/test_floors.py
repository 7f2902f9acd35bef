"""A floor that uses a higher one makes the tree a heap: stores that know virtual machines, policies
that read files. The includes, cimports and imports of every file are read and held against the one
table of who may use whom.
"""

import ast
import re
import sys

import pytest
import tree

# ---- the core: room -> floor. A file pe_<room>_<part> belongs to the room whose name is the
# longest fit.
CORE = {
    0: "base bits bytes status hash rng draws device cpu os crew memory file inject state",
    1: "frames pool sharing zcache swap codec",
    2: "content profile place page vm host fault touch scan reclaim swapout balloon guest stats "
    "check turns",
}
ROOMS = {f"pe_{room}": floor for floor, rooms in CORE.items() for room in rooms.split()}
ROOMS["pageengine"] = 3  # the door for programs in C: nothing of the core knows it
# Stores know nothing of each other; this one is made of another.
SIDEWAYS = {("pe_swap", "pe_frames")}

# ---- Python: module -> (what it is, what it may import). Names are matched by their longest
# prefix.
# A package may use itself.
STORE = "_c errors plumbing units"
MAY = {
    "errors": "inline.tracebacks",
    "units": "plumbing.given",
    "tokens": "plumbing",
    "plumbing": "",
    "inline": "plumbing.visible units",
    "inline.tracebacks": "",
    "plumbing._status": "_c errors",
    "plumbing.arrays": "units",
    "plumbing.lock": "errors",
    "plumbing.kept": "errors",
    "plumbing.generators": "errors",
    "_c": "",
    "stores": STORE,
    "faults": "_c core.vm_columns plumbing",
    "core": "_c errors faults inline plumbing stores.codec units",
    "policy": "errors inline plumbing units",
    "images": "errors plumbing stores.hashing units",
    "traces": "errors plumbing units",
    "demand": "errors plumbing units",
    "schemas": "",
    "control": "core errors plumbing policy units",
    "host": "control core errors faults images inline plumbing policy stores.codec units",
    "": "*",  # the package itself: names, nothing computed
    "analysis": "*",
    "lab": "* analysis",
    "report": "* lab analysis",
    "live": "control.backend control.controller core.records errors lab.fields lab.locate "
    "lab.timeline plumbing policy report units",
    "papers": "* report lab live analysis",
    "cli": "* papers report lab live analysis",
    "__main__": "cli core plumbing",
}
TOP = {
    "analysis",
    "lab",
    "report",
    "live",
    "papers",
    "cli",
    "__main__",
}  # "*": everything but these
# packages beyond the standard library; all but numpy are extras and imported where they are used
OUTSIDE = {
    "": {"numpy"},
    "traces": {"numpy", "pyarrow"},
    "demand": {"numpy", "pyarrow"},
    "images": {"numpy", "zstandard", "compression"},  # compression.zstd: Python 3.14
    "analysis": {"numpy"},
    "report": {"numpy", "matplotlib", "pyarrow"},
    "lab": {"numpy", "pyarrow", "pandas", "gymnasium", "distributed"},
    "live": {"numpy", "qemu", "libvirt", "pyarrow", "prometheus_client"},
    "papers": {"numpy", "matplotlib"},
    "cli": {"numpy", "rich", "zstandard"},
}
NO_INPUT_OUTPUT = {
    "policy": {"os", "io", "time", "datetime", "pathlib", "random", "subprocess", "socket"}
}
CYTHON_OWN = {"libc", "cython", "cpython"}


def room_of(stem):
    fits = [room for room in ROOMS if stem == room or stem.startswith(room + "_")]
    assert fits, f"{stem} has no floor: add its room to CORE in {__file__}"
    return max(fits, key=len)


def includes_of(path):
    return [
        line.rsplit("/")[-1]
        for line in re.findall(r'^\s*#\s*include "([^"]+)"', path.read_text(), re.M)
    ]


@pytest.mark.parametrize("path", [*tree.HEADERS, *tree.C_FILES], ids=tree.name)
def test_a_file_of_the_core_includes_its_own_floor_or_lower(path):
    mine = room_of(path.stem)
    for header in includes_of(path):
        other = room_of(header.removesuffix(".h"))
        if other == mine or ROOMS[other] < ROOMS[mine] or (mine, other) in SIDEWAYS:
            continue
        assert ROOMS[mine] == ROOMS[other] != 1, f"{tree.name(path)} may not include {header}"


@pytest.mark.parametrize("path", tree.C_FILES, ids=tree.name)
def test_what_a_host_holds_comes_from_its_table_of_memory(path):
    """So that every request can be made to fail. Guests, devices and turns are no host's."""
    room = room_of(path.stem)
    if ROOMS[room] == 0 or room in {"pe_guest", "pe_turns"}:
        return
    direct = r"(?<!\w)(?:malloc|calloc|realloc|free|pe_os_map|pe_os_unmap)\("
    found = re.findall(direct, tree.without_comments(path.read_text()))
    assert not found, f"{tree.name(path)} calls {found}: pe_memory.h has the host's"


def test_a_room_of_the_table_is_there():
    there = {room_of(path.stem) for path in [*tree.HEADERS, *tree.C_FILES]}
    assert there == set(ROOMS)
    assert {room for pair in SIDEWAYS for room in pair} <= there


def test_headers_do_not_include_each_other_in_a_circle():
    below = {path.name: includes_of(path) for path in tree.HEADERS}
    while below:
        ready = [header for header, others in below.items() if not any(o in below for o in others)]
        assert ready, f"a circle among {sorted(below)}"
        for header in ready:
            del below[header]


def test_no_part_of_the_core_knows_python():
    for path in [*tree.HEADERS, *tree.C_FILES]:
        assert not re.search(
            r"\bPy_?[A-Z]\w+|Python\.h", tree.without_comments(path.read_text())
        ), path


def module_of(path):
    parts = path.relative_to(tree.PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def imports_of(path):
    """(module, line) for every import and cimport; modules of the package without 'pageengine.'."""
    text = path.read_text()
    if path.suffix == ".py":
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Import):
                yield from ((alias.name, node.lineno) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, (
                    f"{tree.name(path)}:{node.lineno} says 'from .': write the whole name"
                )
                yield from expanded(node.module, [alias.name for alias in node.names], node.lineno)
        return
    for number, line in enumerate(text.splitlines(), 1):
        if match := re.match(r"\s*from ([\w.]+) c?import (.*)", line):
            yield from expanded(match[1], re.findall(r"\w+", match[2]), number)
        elif match := re.match(r"\s*c?import ([\w.]+)", line):
            yield match[1], number


def expanded(module, names, line):
    """'from pageengine import errors' means pageengine.errors; 'from pageengine import Host' the
    package.
    """
    folder = tree.PACKAGE.parent.joinpath(*module.split("."))
    for name in names or [None]:
        is_module = name and any((folder / f"{name}{end}").exists() for end in (".py", ".pyx", ""))
        yield (f"{module}.{name}" if is_module else module), line


def entry_for(module, table):
    while module not in table:
        assert module, "no entry"
        module = module.rpartition(".")[0]
    return module


SOURCES = sorted(path for end in ("*.py", "*.pyx", "*.pxd") for path in tree.PACKAGE.rglob(end))


@pytest.mark.parametrize("path", SOURCES, ids=tree.name)
def test_a_module_imports_what_its_floor_may_use(path):
    module = module_of(path)
    mine = module.partition(".")[0]
    assert mine in MAY, f"{tree.name(path)} has no floor: add it to MAY in {__file__}"
    allowed = {*MAY[mine].split(), *MAY[entry_for(module, MAY)].split(), mine}
    for name, line in imports_of(path):
        where = f"{tree.name(path)}:{line}"
        first, _, rest = name.partition(".")
        if first == "pageengine":
            free = "*" in allowed and rest.partition(".")[0] not in TOP
            known = any(f"{rest}.".startswith(f"{other}.") for other in allowed - {""})
            assert free or known or rest == mine, f"{where} may not use {name}"
        elif first not in CYTHON_OWN and first not in sys.stdlib_module_names:
            outside = OUTSIDE[entry_for(mine, OUTSIDE)]
            assert first in outside, f"{where} may not use the package {first}"
        assert first not in NO_INPUT_OUTPUT.get(mine, ()), (
            f"{where}: {mine} does no input or output"
        )


def test_only_the_door_declares_functions_of_the_core():
    for path in SOURCES:
        if "_c" not in path.parts and path.suffix in (".pyx", ".pxd"):
            text = path.read_text()
            assert not re.search(r'cdef extern from "pe_', text), (
                f"{tree.name(path)}: externs stand in _c/"
            )
