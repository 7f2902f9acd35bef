"""What a package offers and does not load before it is used: names that many programs never need,
and its modules (PEP 562).
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any


def at_first_use(
    package: dict[str, Any], where: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """``__getattr__`` and ``__dir__`` for the package with these globals. where: names and the
    module of the package that each is in. Modules are found without being named.
    """
    path = package["__name__"]

    def __getattr__(name: str) -> Any:
        if name in where:
            package[name] = getattr(importlib.import_module(f"{path}.{where[name]}"), name)
            return package[name]
        if not name.startswith("_"):
            try:
                return importlib.import_module(f"{path}.{name}")
            except ModuleNotFoundError as error:
                if error.name != f"{path}.{name}":
                    raise
        raise AttributeError(f"module {path!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted(package["__all__"])

    return __getattr__, __dir__
