"""Builds embed_cython.pyx, a module linked with the library that the package brings:
`python embed_setup.py build_ext --inplace`. Needs setuptools, Cython and a C compiler.
"""

from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

import pageengine

setup(
    name="embed_cython",
    py_modules=[],
    ext_modules=cythonize(
        Extension(
            "embed_cython",
            ["embed_cython.pyx"],
            include_dirs=[pageengine.get_include()],
            library_dirs=[pageengine.get_library_dir()],
            libraries=["pageengine"],
        ),
        include_path=[str(Path(pageengine.__file__).parents[1])],  # for cimport pageengine
        language_level=3,
    ),
)
