"""Where the header and the library for programs in C, C++ and Cython are (docs/embedding_c.md)."""

import errno
import os

__all__ = ["get_include", "get_library_dir", "get_pkgconfig_dir"]

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def _there(folder: str, holds: str) -> str:
    path = os.path.join(_PACKAGE, *folder.split("/"))
    if not any(os.path.isfile(os.path.join(path, name)) for name in holds.split()):
        raise FileNotFoundError(
            errno.ENOENT,
            f"the package was built without {holds.split()[0]}; in a source tree `python setup.py "
            "build_clib build_ext --inplace` makes it, and every wheel has it",
            path,
        )
    return path


def get_include() -> str:
    """The folder of ``pageengine.h``, for a C compiler's ``-I``. FileNotFoundError: the package was
    built without it.
    """
    return _there("include", "pageengine.h")


def get_library_dir() -> str:
    """The folder of the static library ``pageengine``, for a linker's ``-L`` (and
    ``-lpageengine``). FileNotFoundError as of ``get_include``.
    """
    return _there("lib", "libpageengine.a pageengine.lib")


def get_pkgconfig_dir() -> str:
    """The folder of ``pageengine.pc``, for ``PKG_CONFIG_PATH``. FileNotFoundError as of
    ``get_include``.
    """
    return _there("lib/pkgconfig", "pageengine.pc")
