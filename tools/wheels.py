"""Makes and checks the wheels that Linux users get, all on one computer and from the sdist alone.

    pip install ".[wheels]"
    python tools/wheels.py sdist                  # dist/: the same bytes for the same commit
    python tools/wheels.py make                   # wheelhouse/: every platform and Python
    python tools/wheels.py check wheelhouse/*     # names, size, what each needs and holds
    python tools/wheels.py try wheelhouse/*       # into empty environments, tests run
    python tools/wheels.py core                   # the core for other systems; C tests run
    python tools/wheels.py twice                  # is a second build the same, byte for byte
    python tools/wheels.py sbom WHEEL -o FILE     # what it is made of, as CycloneDX
    python tools/wheels.py version 0.1.0          # does every file say this version

``make`` takes --target and --python to make fewer, and --headers 3.14=FOLDER for a Python that is
not on this computer. docs/building.md says what comes of each and how long it takes.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import built
import checked
import crossed
import published
import tried
from targets import PYTHONS, ROOT, TARGETS, headers


def _sdist(arguments: argparse.Namespace) -> Path:
    made = built.sdist(ROOT, Path(arguments.output or "dist"))
    print(f"{made}: {made.stat().st_size:,} bytes")
    return made


def _make(arguments: argparse.Namespace) -> None:
    out, given = Path(arguments.output or "wheelhouse"), _headers(arguments.headers)
    there = headers(given)
    if missing := [version for version in arguments.python if version not in there]:
        print(f"no headers of Python {', '.join(missing)}: no wheels for it", file=sys.stderr)
    wheels = []
    built.search_path()
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        source = arguments.sdist or built.sdist(ROOT, work / "sdist")
        tree = built.unpack(Path(source), work / "tree")
        for name in arguments.target:
            for version in arguments.python:
                if version in there:
                    began, target = time.monotonic(), TARGETS[name]
                    raw = built.wheel(tree, out / "raw", target, version, there[version])
                    made = built.repaired(raw, out, target)
                    took = time.monotonic() - began
                    print(f"{made}: {made.stat().st_size:,} bytes, {took:.0f} s", flush=True)
                    wheels.append(made)
    checked.wheels(wheels)


def _headers(given: list[str]) -> dict[str, Path]:
    pairs = [each.partition("=") for each in given]
    for version, _, folder in pairs:
        if version not in PYTHONS or not (Path(folder) / "Python.h").exists():
            raise SystemExit(
                f"--headers {version}={folder}: expected VERSION=FOLDER, the version one of "
                f"{', '.join(PYTHONS)}, the folder with Python.h in it"
            )
    return {version: Path(folder).resolve() for version, _, folder in pairs}


def _twice(arguments: argparse.Namespace) -> None:
    """Two sdists, each in a folder of its own, and a wheel of each."""
    target, version = TARGETS[arguments.target[0]], arguments.python[0]
    include = headers(_headers(arguments.headers))[version]
    made = []
    for _ in range(2):
        with tempfile.TemporaryDirectory() as scratch:
            work = Path(scratch)
            source = built.sdist(ROOT, work / "sdist")
            tree = built.unpack(source, work / "tree")
            raw = built.wheel(tree, work / "raw", target, version, include)
            wheel = built.repaired(raw, work, target)
            made.append({path.name: path.read_bytes() for path in (source, wheel)})
    if made[0] != made[1]:
        differ = [name for name, data in made[0].items() if made[1].get(name) != data]
        raise SystemExit(f"differ from one build to the next: {', '.join(differ)}")
    print(f"the same twice: {', '.join(made[0])}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Makes and checks wheels, on one computer.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name, does, tells):
        made = commands.add_parser(name, help=tells, description=tells)
        made.set_defaults(does=does)
        return made

    for made in (
        command("sdist", _sdist, "the source distribution, the same each time"),
        command("make", _make, "wheels from the sdist, repaired and checked"),
        command("twice", _twice, "builds one wheel twice and compares"),
    ):
        made.add_argument("-o", "--output", metavar="FOLDER", help="where to (dist, wheelhouse)")
        made.add_argument("--sdist", metavar="FILE", help="of this one (default: makes one)")
        made.add_argument("--target", nargs="+", choices=TARGETS, default=list(TARGETS))
        made.add_argument("--python", nargs="+", choices=PYTHONS, default=list(PYTHONS))
        made.add_argument(
            "--headers", nargs="+", default=[], metavar="VERSION=FOLDER",
            help="where Python.h is of a Python that is not here",
        )  # fmt: skip
    made = command("check", lambda given: checked.wheels(given.wheels), "contents, symbols, size")
    made.add_argument("wheels", nargs="+", type=Path, metavar="WHEEL")
    tells = "installs each into an empty environment, runs the demo and the tests"
    made = command("try", lambda given: tried.wheels(given.wheels, given.musl), tells)
    made.add_argument("wheels", nargs="+", type=Path, metavar="WHEEL")
    made.add_argument("--musl", type=Path, metavar="PYTHON", help="a Python of musl, with pip")
    made = command("sbom", lambda given: published.sbom(given.wheel, given.output), "what is in it")
    made.add_argument("wheel", type=Path)
    made.add_argument("-o", "--output", type=Path, default=Path("sbom.cdx.json"), metavar="FILE")
    made = command("version", lambda given: published.check_version(given.tag), "is it said alike")
    made.add_argument("tag", metavar="VERSION")
    command("core", lambda _: crossed.everywhere(), "compiles the core for other systems")
    return parser


def main() -> None:
    arguments = _parser().parse_args()
    arguments.does(arguments)


if __name__ == "__main__":
    main()
