"""A warning tolerated once hides the next one. Every source of the core is compiled with all
warnings as errors, with each compiler this computer has, as it is built and with assertions left
out.
"""

import subprocess

import pytest
import tree

WARNINGS = [
    "-Wall",
    "-Wextra",
    "-Werror",
    "-Wconversion",
    "-Wshadow",
    "-Wundef",
    "-Wswitch-enum",
    "-Wmissing-prototypes",
    "-Wstrict-prototypes",
    "-Wvla",
    "-Wpointer-arith",
    "-Wwrite-strings",
    "-Wformat=2",
]


SLOW = {"pe_codec_word_wide.c"}  # five seconds each time
each_compiler = pytest.mark.parametrize(
    "compiler",
    [
        pytest.param(compiler, marks=[pytest.mark.slow] if number else [])
        for number, compiler in enumerate(tree.COMPILERS or [None])
    ],
)


@each_compiler
@pytest.mark.parametrize(
    "path",
    [
        pytest.param(
            path, id=tree.name(path), marks=[pytest.mark.slow] if path.name in SLOW else []
        )
        for path in tree.C_FILES
    ],
)
def test_a_source_of_the_core_compiles_without_a_warning(path, compiler):
    tree.need_compiler()
    for extra in ([], ["-DPE_RELEASE"]):
        command = [
            compiler,
            "-std=c11",
            "-O2",
            *WARNINGS,
            *extra,
            *tree.INCLUDES,
            "-c",
            str(path),
            "-o",
            "/dev/null",
        ]
        result = subprocess.run(command, capture_output=True, text=True)
        assert result.returncode == 0, result.stderr


@pytest.mark.slow
@each_compiler
def test_the_portable_branches_compile_too(compiler):
    """Without the processor's own instructions and without 128-bit integers: what another compiler
    would see.
    """
    tree.need_compiler()
    plain = ["-U__SSE2__", "-U__AVX2__", "-U__AVX512F__", "-U__SIZEOF_INT128__", "-U__ARM_NEON"]
    for path in tree.C_FILES:
        command = [
            compiler,
            "-std=c11",
            "-O1",
            "-Wall",
            "-Werror",
            *plain,
            *tree.INCLUDES,
            "-c",
            str(path),
        ]
        result = subprocess.run([*command, "-o", "/dev/null"], capture_output=True, text=True)
        assert result.returncode == 0, result.stderr
