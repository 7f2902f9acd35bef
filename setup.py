"""Builds one static library from csrc/ and one extension module per .pyx file.

PAGEENGINE_SANITIZE=1 builds both under AddressSanitizer and UndefinedBehaviorSanitizer;
tests/run_sanitized.py does that in a folder of its own and runs the tests on it.
"""

import os
import sys
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

ROOT = Path(__file__).parent
SOURCES = sorted(str(p.relative_to(ROOT)) for p in (ROOT / "csrc").rglob("*.c"))
HEADERS = sorted(str(p.relative_to(ROOT)) for p in (ROOT / "csrc").rglob("*.h"))
INCLUDE = ["csrc", "csrc/codec"]

# -ffp-contract=off: the same bits on processors that multiply and add at once.
# -g0 and -s: what Python was built with asks for debug information, which would be most of a wheel
SANITIZE = bool(os.environ.get("PAGEENGINE_SANITIZE"))
if sys.platform == "win32":
    FLAGS, WRAPPER_FLAGS, LINK_FLAGS = ["/O2", "/std:c11"], ["/O2"], []
elif SANITIZE:
    CHECKED = ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"]
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
extensions = [
    Extension(
        "pageengine." + path.stem,
        [str(path.relative_to(ROOT))],
        include_dirs=INCLUDE,
        libraries=["pageengine_core"],
        depends=HEADERS + SOURCES,
        extra_compile_args=WRAPPER_FLAGS,
        extra_link_args=LINK_FLAGS,
    )
    for path in sorted((ROOT / "src" / "pageengine").glob("*.pyx"))
]

setup(
    libraries=[core],
    ext_modules=cythonize(
        extensions,
        include_path=["src"],
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
