"""pageengine policies: which policies there are."""

import inspect

from pageengine.policy import table

HELP = "the policies that --policy knows"
DESCRIPTION = """\
Lists the policies by name, with their options: keys of [policy] in a scenario. Policies of other
packages are named as module:Class, or by the entry point group pageengine.policies."""
EPILOG = """\
examples:
  pageengine policies
  pageengine policies esx6
"""


def add_arguments(parser) -> None:
    parser.add_argument("policy", nargs="?", metavar="P", help="what one policy does, in full")


def run(arguments, console) -> int:
    if arguments.policy:
        return _one(arguments.policy, console)
    entries = {**table.POLICIES, **{name: table.entry_of(name) for name in table.others()}}
    console.result({
        name: {"what": entry.says, "options": entry.options} for name, entry in entries.items()
    })  # fmt: skip
    rows = [(name, entry.says, _options(entry)) for name, entry in entries.items()]
    console.table("Policies", ("policy", "what it is", "options"), rows, texts=3)
    console.say("Any other: module:Class, an object with decide(snapshot) -> Plan.", style="dim")
    return 0


def _one(name: str, console) -> int:
    entry = table.entry_of(name)
    doc = inspect.getdoc(entry.make) or ""
    console.result({
        "policy": name, "what": entry.says, "options": entry.options, "doc": doc
    })  # fmt: skip
    console.heading(f"{name}: {entry.says}")
    console.say()
    console.say(doc)
    console.say()
    console.say(f"options: {_options(entry) or 'none'}")
    return 0


def _options(entry) -> str:
    return ", ".join(f"{key}={value!r}" for key, value in entry.options.items())
