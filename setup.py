"""Builds one static library from csrc/ and one extension module per .pyx file.

PAGEENGINE_SANITIZE=1 builds both under AddressSanitizer and UndefinedBehaviorSanitizer, =thread
under ThreadSanitizer, =none with debug information alone (for valgrind); tests/run_sanitized.py and
tests/run_checked.py do that in folders of their own and run tests on it.
"""

import os
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
# -g0 and -s: what Python was built with asks for debug information, which would be most of a wheel
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
    FLAGS = ["-std=c11", "-O3", "-g0", "-fvisibility=hidden", "-ffp-contract=off"]
    WRAPPER_FLAGS = ["-O2", "-g0", "-fvisibility=hidden"]
    LINK_FLAGS = ["-Wl,-s"] if sys.platform == "linux" else []

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


class BuildCore(build_clib):
    """Compiles the core's files side by side."""

    def build_libraries(self, libraries):
        compile_one = self.compiler.compile

        def compile_all(sources, *args, **kwargs):
            with ThreadPoolExecutor(THREADS) as pool:
                found = pool.map(lambda source: compile_one([source], *args, **kwargs), sources)
                return [each for objects in found for each in objects]

        self.compiler.compile = compile_all
        super().build_libraries(libraries)


class BuildExtensions(build_ext):
    """Compiles modules side by side."""

    def finalize_options(self):
        super().finalize_options()
        self.parallel = self.parallel or THREADS


# folder of the tree -> what of it comes with the package (src/pageengine/plumbing/shipped.py)
SHIPPED = {"docs": ("*.md",), "examples": ("scenarios/*.toml", "*.ipynb", "*.py")}


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


setup(
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
