"""pageengine docs: the pages of the documentation, as they came with this version."""

import argparse

from pageengine.cli.console import Console, Usage
from pageengine.lab import fields
from pageengine.plumbing import shipped

HELP = "the documentation that comes with the package"
DESCRIPTION = """\
Lists the pages of the documentation of this version, with the files they are in, or prints one, as
Markdown."""
EPILOG = """\
examples:
  pageengine docs
  pageengine docs policies | less
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("page", nargs="?", metavar="PAGE", help="the page to print")


def run(arguments: argparse.Namespace, console: Console) -> int:
    pages = shipped.pages()
    if arguments.page:
        name = arguments.page.removesuffix(".md")
        if name not in pages:
            raise Usage(f"no page {name!r}: {fields.unknown(name, pages)}")
        text = pages[name].read_text(encoding="utf-8")
        console.result({"page": name, "file": str(pages[name]), "text": text})
        if not console.json:
            console.write(text)
        return 0
    titles = {name: shipped.about(path) for name, path in pages.items()}
    console.result(
        {
            "pages": {
                name: {"title": title, "file": str(pages[name])} for name, title in titles.items()
            }
        }
    )
    console.table("Pages", ("page", "title"), titles.items(), texts=2)
    folder = next(iter(pages.values())).parent
    console.say(f"pageengine docs PAGE prints one. The files are in {folder}", style="dim")
    return 0
