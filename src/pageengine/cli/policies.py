"""pageengine policies: which policies there are."""

import argparse
import inspect

from pageengine.cli.console import Console
from pageengine.policy import table

HELP = "the policies that --policy knows"
DESCRIPTION = """\
Lists the policies by name, with their options: keys of [policy] in a scenario. Policies of other
packages are named as module:Class (the current folder is looked at too), those in a file as
./file.py:Class, or by the entry point group pageengine.policies. Options may stand behind the name:
esx6:idle_tax=0.5."""
EPILOG = """\
examples:
  pageengine policies
  pageengine policies esx6
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("policy", nargs="?", metavar="P", help="what one policy does, in full")


def run(arguments: argparse.Namespace, console: Console) -> int:
    if arguments.policy:
        return _one(arguments.policy, console)
    entries = {**table.POLICIES, **{name: table.entry_of(name) for name in table.others()}}
    console.result(
        {
            name: {"what": entry.says, "options": entry.options, "promises": sorted(entry.promises)}
            for name, entry in entries.items()
        }
    )
    rows = [(name, entry.says) for name, entry in entries.items()]
    console.table("Policies", ("policy", "what it is"), rows, texts=2)
    console.say(
        "pageengine policies P: what it does, and its options. Any other: module:Class, an object "
        "with decide(snapshot) -> Plan.",
        style="dim",
    )
    return 0


def _one(name: str, console: Console) -> int:
    entry = table.entry_of(name)
    doc = inspect.getdoc(entry.make) or ""
    console.result(
        {
            "policy": name,
            "what": entry.says,
            "options": entry.options,
            "promises": sorted(entry.promises),
            "doc": doc,
        }
    )
    console.heading(f"{name}: {entry.says}")
    console.say()
    console.say(doc, lines=True)
    console.say()
    console.say(f"options: {_options(entry) or 'none'}")
    console.say(f"keeps to: {', '.join(sorted(entry.promises)) or 'nothing'}")
    return 0


def _options(entry: table.Entry) -> str:
    return ", ".join(f"{key}={value!r}" for key, value in entry.options.items())
