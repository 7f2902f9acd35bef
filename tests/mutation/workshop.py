"""A copy of the tree in which changes are made, and the programs and modules that are built of it.

The tree itself is never written to. The copy and its objects stay in the system's folder for
temporary files from one run to the next; what did not change is not built again.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.util
import itertools
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
#: As setup.py builds, but for time: what is compared to find changes that are none.
PLAIN = [
    "-std=c11",
    "-O2",
    "-g0",
    "-fPIC",
    "-fvisibility=hidden",
    "-ffp-contract=off",
    "-Werror=int-conversion",
    "-Werror=incompatible-pointer-types",
    "-Werror=implicit-function-declaration",
]
COPIED = ("csrc", "src", "tests", "docs", "examples", "bench")


class Workshop:
    """cc: the compiler. tree: the copy."""

    def __init__(self, root: Path = ROOT, folder: Path | None = None):
        name = hashlib.sha256(str(root).encode()).hexdigest()[:8]
        place = Path(tempfile.gettempdir()) / f"pageengine-mutation-{os.getuid()}-{name}"
        self.root, self.folder = root, folder or place
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = (self.folder / "lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            sys.exit(f"another run works in {self.folder}")
        self.tree = self.folder / "tree"
        self._times = itertools.count(int(time.time()) - 10**6)
        self._copy()
        self._objects = _load("c_objects", self.tree / "tests" / "c_objects.py")
        self._tests = _load("c_tests", self.tree / "tests" / "c" / "conftest.py")
        self.cc = self._tests.CC
        self._members: dict[str, set[str]] = {}
        self._passing: list[Path] = []  # objects of the change at hand

    # the copy

    def _copy(self) -> None:
        names = _sources_of(self.root)
        for name in sorted(names):
            source, target = self.root / name, self.tree / name
            if not _same(source, target):
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, target)
                self._mark(target)
        for name in _sources_of(self.tree) - names:
            (self.tree / name).unlink()

    def _mark(self, path: Path) -> None:
        """A time of its own: compiled Python is known by time and size alone."""
        now = next(self._times)
        os.utime(path, (now, now))

    @contextlib.contextmanager
    def changed(self, change):
        """The copy with this change in it, for as long as it is looked at."""
        path = self.tree / change.file
        text = path.read_text()
        self._passing.clear()
        path.write_text(change.apply(text))
        self._mark(path)
        try:
            yield path
        finally:
            path.write_text(text)
            self._mark(path)
            users = set(self.users(path)) if path.suffix != ".py" else set()
            kept = {self._object(user, *kind) for user in users for kind in self._kinds()}
            stems = {user.stem for user in users}
            for made in set(self._passing) - kept:
                if made.stem.rpartition("-")[0] in stems:
                    made.unlink(missing_ok=True)

    # objects

    def compile(self, source: Path, flags: list[str], kind: str) -> Path | None:
        """The object of a source of the copy as it is now; None when it does not compile."""
        made = self._object(source, flags, kind)
        if not made.exists():
            made.parent.mkdir(exist_ok=True)
            command = [self.cc, *flags, *self._includes(), "-c", str(source), "-o", f"{made}.part"]
            if subprocess.run(command, capture_output=True).returncode:
                return None
            os.replace(f"{made}.part", made)
            self._passing.append(made)
        return made

    def _object(self, source: Path, flags: list[str], kind: str) -> Path:
        digest = hashlib.sha256(" ".join([self.cc, *flags]).encode())
        digest.update(str(source.relative_to(self.tree)).encode())
        for path in [source, *sorted(self._headers(source))]:
            digest.update(path.read_bytes())
        return self.folder / kind / f"{source.stem}-{digest.hexdigest()[:16]}.o"

    def _kinds(self):
        return (PLAIN, "plain"), (self._checked(), "checked")

    def _checked(self) -> list[str]:
        """As C tests are built, but for warnings."""
        flags = self._objects.FLAGS + self._objects.SANITIZERS
        return [flag for flag in flags if not flag.startswith(("-W", "-I"))] + ["-w"]

    def _headers(self, source: Path) -> set[Path]:
        """All that it includes of the tree, at whatever depth."""
        found: set[Path] = set()
        waiting = [source]
        while waiting:
            for name in re.findall(r'^#include "(.+)"', waiting.pop().read_text(), re.MULTILINE):
                for folder in ("csrc", "csrc/codec", "tests/c"):
                    path = (self.tree / folder / name).resolve()
                    if path.exists() and path not in found:
                        found.add(path)
                        waiting.append(path)
        return found

    def users(self, path: Path) -> list[Path]:
        """The sources that a change of this file changes: itself, or all that include it."""
        if path.suffix == ".c":
            return [path]
        sources = sorted((self.tree / "csrc").rglob("*.c"))
        return [source for source in sources if path.resolve() in self._headers(source)]

    def _includes(self):
        tree = self.tree
        return [f"-I{tree / 'csrc'}", f"-I{tree / 'csrc/codec'}", f"-I{tree / 'tests/c'}"]

    def plain(self, source: Path) -> Path | None:
        return self.compile(source, PLAIN, "plain")

    def code_of(self, path: Path) -> str | None:
        """Two files of the same are the same program; None: it does not compile."""
        made = [self.plain(source) for source in self.users(path)]
        if None in made:
            return None
        return hashlib.sha256(b"".join(object_.read_bytes() for object_ in made)).hexdigest()

    # C tests

    def c_test(self, name: str) -> list[str] | None:
        """The command that runs tests/c/test_pe_<name>.c as the copy is now."""
        tests = self._tests
        path = self.tree / "tests" / "c" / f"test_pe_{name}.c"
        sources = [path, path.parent / "oom.c", *tests._sources(path)]
        flags = self._checked()
        objects = [self.compile(source, flags, "checked") for source in sources]
        if None in objects:
            return None
        wraps = [f"-Wl,--wrap={word}" for word in tests.WRAPPED]
        if not any(source.name == "pe_os.c" for source in sources):
            names = [word for word in tests.WRAPPED if word.startswith("pe_")]
            wraps += [f"-Wl,--defsym=__real_{word}=0" for word in names]
        program = self.folder / f"test_pe_{name}"
        command = [self.cc, *flags, *map(str, objects), *wraps, "-o", str(program)]
        linked = subprocess.run(command, capture_output=True)
        return None if linked.returncode else [str(program)]

    # extension modules

    def build_modules(self) -> None:
        """All of them, once, as setup.py builds them; what each is linked of is noted."""
        sources = [*(self.tree / "csrc").rglob("*.[ch]")]
        package = self.tree / "src" / "pageengine"
        sources += [*package.glob("*.p[yx][xd]"), *package.rglob("*.pxd")]
        digest = hashlib.sha256()
        for path in sorted(set(sources)):
            digest.update(path.read_bytes())
        stamp = self.folder / "modules"
        if not stamp.exists() or stamp.read_text() != digest.hexdigest():
            command = [sys.executable, "setup.py", "-q", "build_clib", "build_ext", "--inplace"]
            subprocess.run(command, cwd=self.tree, check=True)
            stamp.write_text(digest.hexdigest())
        self._archive = self.folder / "core.a"
        objects = [self.plain(path) for path in sorted((self.tree / "csrc").rglob("*.c"))]
        self._archive.unlink(missing_ok=True)
        subprocess.run(["ar", "rc", self._archive, *objects], check=True)
        for wrapper in sorted((self.tree / "build").glob("temp.*/**/*.o")):
            if wrapper.with_suffix("").name in self._names() and "csrc" not in wrapper.parts:
                told = self._link(wrapper, [], ["-Wl,-t", "-Wl,-t"])  # twice: members too
                found = re.findall(r"\b(pe_\w+)-[0-9a-f]{16}\.o", told)
                self._members[str(wrapper)] = set(found)
        if not any("pe_host" in members for members in self._members.values()):
            sys.exit("what the extension modules are linked of cannot be told (build/, ld -t)")

    def _names(self):
        return {path.stem for path in (self.tree / "src" / "pageengine").glob("*.pyx")}

    def _link(self, wrapper: Path, more: list[Path], options=()) -> str:
        suffix = importlib.machinery.EXTENSION_SUFFIXES[0]
        target = self.tree / "src" / "pageengine" / (wrapper.stem + suffix)
        part = target.with_suffix(".part")
        command = [
            self.cc,
            "-shared",
            str(wrapper),
            *map(str, more),
            str(self._archive),
            "-o",
            str(part),
            "-Wl,-s",
            *options,
        ]
        made = subprocess.run(command, capture_output=True, text=True)
        if made.returncode:
            raise RuntimeError(made.stderr)
        os.replace(part, target)
        return made.stdout

    @contextlib.contextmanager
    def modules_with(self, path: Path):
        """The extension modules linked with a file as it is now."""
        sources = self.users(path)
        made = [self.plain(source) for source in sources]
        stems = {source.stem for source in sources}
        users = [Path(wrapper) for wrapper, of in self._members.items() if stems & of]
        try:
            for wrapper in users:
                of = self._members[str(wrapper)]
                self._link(wrapper, [m for s, m in zip(sources, made) if s.stem in of])
            yield
        finally:
            for wrapper in users:
                self._link(wrapper, [])


def _sources_of(root: Path) -> set[str]:
    """What a clone would have of it; names from the root."""
    found = [path for path in root.glob("*") if path.is_file()]
    found += [path for folder in COPIED for path in (root / folder).rglob("*") if path.is_file()]
    return {
        path.relative_to(root).as_posix()
        for path in found
        if path.suffix not in (".so", ".pyc")
        and not path.with_suffix(".pyx").exists()
        or path.suffix in (".pyx", ".pyi", ".pxd")
    }


def _same(source: Path, target: Path) -> bool:
    return target.is_file() and source.read_bytes() == target.read_bytes()


def _load(name: str, path: Path):
    spec = importlib.util.spec_from_file_location(name, path)
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
