"""docs/json.md, made from the schemas of the package: ``python tests/json_page.py`` writes it."""

from pathlib import Path

from pageengine import schemas

PAGE = Path(__file__).parents[1] / "docs" / "json.md"
HEAD = """\
# JSON of the commands

Every command takes `--json` and prints one object on standard output, and nothing else there. Its
schema (JSON Schema, draft 2020-12) is in the package: `pageengine.schemas.schema("run")` is a dict,
`src/pageengine/schemas/run.json` the file. Tests hold every command to its schema, and this page is
made from them.

```python
import json, subprocess

done = subprocess.run(["pageengine", "policies", "--json"], capture_output=True, text=True)
print(json.loads(done.stdout)["esx6"]["what"])
```

Amounts are bytes, times seconds, events pages; stalls and shares are parts of 1. What is not there
is null; a number that is not finite (a deviation from zero) is null too. A command that ended
before its time says why in `partial` (of `run`: `meta.partial`), and its exit status is not 0
([cli.md](cli.md)). `[ ]` is a list, `{ }` an object by name.
"""


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    for command in schemas.commands():
        schema = schemas.schema(command)
        parts.append(f"## {command}\n\n{schema['description']}\n")
        for each in schema.get("oneOf", [schema]):
            rows = list(_rows(each, ""))
            parts.append("| key | is | meaning |\n|---|---|---|\n" + "\n".join(rows) + "\n")
    return "\n".join(parts)


def _rows(schema, path: str):
    """A row for every key below ``path``."""
    for key, each in schema.get("properties", {}).items():
        below = f"{path}{key}"
        says = each.get("description", "")
        if key not in schema.get("required", ()):
            says = says or "where there is any"
        yield f"| `{below}` | {_kind(each)} | {says} |"
        yield from _inside(each, below)
    more = schema.get("additionalProperties")
    if isinstance(more, dict) and not path:
        yield f"| `{{ }}` | {_kind(more)} | {schema.get('description', '')} |"
        yield from _inside(more, "{ }")


def _inside(schema, path: str):
    """Rows of what is in a list or an object."""
    inner, place = schema, path
    while True:
        if "items" in inner:
            inner, place = inner["items"], place + "[ ]"
        elif isinstance(inner.get("additionalProperties"), dict):
            inner, place = inner["additionalProperties"], place + "{ }"
        else:
            break
    if "properties" in inner:
        yield from _rows(inner, place + ".")


def _kind(schema) -> str:
    """What a value is, in a word or two."""
    kinds = schema.get("type", "any")
    kinds = [kinds] if isinstance(kinds, str) else list(kinds)
    words = {
        "integer": "whole number",
        "boolean": "true or false",
        "string": "text",
        "array": "list",
        "object": "object",
    }
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    return " or ".join(words.get(kind, kind) for kind in kinds)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
