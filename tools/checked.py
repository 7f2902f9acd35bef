"""Checks of a wheel as a file: its name, its size, what is in it, and what its modules ask of the
system. They need nothing but the wheel.
"""

from __future__ import annotations

import re
import struct
import zipfile
from pathlib import Path

from targets import PYTHONS, SIZE_MAX, TARGETS, Target, tag_of

#: What a module may ask to have loaded: the C library and its parts, and on aarch64 the loader.
NEEDED = re.compile(r"lib(c|m|dl|rt|pthread)\.so(\.\d+)?|ld-linux-\w+-?\w*\.so\.\d+")
#: What a wheel must hold beside modules, and what it must not.
HELD = ("pageengine/__init__.py", "pageengine/py.typed", "pageengine/share/docs/index.md")
STRAY = re.compile(
    r"(^|/)(tests?|bench|csrc|__pycache__)/|^(?!pageengine/share/examples/).*\.pyx$|\.(o|orig)$"
    r"|(^|/)\."
)
#: Folders of a computer that builds: none of its own may be in what was built.
BUILT_AT = re.compile(rb"/(?:home|Users|root|tmp|build|opt|work|private|project)/[\w.-]+/[\w./-]+")
_DT_NEEDED, _DT_RPATH, _DT_RUNPATH = 1, 15, 29
_SHT_DYNAMIC, _SHT_DYNSYM = 6, 11
_PROCESSORS = {62: "x86_64", 183: "aarch64"}


def wheels(paths: list[Path]) -> None:
    """Checks wheels. SystemExit that names everything that is wrong with any."""
    found = {path: problems(path) for path in paths}
    for path, wrong in found.items():
        print(f"{path.name}: {len(wrong) or 'nothing'} wrong")
    if any(found.values()):
        said = (f"{path.name}: {each}" for path, wrong in found.items() for each in wrong)
        raise SystemExit("\n".join(said))


def problems(path: Path) -> list[str]:
    """Everything that is wrong with a wheel."""
    found = [*_of_name(path), *_of_size(path)]
    with zipfile.ZipFile(path) as file:
        found += contents(file.namelist())
        for name in file.namelist():
            if name.endswith(".so"):
                found += [f"{name}: {each}" for each in _of_module(path, file.read(name))]
    return found


def platform(path: Path) -> Target | None:
    """Which of the targets a wheel is for; None: another (macOS, Windows)."""
    return next((each for each in TARGETS.values() if each.tag in path.stem), None)


def _of_name(path: Path):
    tags = path.stem.split("-")[2:]
    if len(tags) != 3 or tags[0] != tags[1] or tags[0] not in map(tag_of, PYTHONS):
        yield f"is for {'-'.join(tags)}, expected one of {', '.join(map(tag_of, PYTHONS))}"


def _of_size(path: Path):
    if (size := path.stat().st_size) > SIZE_MAX:
        yield f"{size:,} bytes, at most {SIZE_MAX:,}"


def contents(names: list[str]):
    """What is wrong with the files of a wheel, by their names."""
    for each in HELD:
        if each not in names:
            yield f"{each} is missing"
    for each in names:
        if STRAY.search(each):
            yield f"{each} does not belong into a wheel"
    modules = {name.partition(".")[0] for name in names if name.endswith((".py", ".so", ".pyd"))}
    for each in names:
        if each.endswith(".pyi") and each.partition(".")[0] not in modules:
            yield f"{each} is of a module that is missing"


def _of_module(path: Path, data: bytes):
    """What is wrong with an extension module."""
    if data[:4] != b"\x7fELF":
        return
    found = Elf(data)
    target = platform(path)
    if target and found.processor != target.processor:
        yield f"for {found.processor}, the wheel says {target.processor}"
    for each in found.needed:
        if not NEEDED.fullmatch(each):
            yield f"needs {each}"
    for each in found.search:
        yield f"looks for libraries in {each}"
    shown = [each for each in found.defined if not each.startswith("PyInit_")]
    if len(found.defined) == 0 or shown:
        yield f"shows {', '.join(sorted(shown)[:5]) or 'no PyInit'}"
    strange = [each for each in found.undefined if not _is_asked_of_others(each, target)]
    if strange:
        yield f"asks for {', '.join(sorted(strange)[:5])}"
    for each in set(BUILT_AT.findall(data)):
        yield f"names a folder of where it was built: {each.decode()}"


def _is_asked_of_others(symbol: str, target: Target | None) -> bool:
    """Whether a symbol is one that Python or the C library of the platform has."""
    if symbol.startswith(("Py", "_Py")):
        return True
    if target is None or not target.musl:
        return True  # auditwheel has looked at the versions of glibc's
    return symbol in MUSL


#: What the modules use of musl 1.2, which has no versions to go by.
MUSL = frozenset(
    "__cxa_finalize __deregister_frame_info __register_frame_info _ITM_deregisterTMCloneTable "
    "_ITM_registerTMCloneTable __errno_location __assert_fail __stack_chk_fail abort calloc close "
    "exp fdopen fputs free frexp fsync ftruncate ldexp log log1p madvise malloc memchr memcmp "
    "memcpy memmove memset mmap munmap open pow pread pwrite read realloc sched_yield snprintf "
    "sqrt strchr strcmp strlen strncmp strncpy strrchr strstr sysconf vsnprintf write "
    "pthread_mutex_lock pthread_mutex_unlock pthread_mutex_trylock posix_fallocate fprintf stderr "
    "pthread_mutex_init pthread_mutex_destroy pthread_cond_init pthread_cond_destroy "
    "pthread_cond_wait pthread_cond_broadcast pthread_create pthread_join pthread_sigmask "
    "sigfillset qsort bcmp fcntl preadv pwritev ceil floor".split()
)


class Elf:
    """What the loader reads of a 64-bit little-endian ELF file.

    Attributes:
        processor: the processor.
        needed: libraries that it asks for.
        search: where it looks for them (RPATH, RUNPATH).
        defined, undefined: names that it shows; that it asks for.
    """

    def __init__(self, data: bytes) -> None:
        if data[:6] != b"\x7fELF\x02\x01":
            raise ValueError("not a 64-bit little-endian ELF file")
        self._data = data
        self.processor = _PROCESSORS.get(struct.unpack_from("<H", data, 18)[0], "another processor")
        (at,), (size, count) = (
            struct.unpack_from("<Q", data, 40),
            struct.unpack_from("<HH", data, 58),
        )
        self._sections = [
            struct.unpack_from("<IIQQQQIIQQ", data, at + i * size) for i in range(count)
        ]
        self.needed, self.search, self.defined, self.undefined = [], [], [], []
        for section in self._sections:
            if section[1] == _SHT_DYNAMIC:
                self._read_dynamic(section)
            elif section[1] == _SHT_DYNSYM:
                self._read_symbols(section)

    def _rows(self, section, form):
        begin, size = section[4], section[5]
        return struct.iter_unpack(form, self._data[begin : begin + size])

    def _text(self, section, at):
        begin = self._sections[section[6]][4] + at
        return self._data[begin : self._data.index(b"\0", begin)].decode()

    def _read_dynamic(self, section):
        for kind, value in self._rows(section, "<QQ"):
            if kind == _DT_NEEDED:
                self.needed.append(self._text(section, value))
            elif kind in (_DT_RPATH, _DT_RUNPATH):
                self.search.append(self._text(section, value))

    def _read_symbols(self, section):
        for name, info, _, index, _, _ in self._rows(section, "<IBBHQQ"):
            if name and info >> 4:  # not local
                weak_or_not = self.undefined if index == 0 else self.defined
                weak_or_not.append(self._text(section, name))
