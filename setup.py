"""Builds one static library from csrc/ and one extension module per .pyx file.

PAGEENGINE_SANITIZE=1 builds both under AddressSanitizer and UndefinedBehaviorSanitizer, =thread
under ThreadSanitizer, =none with debug information alone (for valgrind); tests/run_sanitized.py and
tests/run_checked.py do that in folders of their own and run tests on it.
"""

import os
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_clib import build_clib
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
PACKAGE = ROOT / "src" / "pageengine"
SOURCES = sorted(str(p.relative_to(ROOT)) for p in (ROOT / "csrc").rglob("*.c"))
HEADERS = sorted(str(p.relative_to(ROOT)) for p in (ROOT / "csrc").rglob("*.h"))
INCLUDE = ["csrc", "csrc/codec"]

# -ffp-contract=off: the same bits on processors that multiply and add at once.
# -g0 and -s: what Python was built with asks for debug information, which would be most of a wheel.
# Wrappers convert and call: they are built to be small (-Os), and a module takes of the core only
# the functions that it reaches (docs/building.md has what each of this is worth).
SANITIZE = os.environ.get("PAGEENGINE_SANITIZE")
if sys.platform == "win32":
    FLAGS, WRAPPER_FLAGS, LINK_FLAGS = ["/O2", "/std:c11"], ["/O2"], []
elif SANITIZE:
    CHECKED = ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"]
    # -fno-builtin: ThreadSanitizer sees a memcpy only where it is called
    THREAD = ["-fsanitize=thread", "-fno-builtin"]
    CHECKED = {"thread": THREAD, "none": []}.get(SANITIZE, CHECKED)
    FLAGS = ["-std=c11", "-O1", "-g", "-fno-omit-frame-pointer", *CHECKED]
    WRAPPER_FLAGS, LINK_FLAGS = ["-O1", "-g", *CHECKED], CHECKED
else:
    SMALL = ["-g0", "-fvisibility=hidden", "-fno-asynchronous-unwind-tables", "-fno-unwind-tables"]
    SECTIONS = ["-ffunction-sections", "-fdata-sections"]
    FLAGS = ["-std=c11", "-O3", "-ffp-contract=off", *SMALL, *SECTIONS]
    WRAPPER_FLAGS = ["-Os", "-ffp-contract=off", *SMALL, *SECTIONS]
    # -pthread: of a glibc before 2.34 threads are a library of their own
    LINK_FLAGS = {"linux": ["-Wl,-s,--gc-sections", "-pthread"], "darwin": ["-Wl,-dead_strip"]}
    LINK_FLAGS = LINK_FLAGS.get(sys.platform, [])

core = (
    "pageengine_core",
    {
        "sources": SOURCES,
        "include_dirs": INCLUDE,
        "cflags": FLAGS,
        "obj_deps": {source: HEADERS for source in SOURCES},
    },
)

# Cython's own code for typed arrays, which is most of every module: built once, for all of them
MEMORYVIEWS = "pageengine._memoryviews"
# What is installed on Linux is one file, that module's, with every other in it: what sixteen files
# say of themselves and the core that each would take are a ninth of a wheel. Where one would be
# stands a module in Python that fetches it. In a source tree each is a file, built alone.
IN_ONE_FILE = sys.platform == "linux" and not SANITIZE
FETCH = """\
from pageengine.plumbing.compiled import fetch

fetch(__name__)
"""


def extension(name, source):
    return Extension(
        name,
        [source],
        include_dirs=INCLUDE,
        libraries=["pageengine_core"],
        depends=HEADERS + SOURCES,
        extra_compile_args=WRAPPER_FLAGS,
        extra_link_args=LINK_FLAGS,
    )


extensions = [
    extension(
        ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts),
        str(path.relative_to(ROOT)),
    )
    for path in sorted(PACKAGE.rglob("*.pyx"))
]
extensions.append(extension(MEMORYVIEWS, MEMORYVIEWS.replace(".", "/") + ".c"))

THREADS = os.cpu_count() or 1
if "sdist" in sys.argv:  # of sources alone: nothing is translated for it
    extensions = []


# what programs in C are linked with is the core without the models and saved states (pe_*_state)
# that no call of pageengine.h reaches; a program that does not link says what is missing
NOT_EMBEDDED = ("pe_guest", "pe_device", "pe_draws", "pe_inject", "pe_turns", "pe_swap_many")
PKG_CONFIG = """\
prefix=${pcfiledir}/../..
includedir=${prefix}/include
libdir=${prefix}/lib

Name: pageengine
Description: Memory of virtual machines on an overcommitted host
Version: VERSION
Cflags: -I${includedir}
Libs: -L${libdir} -lpageengine -pthread
"""


def side_by_side(compiler):
    """Has a compiler compile the sources of one call at the same time."""
    compile_one = compiler.compile

    def compile_all(sources, *args, **kwargs):
        with ThreadPoolExecutor(THREADS) as pool:
            found = pool.map(lambda source: compile_one([source], *args, **kwargs), sources)
            return [each for objects in found for each in objects]

    compiler.compile = compile_all


