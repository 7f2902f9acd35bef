"""The mutation check: small bugs are put into the source one at a time, and the tests nearest to
each must see them.

    python tests/mutation/run.py --sample 50 --seed 1     a sample, the same of every file
    python tests/mutation/run.py --all                    every change there is: a day
    python tests/mutation/run.py --file csrc/pe_swap.c    the changes of one file
    python tests/mutation/run.py --id 1a2b3c4d            one: what it is, and which test sees it
    python tests/mutation/run.py --survivors              those that survived, once more
    python tests/mutation/run.py --list                   what there is to try; nothing is run

A change is killed when a test fails, ends wrongly, or does not end. Changes that give the same
object code (or bytecode) as the source, or as another change, are dropped; what is known to be
equivalent stands in equivalent.toml with the reason. Works on a copy of the tree; a run that was
stopped goes on where it was (--anew: from the beginning). Exit status: 0 when nothing survived, 1
when something did, 2 for a wrong call.
"""

from __future__ import annotations

import argparse
import collections
import marshal
import random
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import c_changes
import nearest
import python_changes
import trial
from results import Results, equivalent
from workshop import ROOT, Workshop

DROPPED = ("equal", "invalid", "equivalent")


def changes_of(name: str, root: Path = ROOT):
    text = (root / name).read_text()
    if name.endswith(".py"):
        return python_changes.changes(name, text)
    return c_changes.changes(name, text, root / "csrc")


def in_turn(files, seed: int):
    """Changes in random order, each file by turns, larger files more often: after any number of
    them every file has had its part.
    """
    draw = random.Random(seed)
    waiting = []
    for name in files:
        found = changes_of(name)
        draw.shuffle(found)
        step = len(found) ** -0.5 if found else 1.0  # a file of four times the size: twice
        waiting += [(step * (i + draw.random()), name, i, change) for i, change in enumerate(found)]
    return [change for *_, change in sorted(waiting, key=lambda item: item[:3])]


class Check:
    """Tries changes one after another."""

    def __init__(self, results: Results, workshop: Workshop | None = None):
        self.workshop = workshop or Workshop()
        self.results = results
        self._known = equivalent()
        self._programs: dict[str, dict] = collections.defaultdict(dict)
        self._ready = False

    def try_one(self, change) -> dict:
        start = time.monotonic()
        verdict = self._verdict(change)
        taken = time.monotonic() - start
        return self.results.add(change, trial.Verdict(verdict.what, verdict.by, taken))

    def _verdict(self, change):
        if change.key in self._known:
            return trial.Verdict("equivalent", self._known[change.key])
        with self.workshop.changed(change) as path:
            same = self._same_as(change, path)
            if same:
                return same
            found = trial.c_verdict(self.workshop, nearest.C_TESTS.get(change.file, ()))
            found = found or self._by_python(change, path)
        return found or trial.Verdict("survived")

    def _by_python(self, change, path):
        tests = nearest.PYTHON_TESTS.get(change.file, ())
        if not tests:
            return None
        self._prepare()
        if path.suffix == ".py":
            return trial.python_verdict(self.workshop, tests)
        with self.workshop.modules_with(path):
            return trial.python_verdict(self.workshop, tests)

    def _prepare(self):
        """Before the first change that gets as far as Python."""
        if not self._ready:
            self._ready = True
            trial.preload()

    def _same_as(self, change, path):
        """Whether the program is none, or the one before the change, or one tried already."""
        known, text = self._programs[change.file], path.read_text()
        if not known:
            known[self._code(path, (self.workshop.root / change.file).read_text())] = "the source"
        code = self._code(path, text)
        if code is None:
            return trial.Verdict("invalid")
        if code in known and known[code] != change.id:
            return trial.Verdict("equal", known[code])
        known[code] = change.id
        return None

    def _code(self, path, text):
        if path.suffix == ".py":
            try:
                return marshal.dumps(compile(text, path.name, "exec", dont_inherit=True))
            except (SyntaxError, ValueError):
                return None
        path.write_text(text)
        return self.workshop.code_of(path)


def show(number, of, entry):
    print(
        f"[{number}/{of}] {entry['verdict']:10} {entry['seconds']:5.1f} s  {entry['id']}  "
        f"{entry['file']}:{entry['line']} {entry['function']}\n"
        f"      {entry['before']}\n   -> {entry['after']}\n      {entry['by']}",
        flush=True,
    )


def run(check: Check, changes, wanted: int) -> int:
    """Tries changes until so many are done that are none of those to be dropped."""
    done, tried = 0, []
    for change in changes:
        if done >= wanted:
            break
        tried.append(change.id)
        entry = check.results.of.get(change.id)
        if entry is None:
            entry = check.try_one(change)
            if entry["verdict"] not in ("equal", "invalid"):
                show(done + 1, wanted, entry)
        done += entry["verdict"] not in DROPPED
    counts = check.results.count(tried)
    print(f"{len(tried)} changes: " + ", ".join(f"{n} {what}" for what, n in counts.items()))
    alive = [i for i in tried if check.results.of[i]["verdict"] == "survived"]
    for number, i in enumerate(alive, 1):
        show(number, len(alive), check.results.of[i])
    return 1 if alive else 0


def arguments(argv):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sample", type=int, metavar="N", help="try N changes of all files")
    parser.add_argument("--all", action="store_true", help="try every change")
    parser.add_argument("--seed", type=int, default=1, help="of the sample (1)")
    parser.add_argument("--file", action="append", metavar="FILE", help="of these files only")
    parser.add_argument("--id", action="append", metavar="ID", help="these changes only")
    parser.add_argument("--survivors", action="store_true", help="what survived, once more")
    parser.add_argument("--list", action="store_true", help="say what there is, run nothing")
    parser.add_argument(
        "--results",
        type=Path,
        metavar="PATH",
        help="file of the verdicts (build/mutation.jsonl)",
        default=ROOT / "build" / "mutation.jsonl",
    )
    parser.add_argument("--anew", action="store_true", help="forget earlier verdicts")
    asked = parser.parse_args(argv)
    for name in asked.file or ():
        if name not in nearest.FILES:
            parser.error(
                f"no tests are known for {name!r} (tests/mutation/nearest.py): there are "
                + ", ".join(nearest.FILES)
            )
    if not (asked.sample or asked.all or asked.file or asked.id or asked.survivors or asked.list):
        parser.error("say what to try: --sample N, --all, --file, --id, --survivors or --list")
    return asked


def main(argv=None) -> int:
    asked = arguments(argv)
    changes = in_turn(asked.file or nearest.FILES, asked.seed)
    if asked.list:
        for change in sorted(changes, key=lambda c: (c.file, c.start)):
            print(
                f"{change.id} {change.file}:{change.line} {change.function}: "
                f"{change.before} -> {change.after}"
            )
        return 0
    asked.results.parent.mkdir(exist_ok=True)
    results = Results(asked.results, asked.anew)
    if asked.survivors:
        changes = [c for c in changes if results.of.get(c.id, {}).get("verdict") == "survived"]
    if asked.id:
        changes = [c for c in changes if c.id in asked.id]
        missing = set(asked.id) - {c.id for c in changes}
        if missing:
            sys.exit(f"there is no change {', '.join(sorted(missing))}; see --list")
    if asked.id or asked.survivors:
        results.of = {i: e for i, e in results.of.items() if i not in {c.id for c in changes}}
    check = Check(results)
    check.workshop.build_modules()
    return run(check, changes, asked.sample or len(changes))


if __name__ == "__main__":
    sys.exit(main())
