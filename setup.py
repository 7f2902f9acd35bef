"""Builds one static library from csrc/ and one extension module per .pyx file."""

import os
import sys
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

ROOT = Path(__file__).parent
SOURCES = sorted(str(p.relative_to(ROOT)) for p in (ROOT / "csrc").rglob("*.c"))
HEADERS = sorted(str(p.relative_to(ROOT)) for p in (ROOT / "csrc").rglob("*.h"))
INCLUDE = ["csrc", "csrc/codec"]

if sys.platform == "win32":
    FLAGS, WRAPPER_FLAGS = ["/O2", "/std:c11"], ["/O2"]
else:
    FLAGS = ["-std=c11", "-O3", "-fvisibility=hidden"]
    WRAPPER_FLAGS = ["-O2", "-g0", "-fvisibility=hidden"]
    if os.environ.get("PAGEENGINE_SANITIZE"):
        FLAGS += ["-O1", "-g", "-fno-omit-frame-pointer"]

core = (
    "pageengine_core",
    {
        "sources": SOURCES,
        "include_dirs": INCLUDE,
        "cflags": FLAGS,
        "obj_deps": {source: HEADERS for source in SOURCES},
    },
)
extensions = [
    Extension(
        "pageengine." + path.stem,
        [str(path.relative_to(ROOT))],
        include_dirs=INCLUDE,
        libraries=["pageengine_core"],
        depends=HEADERS + SOURCES,
        extra_compile_args=WRAPPER_FLAGS,
    )
    for path in sorted((ROOT / "src" / "pageengine").glob("*.pyx"))
]

setup(
    libraries=[core],
    ext_modules=cythonize(
        extensions,
        include_path=["src"],
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
