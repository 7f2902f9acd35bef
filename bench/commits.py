"""Builds two commits, counts the instructions of their hot paths, and fails where one lost.

    python bench/commits.py                     HEAD against the last release, or, while there is
                                                none, against where it left the main branch
    python bench/commits.py BEFORE [AFTER]      any two

Counts of two compilers say nothing of each other, so both are built here: each from a clean copy of
its commit, as ``pip`` builds a wheel, put into a folder of its own. What is counted, and how, is
this tree's ``hot_paths.py`` for both. The files are kept in ``--folder``.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import compare
import instructions

ROOT = Path(__file__).resolve().parents[1]


def git(*arguments: str) -> str:
    """What git says of this tree; empty where it says no."""
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else ""


def reference(after: str) -> tuple[str, str]:
    """What a commit is held against, and what that is: the last release before it; else where it
    left the main branch; else, on the main branch itself, the commit before.
    """
    if tag := git("describe", "--tags", "--abbrev=0", "--match", "v*", f"{after}^"):
        return tag, "the last release"
    here = git("rev-parse", f"{after}^0")
    for main in ("origin/HEAD", "origin/main", "main"):
        base = git("merge-base", main, after)
        if base and base != here:
            return base, f"where it left {main}"
    if before := git("rev-parse", "--verify", "-q", f"{after}^"):
        return before, "the commit before it"
    raise SystemExit(f"{after} has nothing before it in this clone (fetch-depth: 0?)")


def built(commit: str, folder: Path) -> Path:
    """The folder that the commit's package is in, made with what pip makes a wheel with."""
    source, place = folder / "source", folder / "package"
    source.mkdir(parents=True)
    archive = subprocess.run(
        ["git", "archive", "--format=tar", commit], cwd=ROOT, capture_output=True, check=True
    )
    subprocess.run(["tar", "-x", "-C", str(source)], input=archive.stdout, check=True)
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(place)]
    subprocess.run([*pip, str(source)], check=True)
    return place


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("before", nargs="?", help="commit, tag or branch")
    parser.add_argument("after", nargs="?", default="HEAD")
    parser.add_argument("--tool", choices=instructions.TOOLS, default="valgrind")
    parser.add_argument("--most", type=float, default=compare.MOST, help="percent (default 5)")
    parser.add_argument("--path", action="append", default=[], help="of these alone")
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "instructions")
    options = parser.parse_args()
    before, why = (options.before, "") if options.before else reference(options.after)
    commits = {"before": before, "after": options.after}
    names = instructions.ordered(options.path)
    options.folder.mkdir(parents=True, exist_ok=True)
    files = {which: options.folder / f"{which}.json" for which in commits}
    try:
        instructions.version(options.tool)  # before the builds, which take minutes
        for which, commit in commits.items():
            said = f"{commit} ({git('rev-parse', '--short', f'{commit}^0')})"
            print(f"{which}: {said}{', ' + why if why and which == 'before' else ''}", flush=True)
            with tempfile.TemporaryDirectory() as folder:
                package = built(commit, Path(folder))
                found = instructions.measured(names, options.tool, package, said)
            if not found["package"]["from"].startswith(str(package)):
                raise instructions.CannotCount(f"counted {found['package']['from']} instead")
            files[which].write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    except instructions.CannotCount as why_not:
        print(f"cannot count: {why_not}")
        return 2
    return compare.main([*map(str, files.values()), "--most", str(options.most)])


if __name__ == "__main__":
    raise SystemExit(main())
