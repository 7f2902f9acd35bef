"""At stake: who installs a wheel gets what was tested, of the version that it says, on the systems
that it says; and who builds a commit again gets the same bytes. The whole matrix is built by
tools/wheels.py, for hours; here are its table, its checks and a small part of a build.
"""

import datetime
import importlib.machinery
import io
import json
import os
import platform
import re
import shutil
import struct
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import built
import checked
import published
import pytest
import targets
import tree
import yaml

import pageengine as pe
from pageengine.plumbing import compiled
from pageengine.stores import frames

PROJECT = tomllib.loads((tree.ROOT / "pyproject.toml").read_text())
NAME = "pageengine-0.1.0-cp312-cp312-{}.whl"
EPOCH = 1_700_000_000


def test_the_version_is_written_once_and_repeated_alike():
    assert "version" in PROJECT["project"]["dynamic"] and "version" not in PROJECT["project"]
    assert published.version() == pe.__version__
    assert set(published.repeated().values()) == {pe.__version__}
    with pytest.raises(SystemExit, match=r"the tag says 9\.9\.9, but .* says"):
        published.check_version("9.9.9")


def test_the_list_of_parts_says_of_which_version_it_is():
    listed = json.loads(published.named('{"metadata": {"component": {"name": "pageengine"}}}'))
    assert listed["metadata"]["component"]["version"] == pe.__version__


def test_the_citation_can_be_read():
    cited = yaml.safe_load((tree.ROOT / "CITATION.cff").read_text())
    assert cited["license"] == PROJECT["project"]["license"]
    assert {"cff-version", "message", "title", "authors"} <= set(cited)


def test_the_forge_builds_the_pythons_of_the_table_and_no_other():
    asked = PROJECT["tool"]["cibuildwheel"]["build"].split()
    assert asked == [f"{targets.tag_of(each)}-*" for each in targets.PYTHONS]
    promised = [line.rpartition(" :: ")[2] for line in PROJECT["project"]["classifiers"]]
    assert set(targets.PYTHONS) <= set(promised)
    release = yaml.safe_load((tree.ROOT / ".github" / "workflows" / "release.yml").read_text())
    setup = release["jobs"]["linux"]["steps"][1]["with"]["python-version"]
    assert tuple(setup.split()) == targets.PYTHONS


def test_a_target_is_found_by_the_name_of_a_wheel():
    for target in targets.TARGETS.values():
        assert checked.platform(Path(NAME.format(target.tag))) is target
    assert checked.platform(Path(NAME.format("macosx_11_0_arm64"))) is None


def test_a_module_of_this_installation_passes_as_a_module_of_a_wheel():
    module = Path(frames.__file__)
    data = module.read_bytes()
    if data[:6] != b"\x7fELF\x02\x01" or os.environ.get("PAGEENGINE_SANITIZED"):
        pytest.skip("not built as for a wheel of Linux")
    found = checked.Elf(data)
    assert found.processor == platform.machine() and "PyInit_frames" in found.defined
    assert all(each.startswith("PyInit_") for each in found.defined)
    assert "PyModuleDef_Init" in found.undefined and found.needed


def made_wheel(folder, name=NAME.format("musllinux_1_2_x86_64"), leave_out=(), **more):
    """A wheel of empty modules and what must be in it."""
    path = folder / name
    with zipfile.ZipFile(path, "w") as file:
        for each in {*checked.HELD} - {*leave_out}:
            file.writestr(each, "")
        file.writestr("pageengine/m.cpython-312-x86_64-linux-musl.so", "")
        file.writestr("pageengine/m.pyi", "")
        for each, data in more.items():
            file.writestr(f"pageengine/{each}", data)
    return path


def test_a_wheel_with_all_in_it_has_nothing_wrong(tmp_path):
    assert checked.problems(made_wheel(tmp_path)) == []


@pytest.mark.parametrize(
    ("made", "said"),
    [
        ({"name": "pageengine-0.1.0-cp310-cp310-musllinux_1_2_x86_64.whl"}, "is for cp310-cp310"),
        ({"name": "pageengine-0.1.0-cp313-cp313t-musllinux_1_2_x86_64.whl"}, "cp313-cp313t"),
        ({"leave_out": ["pageengine/py.typed"]}, "py.typed is missing"),
        ({"lock.pyi": ""}, "lock.pyi is of a module that is missing"),
        ({"core.pyx": ""}, "core.pyx does not belong"),
        ({"tests/test_it.py": ""}, "tests/test_it.py does not belong"),
        ({"big": os.urandom(targets.SIZE_MAX)}, "bytes, at most"),
    ],
)
def test_what_is_wrong_with_a_wheel_is_said(tmp_path, made, said):
    (problem,) = checked.problems(made_wheel(tmp_path, **made))
    assert said in problem


