"""pageengine examples: what is shipped to begin with."""

import argparse
from pathlib import Path

from pageengine.cli.console import Console, Usage
from pageengine.lab import fields
from pageengine.plumbing import shipped, writing

HELP = "scenarios, notebooks and programs that come with the package"
DESCRIPTION = """\
Lists the examples that come with the package, prints one, or copies it (all of them, if none is
named) into a folder, to be changed there. `run`, `compare`, `advise` and `sweep` take the name of a
scenario as they take a file. A file of your own that is there already is not written over."""
EPILOG = """\
examples:
  pageengine examples
  pageengine examples states
  pageengine examples states -o mine && pageengine run mine/states.toml
  pageengine run states
"""

_KINDS = {".toml": "scenario", ".ipynb": "notebook"}  # and programs


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("example", nargs="?", metavar="NAME", help="the example to print or copy")
    parser.add_argument("-o", "--output", metavar="DIR", help="copy into this folder")


def run(arguments: argparse.Namespace, console: Console) -> int:
    found = shipped.examples()
    if arguments.example:
        name = arguments.example
        if name not in found:
            raise Usage(f"no example {name!r}: {fields.unknown(name, found)}")
        found = {name: found[name]}
    if arguments.output:
        return _copy(found, Path(arguments.output), console)
    if arguments.example:
        return _print(name, found[name], console)
    rows = [
        (name, _KINDS.get(path.suffix, "program"), shipped.about(path))
        for name, path in found.items()
    ]
    console.result(
        {
            "examples": {
                name: {"kind": kind, "what": what, "file": str(found[name])}
                for name, kind, what in rows
            }
        }
    )
    console.table("Examples", ("name", "kind", "what it shows"), rows, texts=3)
    console.say(
        "pageengine examples NAME prints one, -o DIR copies; pageengine run NAME runs a scenario.",
        style="dim",
    )
    return 0


def _print(name: str, path: Path, console: Console) -> int:
    text = path.read_text(encoding="utf-8")
    console.result({"example": name, "file": str(path), "text": text})
    if not console.json:
        console.write(text)
    return 0


def _copy(found: dict[str, Path], folder: Path, console: Console) -> int:
    targets = {path: folder / path.name for path in found.values()}
    for target in targets.values():
        if target.exists():
            raise Usage(f"{target} is there already: name another folder, or remove it")
    folder.mkdir(parents=True, exist_ok=True)
    for path, target in targets.items():
        with writing.whole(target) as file:
            file.write(path.read_bytes())
    console.result({"copied": [str(target) for target in targets.values()]})
    for target in targets.values():
        console.say(str(target))
    return 0
