"""pageengine techniques: the ways in which memory is won."""

import argparse

import pageengine
from pageengine.cli.console import Console

HELP = "the techniques by which a host wins memory"
DESCRIPTION = "Lists the techniques that Host.reclaim and plans of policies name."
EPILOG = """\
example:
  pageengine techniques
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """None but the common ones."""


def run(arguments: argparse.Namespace, console: Console) -> int:
    found = pageengine.techniques()
    console.result({"techniques": found})
    console.table("Techniques", ("technique", "what it does"), found.items(), texts=2)
    return 0
