"""At stake: somebody who has a simulator in C, C++ or Cython, and the package. The examples are
built as docs/embedding_c.md says, from what the package brings and nothing of the source tree, and
must print what the same simulator prints by way of the Python API, to the last count.
"""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import c_objects
import pytest

import pageengine as pe

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples" / "embed"
PAGE = (ROOT / "docs" / "embedding_c.md").read_text()
# a library that sanitizers are built into is linked with theirs, by the compiler that they are of
SANITIZED = c_objects.SANITIZERS if os.environ.get("PAGEENGINE_SANITIZED") else []
FAMILIES = [("gcc", "g++")] if SANITIZED else [("gcc", "g++"), ("clang", "clang++")]
COMPILERS = [path for path in (shutil.which(c) for c, _ in FAMILIES) if path]
CPP = [path for path in (shutil.which(cpp) for _, cpp in FAMILIES) if path]
STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]
HOME = Path(pe.__file__).resolve().parents[1]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(HOME)}  # nothing but what was installed


def run(*command, cwd, **more):
    done = subprocess.run(
        [str(each) for each in command], cwd=cwd, capture_output=True, text=True, **more
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def need(found, what):
    if not found or sys.platform == "win32":
        pytest.skip(f"needs {what}")


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """What the simulator in Python prints."""
    folder = tmp_path_factory.mktemp("python")
    return run(sys.executable, EXAMPLES / "embed_python.py", cwd=folder, env=ENVIRONMENT)


def flags():
    return [f"-I{pe.get_include()}"], [f"-L{pe.get_library_dir()}", "-lpageengine", *SANITIZED]


def built(compiler, source, folder, *more):
    """The program that a C or C++ source makes."""
    include, link = flags()
    program = folder / "program"
    run(compiler, *STRICT, *more, *include, source, "-o", program, *link, cwd=folder)
    return program


def test_the_simulator_lacks_memory(expected):
    """Else equal counts would say little: each kind of event happens in each VM."""
    for line in expected.splitlines()[:3]:
        numbers = dict(re.findall(r"(\w+) (\d+)", line))
        for name in ("cow_breaks", "merged", "compressions", "decompressions", "swap_in"):
            assert int(numbers[name]) > 100, name
        assert int(numbers["cache_evictions"]) > 0 and int(numbers["waited"]) > 0


@pytest.mark.parametrize("compiler", COMPILERS or [None])
def test_a_simulator_in_c_counts_as_python_does(compiler, expected, tmp_path):
    need(compiler, "a C compiler")
    program = built(compiler, EXAMPLES / "embed_c.c", tmp_path, "-std=c11", "-O2")
    assert run(program, cwd=tmp_path) == expected


@pytest.mark.parametrize("name", ["plain", "a name of two words"])
def test_pkg_config_finds_it_wherever_it_was_moved_to(name, expected, tmp_path):
    need(COMPILERS, "a C compiler")
    need(shutil.which("pkg-config"), "pkg-config")
    moved = tmp_path / name
    for folder in (pe.get_include(), pe.get_library_dir()):
        shutil.copytree(folder, moved / Path(folder).name)
    environment = {**os.environ, "PKG_CONFIG_PATH": str(moved / "lib" / "pkgconfig")}
    said = ["pkg-config", "--modversion", "pageengine"]
    assert run(*said, cwd=tmp_path, env=environment).strip() == pe.__version__
    shutil.copy(EXAMPLES / "embed_c.c", tmp_path)
    command = 'eval "${CC:-cc} embed_c.c $(pkg-config --cflags --libs pageengine)" && ./a.out'
    environment["CC"] = " ".join([COMPILERS[0], *SANITIZED])
    assert run("sh", "-c", command, cwd=tmp_path, env=environment) == expected


SMOKE = """\
#include <memory>
#include <pageengine.h>
#include <vector>

struct Delete {
    void operator()(pageengine_host *host) const { pageengine_host_delete(host); }
};

int main()
{
    pageengine_options options = pageengine_defaults();
    options.frames = 64;
    pageengine_host *made = nullptr;
    if (pageengine_host_new(&options, &made) != PAGEENGINE_OK)
        return 1;
    std::unique_ptr<pageengine_host, Delete> host(made);
    uint64_t vm;
    if (pageengine_add_vm(host.get(), 8, 0, PAGEENGINE_NO_LIMIT, &vm) != PAGEENGINE_OK)
        return 2;
    std::vector<int64_t> ppns = {0, 1, 2, 3};
    std::vector<unsigned char> pages(4 * PAGEENGINE_PAGE_BYTES, 7), back(pages.size());
    size_t done = 0;
    if (pageengine_write(host.get(), vm, ppns.data(), 4, pages.data(), &done) != PAGEENGINE_OK)
        return 3;
    pageengine_scanned scanned;
    if (pageengine_scan(host.get(), vm, 8, 0, &scanned) != PAGEENGINE_OK || scanned.merged != 3
        || pageengine_idle(host.get()) != 63)
        return 4;
    if (pageengine_read(host.get(), vm, ppns.data(), 4, back.data(), &done) != PAGEENGINE_OK)
        return 5;
    return back == pages ? 0 : 6;
}
"""


@pytest.mark.parametrize("compiler", CPP or [None])
def test_a_program_in_cpp_links_runs_and_frees(compiler, tmp_path):
    need(compiler, "a C++ compiler")
    source = tmp_path / "smoke.cc"
    source.write_text(SMOKE)
    run(built(compiler, source, tmp_path, "-std=c++11", "-Wconversion"), cwd=tmp_path)


def test_every_function_of_the_header_is_in_the_library(tmp_path):
    """And what each needs: the library leaves out rooms of the core."""
    need(COMPILERS, "a C compiler")
    header = Path(pe.get_include(), "pageengine.h").read_text()
    names = re.findall(r"^\w[\w *]*?\b(pageengine_\w+)\(", header, re.MULTILINE)
    assert len(names) > 40
    uses = "".join(f"    (void (*)(void)){name},\n" for name in names)
    source = tmp_path / "all.c"
    source.write_text(
        "#include <pageengine.h>\n"
        f"void (*const all[])(void) = {{\n{uses}}};\n"
        "int main(int n, char **given) { return given && all[n] != 0 ? 0 : 1; }\n"
    )
    run(built(COMPILERS[0], source, tmp_path), cwd=tmp_path)


def test_a_header_of_another_abi_makes_no_host(tmp_path):
    need(COMPILERS, "a C compiler")
    other_header(tmp_path)
    source = tmp_path / "other.c"
    source.write_text(
        "#include <pageengine.h>\n#include <stdio.h>\n"
        "int main(void)\n{\n    pageengine_host *host = NULL;\n"
        "    pageengine_options options = pageengine_defaults();\n    options.frames = 64;\n"
        "    puts(pageengine_status_text(pageengine_host_new(&options, &host)));\n"
        "    return host != NULL;\n}\n"
    )
    program = built(COMPILERS[0], source, tmp_path, f"-I{tmp_path}")
    assert "different versions" in run(program, cwd=tmp_path)


def other_header(folder):
    text = Path(pe.get_include(), "pageengine.h").read_text()
    changed = text.replace(f"PAGEENGINE_ABI {1}u", "PAGEENGINE_ABI 99u")
    assert changed != text
    (folder / "pageengine.h").write_text(changed)


def cython_module(folder, **environment):
    need(COMPILERS, "a C compiler")
    for module in ("Cython", "setuptools"):
        need(importlib.util.find_spec(module), module)
    for name in ("embed_cython.pyx", "embed_setup.py"):
        shutil.copy(EXAMPLES / name, folder)
    command = [sys.executable, "embed_setup.py", "-q", "build_ext", "--inplace"]
    run(*command, cwd=folder, env=ENVIRONMENT | environment)
    return [sys.executable, "-c", "import embed_cython; embed_cython.main()"]


@pytest.mark.slow
def test_a_simulator_in_cython_counts_as_python_does(expected, tmp_path):
    assert run(*cython_module(tmp_path), cwd=tmp_path, env=ENVIRONMENT) == expected


@pytest.mark.slow
def test_a_module_of_another_abi_is_not_imported(tmp_path):
    other_header(tmp_path)
    flags = {"CFLAGS": f"-I{tmp_path} {os.environ.get('CFLAGS', '')}"}
    command = cython_module(tmp_path, **flags)
    done = subprocess.run(command, cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True)
    assert done.returncode != 0 and "ImportError: pageengine.h is of ABI 99" in done.stderr


def test_what_is_not_there_is_said(tmp_path, monkeypatch):
    from pageengine.plumbing import embedding

    assert Path(pe.get_include(), "pageengine.h").is_file()
    assert Path(pe.get_pkgconfig_dir()).parent == Path(pe.get_library_dir())
    monkeypatch.setattr(embedding, "_PACKAGE", str(tmp_path))
    for find in (pe.get_include, pe.get_library_dir, pe.get_pkgconfig_dir):
        with pytest.raises(FileNotFoundError, match=r"setup\.py build_clib build_ext --inplace"):
            find()


def test_the_header_in_the_package_is_the_one_of_the_core():
    assert (
        Path(pe.get_include(), "pageengine.h").read_bytes()
        == (ROOT / "csrc" / "pageengine.h").read_bytes()
    ), "build again"


def test_the_page_shows_commands_that_are_tried_here():
    assert "$(pkg-config --cflags --libs pageengine)" in PAGE
    assert "python embed_setup.py build_ext --inplace" in PAGE
    for name in ("get_include()", "get_library_dir()", "get_pkgconfig_dir()", "pe.require_abi()"):
        assert name in PAGE
    blocks = re.findall(r"```(?:c|cython)\n(.*?)```", PAGE, re.DOTALL)
    assert len(blocks) >= 2
    examples = "".join(path.read_text() for path in EXAMPLES.glob("embed_*"))
    for block in blocks:  # what it shows of a program is in the program
        lines = [line.strip() for line in block.splitlines() if line.strip()]
        assert [line for line in lines if line not in examples] == []


def wheel_of(tmp_path):
    """A wheel of this tree, or the one that is named."""
    if given := os.environ.get("PAGEENGINE_WHEEL"):
        return Path(given)
    if HOME.name in ("site-packages", "dist-packages"):
        pytest.skip("the package that is tested is installed: the tests above are of its wheel")
    if SANITIZED:
        pytest.skip("a wheel is built without sanitizers, whatever is tested")
    for module in ("Cython", "setuptools", "pip"):
        need(importlib.util.find_spec(module), module)
    ignored = shutil.ignore_patterns(".*", "build", "dist", "*.so", "*.a", "__pycache__", "*.pc")
    shutil.copytree(ROOT, tmp_path / "source", ignore=ignored)
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation"]
    run(*command, "-w", tmp_path, tmp_path / "source", cwd=tmp_path)
    return next(tmp_path.glob("*.whl"))


@pytest.mark.slow
def test_from_a_wheel_in_an_empty_environment(expected, tmp_path):
    need(COMPILERS, "a C compiler")
    wheel = wheel_of(tmp_path)
    run(sys.executable, "-m", "venv", tmp_path / "venv", cwd=tmp_path)
    python = tmp_path / "venv" / "bin" / "python"
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    install = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    wanted = subprocess.run(
        [*install, wheel, "setuptools>=77", "cython>=3.3"],
        cwd=tmp_path,
        env=clean,
        capture_output=True,
        text=True,
    )
    if wanted.returncode and "No matching distribution found for" in wanted.stderr:
        pytest.skip("needs numpy, setuptools and cython from a package index")
    assert wanted.returncode == 0, wanted.stderr
    copy = [python, "-m", "pageengine", "examples", "--json"]
    for name in ("embed_c", "embed_cython", "embed_setup"):
        run(*copy, name, "-o", tmp_path / "mine", cwd=tmp_path, env=clean)
    ask = "import pageengine as pe; print(pe.get_include(), pe.get_library_dir(), sep='\\n')"
    include, library = run(python, "-c", ask, cwd=tmp_path, env=clean).split("\n")[:2]
    assert str(tmp_path) in include and str(tmp_path) in library
    mine = tmp_path / "mine"
    link = [f"-I{include}", f"-L{library}"]
    run(COMPILERS[0], *STRICT, "embed_c.c", *link, "-lpageengine", cwd=mine)
    assert run(mine / "a.out", cwd=mine) == expected
    run(python, "embed_setup.py", "-q", "build_ext", "--inplace", cwd=mine, env=clean)
    started = [python, "-c", "import embed_cython; embed_cython.main()"]
    assert run(*started, cwd=mine, env=clean) == expected
