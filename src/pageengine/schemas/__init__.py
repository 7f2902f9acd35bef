"""JSON schemas (draft 2020-12) of what every command prints with --json: ``COMMAND.json`` beside
this file. docs/json.md shows them.
"""

import json
from importlib import resources
from typing import Any


def schema(command: str) -> dict[str, Any]:
    """The schema of a command's output. Raises ValueError for a name that is none."""
    file = resources.files(__name__) / f"{command}.json"
    if not file.is_file():
        raise ValueError(f"no command {command!r}: there are {', '.join(commands())}")
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found


def commands() -> list[str]:
    """Commands that have one."""
    names = (each.name for each in resources.files(__name__).iterdir())
    return sorted(name.removesuffix(".json") for name in names if name.endswith(".json"))
