"""pageengine demo: the whole story on real memory, without any file."""

import argparse

from pageengine.analysis import programs
from pageengine.analysis.overcommit import memory_for, overcommit
from pageengine.cli.console import Console, Usage, size
from pageengine.cli.overcommit import add_host_arguments, host_options
from pageengine.cli.story import Story
from pageengine.plumbing import survivor

HELP = "the whole story in under a minute, on real memory of real processes"
DESCRIPTION = """\
Starts four ordinary Python programs, captures their memory, and runs them as virtual machines on a
host with half the memory they need: equal pages are kept once, pages are compressed and swapped,
and every byte is read back and compared. Needs no files and leaves none."""
EPILOG = """\
examples:
  pageengine demo
  pageengine demo --memory 33% --compression lz
  pageengine demo --size 16        smaller programs, a few seconds
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--memory",
        default="50%",
        metavar="SIZE",
        help="memory of the host: a size, or a part of what is captured (default: 50%%)",
    )
    parser.add_argument(
        "--size",
        type=float,
        default=128,
        metavar="MIB",
        help="memory of each program (default: 128)",
    )
    add_host_arguments(parser)


def run(arguments: argparse.Namespace, console: Console) -> int:
    if not 1 <= arguments.size <= 65536:
        raise Usage(f"--size must be from 1 to 65536 (MiB), not {arguments.size:g}")
    memory_for(arguments.memory, 1 << 40)  # a bad size is said before anything is started
    with survivor.folder("pageengine-demo-") as folder:
        captures = _capture(arguments, console, folder)
        total = sum(one.data_pages for one in captures) * 4096
        memory = memory_for(arguments.memory, total)
        console.heading(f"3. A host of {size(memory)} for their {size(total)}")
        console.say(
            "Each file becomes a virtual machine. While they are loaded, the host looks for equal "
            "pages and keeps them once; whenever memory runs short, it compresses pages that fit "
            "half a page or less, and swaps out the rest."
        )
        story = Story(console)
        with console.progress() as show:
            result = overcommit(
                [one.path for one in captures],
                memory,
                names=[one.name for one in captures],
                progress=story.follow(show),
                **host_options(arguments),
            )
    story.places(result)
    story.given_back(result)
    story.costs(result)
    console.heading("4. Is everything still there?")
    story.verdict(result)
    console.result(
        {"captures": [one.to_dict() for one in captures], "overcommit": result.to_dict()}
    )
    if result.same:
        console.say("Next: pageengine scan IMAGE..., pageengine overcommit IMAGE... --memory 50%")
    return 0 if result.same else 1


def _capture(
    arguments: argparse.Namespace, console: Console, folder: str
) -> list[programs.Capture]:
    """Runs the programs and captures them; they have ended when this returns."""
    names = list(programs.PROGRAMS)
    console.heading(f"1. Starting {len(names)} ordinary programs")
    captures = []
    with programs.running(names, arguments.size) as started, console.progress() as show:
        for number, program in enumerate(started):
            show("start", "starting programs", number, len(started))
            programs.wait_ready(program)
            console.say(f"   {program.name:8} {program.what}")
        console.heading("2. Capturing their memory, as a hypervisor sees it: just pages")
        for program in started:
            one = programs.capture(
                program,
                folder,
                lambda name, done, total: show(name, f"capture {name}", done, total),
            )
            captures.append(one)
            console.say(f"   {one.name:8} {size(one.data_pages * 4096)} in use")
        reasons = {one.reason for one in captures if not one.whole}
        for reason in reasons:
            console.say(
                f"   Their memory may not be read from outside here ({reason}), so each "
                "program wrote the pages of its own objects itself.",
                style="yellow",
            )
    return captures
