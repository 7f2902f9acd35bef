"""A library must not keep state of its own, print, or end the process of whoever uses it. The
compiled objects are asked: nm lists what they hold and what they call.
"""

import re
import shutil
import subprocess

import pytest
import tree

FORBIDDEN = re.compile(
    r"_?_?(printf|fprintf|vprintf|puts|putchar|perror|abort|_?exit|_Exit|quick_exit|assert_fail"
    r"|assert_rtn|rand|srand|random|time|clock|gettimeofday|clock_gettime|signal|raise|system"
    r"|getenv|setenv|fopen|strtok|localtime|strerror|fwrite|fputs)"
    r"(_chk|@.*)?"
)
MAY_STOP = {"pe_status.c"}  # pe_assert_failed says what broke and stops
PUBLIC = re.compile(r"_?(?:pe|pageengine)_\w+")


@pytest.fixture(scope="module")
def symbols(tmp_path_factory):
    """{source: [(kind, name), ...]} of every object of the core."""
    compiler, nm = tree.need_compiler(), shutil.which("nm")
    if nm is None:
        pytest.skip("needs nm")
    folder, found = tmp_path_factory.mktemp("objects"), {}
    for path in tree.C_FILES:
        made = folder / (path.stem + ".o")
        command = [compiler, "-std=c11", "-O2", *tree.INCLUDES, "-c", str(path), "-o", str(made)]
        subprocess.run(command, check=True, capture_output=True)
        lines = subprocess.run(
            [nm, str(made)], check=True, capture_output=True, text=True
        ).stdout.splitlines()
        found[path.name] = [tuple(line.split()[-2:]) for line in lines if line.strip()]
    return found


@pytest.mark.slow
def test_no_source_keeps_a_variable(symbols):
    for source, entries in symbols.items():
        kept = [
            name
            for kind, name in entries
            if kind in "bBcCgGsS" or (kind in "dD" and not in_relro(name))
        ]
        assert not kept, f"{source} keeps {kept}"


def in_relro(name):
    """Constant tables that hold addresses are data until the loader has filled them in; nm calls
    them d.
    """
    return name.removeprefix("_") in CONSTANT_TABLES


CONSTANT_TABLES = set(
    re.findall(
        r"^(?:static )?(?:const pe_\w+ |const \w+ ?\*? ?const |pe_\w+ const )"
        r"\*?(?:const )?(\w+)(?:\[\w*\])? = \{",
        "\n".join(path.read_text() for path in tree.C_FILES),
        re.MULTILINE,
    )
)


def test_no_source_prints_or_ends_the_process(symbols):
    for source, entries in symbols.items():
        if source not in MAY_STOP:
            called = [name for kind, name in entries if kind == "U" and FORBIDDEN.fullmatch(name)]
            assert not called, f"{source} calls {called}"


def test_what_is_visible_to_the_linker_has_the_prefix_of_the_project(symbols):
    for source, entries in symbols.items():
        strange = [
            name for kind, name in entries if kind in "TDRBVW" and not PUBLIC.fullmatch(name)
        ]
        assert not strange, f"{source} shows {strange}"


def test_no_function_is_defined_and_never_declared_in_a_header(symbols):
    text = "\n".join(path.read_text() for path in tree.HEADERS)
    for source, entries in symbols.items():
        for kind, name in entries:
            if kind == "T":
                assert re.search(rf"\b{name.removeprefix('_')}\(", text), (
                    f"{name} of {source} is in no header"
                )
