"""An object whose __init__ was never called, as a subclass that forgets it makes, must not take the
process down: classes of the extension modules refuse to be made so, or answer with exceptions.
"""

import importlib
import pkgutil
import subprocess
import sys
from importlib.machinery import EXTENSION_SUFFIXES

import pytest

import pageengine

POKE = """
import importlib, sys
cls = getattr(importlib.import_module(sys.argv[1]), sys.argv[2])
try:
    made = cls.__new__(cls)
except TypeError:
    raise SystemExit(0)
for name in set(dir(made)) - set(dir(object)):
    for arguments in ((), (0,), ([],), (0, 0), ([], [])):
        try:
            found = getattr(made, name)
            found(*arguments)
        except Exception:
            pass
"""


def classes():
    for module in pkgutil.iter_modules(pageengine.__path__):
        spec = module.module_finder.find_spec(module.name)
        if spec.origin.endswith(tuple(EXTENSION_SUFFIXES)):
            name = f"pageengine.{module.name}"
            for cls in vars(importlib.import_module(name)).values():
                if isinstance(cls, type) and cls.__module__ == name:
                    yield pytest.param(name, cls.__name__, id=f"{module.name}.{cls.__name__}")


@pytest.mark.parametrize("module, name", list(classes()))
def test_an_object_that_was_never_initialised_does_no_harm(module, name):
    done = subprocess.run(
        [sys.executable, "-c", POKE, module, name], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr[-2000:]
