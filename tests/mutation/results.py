"""What was tried, a line of JSON each, so that a run that was stopped goes on where it was."""

from __future__ import annotations

import json
import tomllib
from collections import Counter
from pathlib import Path

EQUIVALENT = Path(__file__).with_name("equivalent.toml")


class Results:
    """The verdicts in a file, the last one of each change."""

    def __init__(self, path: Path, anew: bool = False):
        self.path = path
        self.of: dict[str, dict] = {}
        if anew:
            path.unlink(missing_ok=True)
        if path.exists():
            for line in path.read_text().splitlines():
                entry = json.loads(line)
                self.of[entry["id"]] = entry

    def add(self, change, verdict) -> dict:
        entry = {
            "id": change.id,
            "file": change.file,
            "function": change.function,
            "line": change.line,
            "before": change.before,
            "after": change.after,
            "verdict": verdict.what,
            "by": verdict.by,
            "seconds": round(verdict.seconds, 2),
        }
        self.of[change.id] = entry
        with self.path.open("a") as file:
            file.write(json.dumps(entry) + "\n")
        return entry

    def count(self, ids) -> Counter:
        return Counter(self.of[i]["verdict"] for i in ids if i in self.of)


def equivalent() -> dict[tuple[str, str, str, str], str]:
    """What stands in equivalent.toml: Change.key -> why no test can see it."""
    found = {}
    for entry in tomllib.loads(EQUIVALENT.read_text()).get("equivalent", []):
        key = tuple(entry[name] for name in ("file", "function", "before", "after"))
        found[key] = entry["why"]
    return found
