"""One of the ordinary programs that `pageengine demo` starts: `python payload.py KIND MEBIBYTES`.

It fills its memory with one kind of data, says "ready" on standard output and waits until its
standard input ends. A line "dump PATH" makes it write the pages that its own objects lie on to a
file, for systems on which nobody else may read its memory.
"""

import ast
import ctypes
import gc
import json
import os
import random
import sys
import sysconfig
from collections.abc import Iterator
from typing import Any


def used() -> int:
    """Resident memory in bytes; where the system does not tell, the most it ever was."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        import resource

        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def sources() -> Iterator[str]:
    """The texts of Python's own library, always in the same order."""
    root = sysconfig.get_paths()["stdlib"]
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(set(folders) - {"site-packages", "test", "tests", "__pycache__"})
        for name in sorted(files):
            if name.endswith(".py"):
                with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as file:
                    yield file.read()


def records(seed: int) -> Iterator[tuple[list[dict[str, Any]], str]]:
    """Customers and orders as dicts, and the same as JSON text."""
    draw = random.Random(seed)
    while True:
        rows = [
            {
                "id": draw.randrange(10**9),
                "name": f"customer {draw.randrange(5000)}",
                "open": False,
                "orders": [draw.randrange(200) for _ in range(6)],
                "balance": draw.random() * 1000,
            }
            for _ in range(1000)
        ]
        yield rows, json.dumps(rows)


def arrays(seed: int) -> Iterator[tuple[Any, ...]]:
    """numpy arrays as a calculation has them: measurements, indices, an empty grid, noise."""
    import numpy as np

    draw = np.random.default_rng(seed)
    while True:
        steps = draw.normal(size=100_000)
        yield (
            np.round(np.cumsum(steps), 2),
            np.sort(draw.integers(0, 10**6, 100_000)),
            np.zeros((400, 400)),
            steps.astype(np.float32),
        )


def text(seed: int) -> Iterator[object]:
    """Python's library as one text, its lines, and an index from word to lines."""
    whole = "\n".join(sources())
    yield whole
    index: dict[str, list[int]] = {}
    lines = whole.splitlines()
    yield lines
    for number, line in enumerate(lines):
        for word in line.split():
            index.setdefault(word, []).append(number)
        if number % 1000 == 0:
            yield index


def trees(seed: int) -> Iterator[object]:
    """Python's library as syntax trees, as a checker or a compiler has it."""
    whole = "\n".join(sources())
    yield whole
    for source in sources():
        try:
            yield ast.parse(source)
        except (SyntaxError, ValueError):
            pass


KINDS = {"records": records, "arrays": arrays, "text": text, "trees": trees}


def fill(kind: str, target: int) -> list[object]:
    """Data of one kind until the program is as large as ``target`` bytes."""
    kept: list[object] = []
    while used() < target:
        before = len(kept)
        for part in KINDS[kind](seed=len(kept)):
            kept.append(part)
            if used() >= target:
                break
        if len(kept) == before:
            break
    return kept


def dump(kept: list[object], path: str) -> None:
    """Writes the pages that the program's objects lie on, in order of address."""
    pages: set[int] = set()
    stack: list[Any] = [kept]
    known: set[int] = set()
    while stack:
        thing = stack.pop()
        if id(thing) in known:
            continue
        known.add(id(thing))
        size = sys.getsizeof(thing) if isinstance(thing, (str, bytes, int, float, tuple)) else 16
        begin = id(thing)
        if type(thing).__name__ == "ndarray":
            begin, size = thing.ctypes.data, thing.nbytes
        pages.update(range(begin // 4096, (begin + size - 1) // 4096 + 1))
        stack += gc.get_referents(thing)
    with open(path, "xb", opener=lambda p, flags: os.open(p, flags, 0o600)) as file:
        file.writelines(ctypes.string_at(page * 4096, 4096) for page in sorted(pages))


def main() -> None:
    kind, size = sys.argv[1], float(sys.argv[2])
    kept = fill(kind, int(size * 2**20))
    print("ready", flush=True)
    for line in sys.stdin:
        command, _, path = line.rstrip("\n").partition(" ")
        if command == "dump":
            dump(kept, path)
            print("dumped", flush=True)


if __name__ == "__main__":
    main()
