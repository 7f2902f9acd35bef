"""Writes the list of rooms in docs/architecture.md: every package and module, with the first
sentence of what it says of itself.

    python docs/rooms.py
"""

import re
import textwrap
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "pageengine"
PAGE = ROOT / "docs" / "architecture.md"
BEGIN, END = "<!-- rooms: python docs/rooms.py -->\n", "<!-- end of rooms -->"
MANY = {"_c", "schemas"}  # a file for each header of the core, or command: no list


def says(path: Path) -> str:
    """The first sentence of a module's docstring, without what it is called."""
    found = re.match(r'\s*"""(.*?)"""', path.read_text(encoding="utf-8"), re.S)
    text = " ".join(found[1].split()) if found else ""
    return re.split(r"(?<=[.?])\s", text, maxsplit=1)[0].rstrip(".").replace("|", "\\|")


def rooms() -> str:
    """The list, as Markdown."""
    lines = []
    folders = sorted({path.parent for end in ("py", "pyx") for path in PACKAGE.rglob(f"*.{end}")})
    for folder in folders:
        name = folder.relative_to(PACKAGE.parent).as_posix()
        if MANY & set(folder.parts):
            continue
        modules = sorted(
            path
            for path in folder.iterdir()
            if path.suffix in (".py", ".pyx") and path.stem != "__init__"
        )
        about = textwrap.fill(f"{says(folder / '__init__.py')}.", 100)
        lines += [f"\n### `{name}/`\n", f"{about}\n", "| room | |", "|---|---|"]
        lines += [f"| `{path.name}` | {says(path)} |" for path in modules]
    return "\n".join(lines).lstrip("\n") + "\n"


def page() -> str:
    """The page with the list as it should be."""
    text = PAGE.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}\n{rooms()}\n{END}{rest.split(END)[1]}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