def module(processor=62, needed="libc.so", shown="PyInit_m", asked="PyList_New", path=""):
    """A shared object of nothing but tables."""
    names = f"\0{needed}\0{shown}\0{asked}\0{path}\0".encode()
    at = {each: names.index(each.encode() + b"\0") for each in (needed, shown, asked)}
    dynamic = [(checked._DT_NEEDED, at[needed])]
    dynamic += [(checked._DT_RUNPATH, names.index(path.encode() + b"\0", 1))] if path else []
    tables = [
        (3, names),
        (checked._SHT_DYNAMIC, b"".join(struct.pack("<QQ", *row) for row in dynamic)),
        (
            checked._SHT_DYNSYM,
            struct.pack("<IBBHQQ", at[shown], 0x12, 0, 1, 0, 0)
            + struct.pack("<IBBHQQ", at[asked], 0x12, 0, 0, 0, 0),
        ),
    ]
    body, heads = b"", b""
    for kind, data in tables:
        heads += struct.pack("<IIQQQQIIQQ", 0, kind, 0, 0, 64 + len(body), len(data), 0, 0, 1, 0)
        body += data
    head = b"\x7fELF\x02\x01".ljust(16, b"\0") + struct.pack(
        "<HHIQQQ", 3, processor, 1, 0, 0, 64 + len(body)
    )
    return head + struct.pack("<IHHHHHH", 0, 64, 0, 0, 64, 3, 0) + body + heads


@pytest.mark.parametrize(
    ("made", "said"),
    [
        ({}, None),
        ({"processor": 183}, "for aarch64, the wheel says x86_64"),
        ({"needed": "libstdc++.so.6"}, r"needs libstdc"),
        ({"shown": "pe_hash_page"}, "shows pe_hash_page"),
        ({"asked": "pidfd_open"}, "asks for pidfd_open"),
        ({"path": "/usr/lib/somewhere"}, "looks for libraries in /usr/lib/somewhere"),
        ({"path": "/build/somebody/core.c"}, "names a folder of where it was built"),
    ],
)
def test_what_is_wrong_with_a_module_is_said(tmp_path, made, said):
    path = made_wheel(tmp_path, **{"m.so": module(**made)})
    found = "\n".join(checked.problems(path))
    assert said in found if said else found == ""


def test_a_module_that_a_file_does_not_have_cannot_be_fetched():
    with pytest.raises(ImportError, match="nothing_of_that_name"):
        compiled.fetch("pageengine.nothing_of_that_name")
    assert "pageengine.nothing_of_that_name" not in sys.modules


def test_a_wheel_is_packed_smaller_with_all_that_was_in_it(tmp_path):
    pytest.importorskip("zopfli", reason="pip install '.[wheels]'")
    path = made_wheel(tmp_path, **{"text.py": "a line, and another\n" * 500})
    with zipfile.ZipFile(path, "a") as file:
        file.mkdir("pageengine/folder")
    built.pack(path, tmp_path / "packed")
    with zipfile.ZipFile(path) as given, zipfile.ZipFile(tmp_path / "packed") as made:
        assert made.testzip() is None
        assert [*made.namelist(), "pageengine/folder/"] == given.namelist()
        for each in made.infolist():
            assert made.read(each) == given.read(each.filename)
            assert each.date_time == given.getinfo(each.filename).date_time
    assert (tmp_path / "packed").stat().st_size < path.stat().st_size


def test_an_sdist_is_packed_the_same_each_time(tmp_path, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(EPOCH))
    for number, order in enumerate(("ab", "ba")):
        with tarfile.open(tmp_path / f"{number}.tar.gz", "w:gz") as file:
            for name in order:
                member = tarfile.TarInfo(name)
                member.size, member.mtime, member.uid = 1, EPOCH + 5 * number, 1000 + number
                member.mode = 0o664 if number else 0o644
                file.addfile(member, io.BytesIO(name.encode()))
        built.same_each_time(tmp_path / f"{number}.tar.gz")
    first, second = (tmp_path / f"{number}.tar.gz" for number in range(2))
    assert first.read_bytes() == second.read_bytes()
    with tarfile.open(first) as file:
        assert file.getnames() == ["a", "b"] and file.extractfile("b").read() == b"b"


