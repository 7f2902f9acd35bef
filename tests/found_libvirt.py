"""libvirt's own package, as pip installed it or as Debian has it."""

import importlib
import sys

import pytest


def libvirt():
    """The module; skips the test where there is none."""
    try:
        return importlib.import_module("libvirt")
    except ImportError:
        sys.path.append("/usr/lib/python3/dist-packages")
        try:
            return pytest.importorskip(
                "libvirt",
                reason="no libvirt: apt-get install python3-libvirt",
                exc_type=ImportError,
            )
        finally:
            sys.path.pop()
