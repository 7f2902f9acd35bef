"""What comes with the package beside code: example scenarios, notebooks and programs, and the pages
of the documentation.

Each file has one home, in ``examples/`` and ``docs/`` of the source tree. Wheels carry them inside
the package, where the build puts them (SHIPPED in setup.py); a package that runs from its source
tree finds them where they are.
"""

from __future__ import annotations

import ast
import errno
import json
import os
import re
import tomllib
from pathlib import Path

from pageengine.plumbing import given

__all__ = ["about", "examples", "pages", "scenario", "scenarios"]

_PACKAGE = Path(__file__).resolve().parents[1]
_CARRIED = _PACKAGE / "share"
_HOME = _CARRIED if _CARRIED.is_dir() else _PACKAGE.parents[1]


def scenarios() -> dict[str, Path]:
    """The scenarios by name ("states"), as files."""
    return _named("examples/scenarios", "*.toml")


def scenario(path: str | os.PathLike[str]) -> Path:
    """The path as it is; or, where it is a mere name and no file has it, the shipped scenario of
    that name. FileNotFoundError: there is none either, and which there are.
    """
    path = Path(given.path(path, "scenario"))
    is_name = len(path.parts) == 1 and not path.suffix
    if not is_name or (path.exists() and not path.is_dir()):
        return path
    found = scenarios()
    if path.name not in found:
        raise FileNotFoundError(
            errno.ENOENT,
            "there is no such file, and no scenario of that name comes with the package; those "
            f"that do are {', '.join(found)}",
            path.name,
        )
    return found[path.name]


def examples() -> dict[str, Path]:
    """Everything to run by name: scenarios, then notebooks, then programs, then those in several
    languages that show how to embed the core.
    """
    embed = _named("examples/embed", "embed_c.c") | _named("examples/embed", "*.py*")
    return scenarios() | _named("examples", "*.ipynb") | _named("examples", "*.py") | embed


def pages() -> dict[str, Path]:
    """The pages of the documentation by name ("policies"), as Markdown files."""
    return _named("docs", "*.md")


def _named(folder: str, pattern: str) -> dict[str, Path]:
    return {path.stem: path for path in sorted((_HOME / folder).glob(pattern))}


def about(path: Path) -> str:
    """What a shipped file is about in a line, as it says itself: the beginning of a scenario's
    description or of a program's, the heading of a page or notebook.
    """
    text = path.read_text(encoding="utf-8")
    match path.suffix:
        case ".c":
            text = text.removeprefix("/*").partition("*/")[0]
        case ".pyx":
            text = text.removeprefix('"""').partition('"""')[0]
        case ".toml":
            text = tomllib.loads(text).get("description", "")
        case ".py":
            text = ast.get_docstring(ast.parse(text)) or ""
        case ".ipynb":
            text = "".join(json.loads(text)["cells"][0]["source"])
    if heading := re.match(r"# (.*)", text):
        return heading[1]
    text = " ".join(text.split())
    clause = re.match(r"(.{30,}?)[.:;](\s|$)", text)
    return clause[1] if clause else text
