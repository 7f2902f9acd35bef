"""Finds compiled modules that share one file, as they do wherever the package is installed on Linux
(setup.py says why).

A shared object may hold any number of modules, and Python loads each from it by the last part of
its name. In place of a module's own file an installed package has one in Python that calls
``fetch``.
"""

import importlib.util
import sys
from importlib.machinery import ExtensionFileLoader

__all__ = ["fetch"]

_HOLDER = "pageengine._memoryviews"  # as in setup.py: it can be imported by itself


def fetch(name: str) -> None:
    """Puts the compiled module of a name in the place of the one that is being imported.
    ImportError: the file has no such module, or is not there.
    """
    holder = importlib.util.find_spec(_HOLDER)
    if holder is None or holder.origin is None:
        raise ImportError(f"{name} is in the file of {_HOLDER}, which is missing", name=name)
    loader = ExtensionFileLoader(name, holder.origin)
    spec = importlib.util.spec_from_file_location(name, holder.origin, loader=loader)
    assert spec is not None  # it has a loader
    sys.modules[name] = module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
