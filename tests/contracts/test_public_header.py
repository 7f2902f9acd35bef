"""At stake: programs of strangers, in C and C++, that were compiled against an older pageengine.h.
What it declares is held against what its ABI had (abi/<number>.txt); it must be plain C and plain
C++, and say no status that the core does not, nor leave out one that the core lets out.
"""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import test_pxd
import tree

HEADER = tree.CSRC / "pageengine.h"
TEXT = HEADER.read_text()
ABI = int(re.search(r"#define PAGEENGINE_ABI (\d+)u", TEXT)[1])
RECORDED = Path(__file__).with_name("abi") / f"{ABI}.txt"
PXD = tree.PACKAGE / "__init__.pxd"
INSIDE = {"NO_ROOM", "INCOMPRESSIBLE", "SATURATED", "ERR_STATE"}  # statuses that no call lets out
COMPILERS = [
    ("gcc", "c99", "c"),
    ("gcc", "c11", "c"),
    ("g++", "c++11", "c++"),
    ("g++", "c++20", "c++"),
    ("clang", "c11", "c"),
    ("clang++", "c++17", "c++"),
]


def declarations():
    """What the header declares, one a line, without comments and without what stands for nothing
    once it is compiled."""
    text = re.sub(r"/\*.*?\*/", "", TEXT, flags=re.DOTALL)
    constants = re.findall(r"^#define (PAGEENGINE_\w+ [^_\n].*)$", text, re.MULTILINE)
    text = re.sub(r"^#.*$|^extern \"C\" \{$|PAGEENGINE_MUST_USE", "", text, flags=re.MULTILINE)
    text = re.sub(r"\n\{\n.*?\n\}", ";", text, flags=re.DOTALL)  # bodies
    found = [
        re.sub(r"\s+", " ", each).strip()
        for each in re.findall(r"[^;{}]+(?:\{[^}]*\}[^;]*)?;", text)
    ]
    return [*constants, *(each for each in found if len(each) > 1)]


FUNCTIONS = [
    match[1]
    for each in declarations()
    if (match := re.search(r"(pageengine_\w+)\(", each)) and not each.startswith("typedef")
]


def test_what_an_abi_has_stays_as_it_is():
    recorded = RECORDED.read_text().splitlines()
    gone = set(recorded) - set(declarations())
    assert not gone, f"raise PAGEENGINE_ABI, and record it, or put these back: {gone}"
    added = set(declarations()) - set(recorded)
    assert not added, f"add to {tree.name(RECORDED)}: {added}"


@pytest.mark.parametrize(("compiler", "standard", "language"), COMPILERS)
def test_it_is_plain_c_and_plain_cpp(compiler, standard, language, tmp_path):
    if shutil.which(compiler) is None:
        pytest.skip(f"needs {compiler}")
    source = '#include "pageengine.h"\nint main(void) { return 0; }\n'
    warnings = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Werror"]
    command = [compiler, f"-std={standard}", *warnings, f"-I{tree.CSRC}", "-fsyntax-only"]
    done = subprocess.run(
        [*command, f"-x{language}", "-"], input=source, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_it_needs_no_other_header_of_the_core():
    assert re.findall(r"#include (\S+)", TEXT) == ["<stdbool.h>", "<stddef.h>", "<stdint.h>"]


def test_it_has_the_statuses_that_the_core_lets_out():
    core = dict(re.findall(r"PE_(\w+) = (-?\d+)", (tree.CSRC / "pe_status.h").read_text()))
    public = dict(re.findall(r"PAGEENGINE_(\w+) = (-?\d+)", TEXT.partition("status;")[0]))
    assert public.pop("ERR_ABI") not in core.values()
    assert public == {name: number for name, number in core.items() if name not in INSIDE}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_is_tested_and_has_its_line_for_cython(name):
    tests = (tree.TESTS / "c" / "test_pe_pageengine.c").read_text()
    assert re.search(rf"\b{name}\(", tests)
    assert re.search(rf'\b{name.removeprefix("pageengine_")} "{name}"\(', PXD.read_text())


def with_c_names(text):
    """The declarations for Cython under the names that they have in C: `touch "pageengine_touch"`,
    and types by their own."""
    text = re.sub(r'\w+ "(pageengine_\w+|PAGEENGINE_\w+)"', r"\1", text)
    for inner, outer in re.findall(r'(\w+_t) "(pageengine_\w+)"', PXD.read_text()):
        text = re.sub(rf"\b{inner}\b", outer, text)
    return text


def test_what_cython_is_told_is_what_the_header_says(tmp_path):
    path = tmp_path / "plain.pxd"
    path.write_text(with_c_names(PXD.read_text()))
    found = list(test_pxd.blocks(path))
    assert [header for header, _ in found] == ["pageengine.h"]
    body = found[0][1]
    assert len(test_pxd.functions(body)) == len(FUNCTIONS)
    assert len(test_pxd.structs(body)) == 3 and len(test_pxd.constants(body)) > 20
    source = "\n".join(
        line
        for line in test_pxd.declared_again("pageengine.h", body).splitlines()
        if "pageengine_defaults(" not in line and "pageengine_token(" not in line  # bodies
    )
    command = [tree.need_compiler(), "-std=c11", "-Werror", *tree.INCLUDES, "-fsyntax-only", "-xc"]
    done = subprocess.run([*command, "-"], input=source, capture_output=True, text=True)
    assert done.returncode == 0, f"{done.stderr}\n{source}"
