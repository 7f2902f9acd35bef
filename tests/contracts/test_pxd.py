"""A .pxd that differs from its header makes Cython convert wrongly, and nothing says so. Every
extern of _c/ is declared again in C after the header is included, so that the compiler objects to
any difference.
"""

import re
import subprocess

import pytest
import tree

PXDS = sorted(path for path in (tree.PACKAGE / "_c").glob("*.pxd") if path.stem != "__init__")
BLOCK = re.compile(r'^cdef extern from "([^"]+)"[^\n]*:\n((?:[ \t]+[^\n]*\n|\n)+)', re.MULTILINE)
STANDARD = "#include <stdbool.h>\n#include <stdint.h>\n#include <stddef.h>\n"


def blocks(path):
    """(header, declarations) of each extern block, comments gone, continuation lines joined."""
    text = re.sub(r"#[^\n]*", "", path.read_text())
    for header, body in BLOCK.findall(text + "\n"):
        if not header.startswith("<"):
            yield header, re.sub(r"\\\n|,\s*\n\s*", ", ", re.sub(r"\(\s*\n\s*", "(", body))


def as_c(declaration):
    """Cython's few own words in C."""
    declaration = re.sub(r"\b(noexcept|nogil|inline)\b", "", declaration)
    return re.sub(r"\b(bint|bool_t)\b", "bool", declaration).strip()


def functions(body):
    return [as_c(line) for line in body.splitlines() if re.match(r"\s*[\w ]+[ *]\w+\(.*\)", line)]


def structs(body):
    """{struct: [(type, field)]}; a star belongs to its type."""
    found = {}
    for name, fields in re.findall(
        r"(?:ctypedef |cdef )?struct (\w+):\n((?:\s{8,}[^\n]*\n)+)", body
    ):
        found[name] = []
        for line in fields.splitlines():
            match = re.match(r"\s*([\w ]+?\s*(?:\*\s*)*)((?:\w+(?:\[\w+\])?(?:, )?)+)\s*$", line)
            if match and match[1].strip() != "pass":
                found[name] += [(as_c(match[1]), field.strip()) for field in match[2].split(",")]
    return found


def constants(body):
    """Names of enumerators and constants: they must exist, their values are the header's
    business.
    """
    names = []
    for fields in re.findall(r"enum(?: \w+)?:\n((?:\s{8,}[^\n]*\n)+)", body):
        names += re.findall(r"\w+", fields)
    names += re.findall(r"^\s*(?:const )?\w+ (PE_\w+)\s*$", body, re.MULTILINE)
    return [name for name in names if name != "pass"]


def declared_again(header, body):
    lines = [STANDARD, f'#include "{header}"']
    lines += [f"{function};" for function in functions(body)]
    for struct, fields in structs(body).items():
        for kind, field in fields:
            name, _, size = field.partition("[")
            kind += " *" if size else ""
            probe = f"_Generic((({struct} *)0)->{name}, {kind}: 1, default: 0)"
            lines.append(f'_Static_assert({probe}, "{struct}.{name}");')
    lines += [f"enum {{ test_{name} = sizeof({name}) }};" for name in constants(body)]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("path", PXDS, ids=tree.name)
def test_a_pxd_says_what_its_header_says(path):
    compiler = tree.need_compiler()
    found = list(blocks(path))
    assert found, "no extern block"
    for header, body in found:
        source = declared_again(header, body)
        command = [
            compiler,
            "-std=c11",
            "-Werror",
            "-Wno-attributes",
            *tree.INCLUDES,
            "-fsyntax-only",
            "-xc",
            "-",
        ]
        result = subprocess.run(command, input=source, capture_output=True, text=True)
        numbered = "\n".join(f"{n:4} {line}" for n, line in enumerate(source.splitlines(), 1))
        assert result.returncode == 0, f"{result.stderr}\n{numbered}"


@pytest.mark.parametrize("path", PXDS, ids=tree.name)
def test_a_pxd_declares_no_word_of_another_header(path):
    for header, body in blocks(path):
        text = "\n".join(found.read_text() for found in reachable(header))
        for name in [*constants(body), *structs(body)]:
            assert re.search(rf"\b{name}\b", text), f"{name} is not in {header}"


@pytest.mark.parametrize("path", PXDS, ids=tree.name)
def test_a_pxd_declares_nothing_that_no_wrapper_uses(path):
    wrappers = tree.used_by_wrappers()
    sizes = re.findall(r"\[(\w+)\]", path.read_text())
    for _, body in blocks(path):
        called = [re.search(r"(\w+)\(", function)[1] for function in functions(body)]
        for name in [*constants(body), *called]:
            assert name in sizes or re.search(rf"\b{name}\b", wrappers), f"nothing uses {name}"


def reachable(header):
    """The header and what it includes."""
    there = {path.name: path for path in tree.HEADERS}
    todo, seen = [header.rsplit("/")[-1]], set()
    while todo:
        name = todo.pop()
        if name in there and name not in seen:
            seen.add(name)
            todo += [
                n.rsplit("/")[-1]
                for n in re.findall(r'#include "([^"]+)"', there[name].read_text())
            ]
    return [there[name] for name in seen]


def test_a_difference_is_seen():
    """The checker itself: one wrong parameter, one wrong field, one constant that does not
    exist.
    """
    compiler = tree.need_compiler()
    wrong = [
        "    void pe_frames_give_back(pe_frames *self, uint64_t frame)\n",
        "    ctypedef struct pe_frames:\n        uint64_t idle\n",
        "    enum:\n        PE_FRAMES_NO_SUCH\n",
    ]
    for body in wrong:
        source = declared_again("pe_frames.h", body)
        command = [compiler, "-std=c11", *tree.INCLUDES, "-fsyntax-only", "-xc", "-"]
        assert (
            subprocess.run(command, input=source, capture_output=True, text=True).returncode != 0
        ), source
