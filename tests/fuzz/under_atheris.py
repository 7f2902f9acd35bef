"""One target in Python under atheris, which finds its way by the lines that are reached. Started by
run.py:

    python tests/fuzz/under_atheris.py NAME ARGUMENTS OF LIBFUZZER
"""

import os
import sys
from pathlib import Path

import atheris

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "src")]
sys.setrecursionlimit(1000)  # as Python has it

with atheris.instrument_imports(include=["pageengine"]):
    from fuzz import targets

    target = targets.module(sys.argv[1])


def one(data):
    target.one(bytes(data))


# what readers of a library print about its own trouble is of no use here
os.environ.setdefault("ARROW_IO_THREADS", "1")
atheris.Setup([sys.argv[0], *sys.argv[2:]], one)
atheris.Fuzz()