@pytest.mark.slow
def test_the_sdist_holds_all_that_is_kept(tmp_path):
    """Its tests are run where there is no repository, and look at any file of the tree."""
    if shutil.which("git") is None or not (tree.ROOT / ".git").exists():
        pytest.skip("not a clone")
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=tree.ROOT, capture_output=True, text=True).stdout.split()
    kept = {each for each in listed if (tree.ROOT / each).exists()}
    made = built.sdist(tree.ROOT, tmp_path)
    with tarfile.open(made) as file:
        held = {name.partition("/")[2] for name in file.getnames()}
    of_the_forge = {".gitignore", ".ci/run"}
    assert kept - held == of_the_forge


#: Enough of the tree for a build: one class of the core and what every module wants.
KEPT_MODULES = {"_status.pyx", "device.pyx"}
KEPT_SOURCES = {"pe_status.c", "pe_device.c", "pe_draws.c"}


def small_tree(target):
    ignored = shutil.ignore_patterns("*.so", "__pycache__", "*.egg-info")
    for folder in ("src", "csrc", "docs", "examples"):
        shutil.copytree(
            tree.ROOT / folder, target / folder, ignore=ignored, copy_function=shutil.copyfile
        )
    for path in [*target.rglob("*.pyx"), *target.rglob("csrc/**/*.c")]:
        if path.name not in KEPT_MODULES | KEPT_SOURCES:
            path.unlink()
    for file in ("setup.py", "pyproject.toml", "MANIFEST.in", "README.md", "LICENSE"):
        shutil.copyfile(tree.ROOT / file, target / file)


@pytest.mark.slow
def test_two_builds_are_the_same_byte_for_byte(tmp_path):
    """In two folders, at two times of two time zones, with two orders of sets."""
    tree.need_compiler()
    made = []
    for number, zone in enumerate(("UTC", "Asia/Kolkata")):
        folder = tmp_path / f"somewhere{'-else' * number}"
        small_tree(folder)
        later = datetime.datetime.now().timestamp() - 86_400 * number
        for path in folder.rglob("*"):
            os.utime(path, (later, later))
        environment = {**os.environ, "SOURCE_DATE_EPOCH": str(EPOCH), "TZ": zone}
        environment |= {"PYTHONHASHSEED": str(number), "LC_ALL": "C"}
        command = [sys.executable, "setup.py", "-q", "bdist_wheel"]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-2000:]
        (wheel,) = (folder / "dist").glob("*.whl")
        made.append(wheel)
    first, second = made
    with zipfile.ZipFile(first) as one, zipfile.ZipFile(second) as other:
        assert one.namelist() == other.namelist()
        assert [name for name in one.namelist() if one.read(name) != other.read(name)] == []
        modules = [
            name
            for name in one.namelist()
            if name.endswith(tuple(importlib.machinery.EXTENSION_SUFFIXES))
        ]
        assert len(modules) == (1 if sys.platform == "linux" else 3)
        for name in modules:
            assert str(tmp_path).encode() not in one.read(name), f"{name} says where it was built"
        one.extractall(tmp_path / "site")
        (about,) = (name for name in one.namelist() if name.endswith(".dist-info/METADATA"))
        text = one.read(about).decode()
    assert "# pageengine" in text and "(docs/cli.md" not in text  # on an index it leads nowhere
    assert all(re.match(r"https?:", each) for each in re.findall(r"\]\(([^)]*)\)", text))
    assert first.read_bytes() == second.read_bytes()
    if sys.platform == "linux":
        modules_come_from_one_file(tmp_path / "site")


def modules_come_from_one_file(site):
    (site / "pageengine" / "__init__.py").write_text("")  # it imports what was left out
    says = "import pageengine.plumbing._status as a, pageengine.core.device as b;"
    says += "print(a.__name__, b.__name__, b.Device.__module__, a.__file__ == b.__file__)"
    environment = {**os.environ, "PYTHONPATH": str(site), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", says], cwd=site, env=environment, capture_output=True, text=True
    )
    assert done.stdout.split()[:2] == ["pageengine.plumbing._status", "pageengine.core.device"]
    assert done.stdout.split()[2:] == ["pageengine.core.device", "True"]