class BuildCore(build_clib):
    """Compiles the core's files side by side, and makes the library for programs in C of them."""

    def build_libraries(self, libraries):
        side_by_side(self.compiler)
        super().build_libraries(libraries)
        embedded = [
            each
            for each in SOURCES
            if not Path(each).stem.startswith(NOT_EMBEDDED) and "_state" not in Path(each).stem
        ]
        objects = self.compiler.object_filenames(embedded, output_dir=self.build_temp)
        self.compiler.create_static_lib(objects, "pageengine", output_dir=self.build_clib)


class BuildExtensions(build_ext):
    """Compiles modules side by side, and puts beside them what programs in C are built with
    (src/pageengine/plumbing/embedding.py)."""

    def finalize_options(self):
        super().finalize_options()
        self.parallel = self.parallel or THREADS
        self.fetched = []  # modules that are in the file of another
        if IN_ONE_FILE and self.extensions and not (self.inplace or self.editable_mode):
            (one,) = (each for each in self.extensions if each.name == MEMORYVIEWS)
            self.fetched = [each.name for each in self.extensions if each is not one]
            one.sources = sorted(path for each in self.extensions for path in each.sources)
            self.extensions = [one]

    def build_extensions(self):
        side_by_side(self.compiler)
        super().build_extensions()

    def run(self):
        super().run()
        for path in self._fetching():
            self.mkpath(str(path.parent))
            path.write_text(FETCH, encoding="utf-8", newline="\n")
        header, library, pkg_config = self._for_programs_in_c()
        for each in (header, library, pkg_config):
            self.mkpath(str(each.parent))
        self.copy_file("csrc/pageengine.h", str(header))
        built = self.get_finalized_command("build_clib")
        self.copy_file(str(Path(built.build_clib, library.name)), str(library))
        text = PKG_CONFIG.replace("VERSION", self.distribution.get_version())
        pkg_config.write_text(text, encoding="utf-8", newline="\n")

    def get_outputs(self):
        added = [] if self.editable_mode else map(str, self._for_programs_in_c())
        return [*super().get_outputs(), *map(str, self._fetching()), *added]

    def _fetching(self):
        return [Path(self.build_lib, *name.split(".")).with_suffix(".py") for name in self.fetched]

    def _for_programs_in_c(self):
        home = PACKAGE if self.inplace else Path(self.build_lib, "pageengine")
        library = "pageengine.lib" if sys.platform == "win32" else "libpageengine.a"
        parts = ("include/pageengine.h", f"lib/{library}", "lib/pkgconfig/pageengine.pc")
        return [home / part for part in parts]


# folder of the tree -> what of it comes with the package (src/pageengine/plumbing/shipped.py)
SHIPPED = {
    "docs": ("*.md",),
    "examples": ("scenarios/*.toml", "*.ipynb", "*.py", "embed/embed_c.c", "embed/*.py*"),
}


class BuildWithShipped(build_py):
    """Puts examples and pages into the package that is built; they have no second copy in the tree.
    An editable build needs none: it finds them where they are."""

    def run(self):
        super().run()
        if not self.editable_mode:
            for source, target in self._shipped():
                self.mkpath(str(Path(target).parent))
                self.copy_file(source, target)

    def get_outputs(self, include_bytecode=True):
        built = super().get_outputs(include_bytecode)
        return built if self.editable_mode else built + [to for _, to in self._shipped()]

    def _shipped(self):
        home = Path(self.build_lib, "pageengine", "share")
        return [
            (str(path), str(home / path.relative_to(ROOT)))
            for folder, patterns in SHIPPED.items()
            for pattern in patterns
            for path in sorted((ROOT / folder).glob(pattern))
        ]


def description():
    """The README for a package index, which has no files beside it: links to files of the tree
    become their words, pictures go. The pages come with the package."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    text = re.sub(r"!\[[^]]*\]\((?!https?:)[^)]*\)\n*", "", text)
    return re.sub(r"\[([^]]*)\]\((?!https?:|#)[^)]*\)", r"\1", text)


setup(
    long_description=description(),
    long_description_content_type="text/markdown",
    cmdclass={
        "build_clib": BuildCore,
        "build_ext": BuildExtensions,
        "build_py": BuildWithShipped,
    },
    libraries=[core],
    ext_modules=cythonize(
        extensions,
        include_path=["src"],
        nthreads=0 if sys.platform == "win32" else THREADS,
        shared_utility_qualified_name=MEMORYVIEWS,
        build_dir="build/cython",
        compiler_directives={
            "language_level": "3",
            "embedsignature": False,
            "binding": True,
            "boundscheck": False,
            "wraparound": False,
            "cdivision": True,
            "auto_pickle": False,
            "autotestdict": False,
        },
    ),
)
