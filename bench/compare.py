"""Holds two files of measurements against each other.

    python bench/compare.py before.json after.json

Of files that ``instructions.py`` wrote: every path with both counts, and status 1 where one became
more than 5 % dearer (``--most``), or is no longer counted. Status 2 where they cannot be compared:
another tool, Python or NumPy, or another kind of file.

Of files that ``pytest bench/ --benchmark-json=FILE`` wrote: the ratio of each benchmark to its
peer, before and after, marked where the quartiles of one lie beside those of the other. Status 0:
times, and what is made of them, say too little on a busy computer to fail for.
``pytest-benchmark compare`` shows the times of the same files.
"""

import argparse
import json
from pathlib import Path

MOST = 5.0  # percent
MUST_AGREE = ("tool", "python", "numpy", "processor")


class CannotCompare(Exception):
    """What differs that would have to be the same."""


def read(path):
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CannotCompare(f"{path}: {error}") from None
    if not isinstance(found, dict) or not {"paths", "benchmarks"} & set(found):
        raise CannotCompare(
            f"{path} is neither of instructions.py nor of pytest --benchmark-json: "
            "it has no 'paths' and no 'benchmarks'"
        )
    return found


def counts(before, after, most=MOST):
    """(lines of a table, lines that say what got worse by more than so many percent)."""
    for key in MUST_AGREE:
        if before.get(key) != after.get(key):
            raise CannotCompare(
                f"{key} was {before.get(key)!r} and is {after.get(key)!r}: counts of the two say "
                "nothing of each other"
            )
    lines, losses = [f"{'path':28} {'before':>13} {'after':>13} {'ratio':>7}  per"], []
    for name in dict.fromkeys([*before["paths"], *after["paths"]]):
        old, new = (found["paths"].get(name, NOT_THERE) for found in (before, after))
        line, loss = _count(name, old, new, most)
        lines.append(line)
        if loss:
            losses.append(loss)
    return lines, losses


NOT_THERE = {"missing": "there is no such path"}


def _count(name, old, new, most):
    cells = [
        f"{row['instructions']:13,.1f}" if "instructions" in row else f"{'-':>13}"
        for row in (old, new)
    ]
    line = f"{name:28} {cells[0]} {cells[1]}"
    if "instructions" not in new:
        line += f" {'':>7}  {new['missing']}"
        lost = "instructions" in old
        return line, lost and f"{name}: was counted before and is not now: {new['missing']}"
    if "instructions" not in old:
        return f"{line} {'new':>7}  {new['unit']}", ""
    if old["unit"] != new["unit"]:
        return f"{line} {'':>7}  was per {old['unit']}, is per {new['unit']}", ""
    ratio = new["instructions"] / old["instructions"]
    line += f" {ratio:7.3f}  {new['unit']}"
    if ratio <= 1 + most / 100:
        return line, ""
    return line, (
        f"{name}: {old['instructions']:,.1f} instructions per {new['unit']} before, "
        f"{new['instructions']:,.1f} now, {ratio:.3f} times as many (at most {1 + most / 100:.2f})"
    )


def ratios(before, after):
    """Lines of a table of what both measured against a peer."""
    lines = [f"{'benchmark':58} {'before':>18} {'after':>18}"]
    old, new = (
        {each["fullname"]: each["extra_info"].get("ratio") for each in found["benchmarks"]}
        for found in (before, after)
    )
    for name in dict.fromkeys([*old, *new]):
        a, b = old.get(name), new.get(name)
        if not a and not b:
            continue
        apart = a and b and (b[1] > a[2] or b[2] < a[1])
        note = ("  slower" if b[0] < a[0] else "  faster") if apart else ""
        lines.append(f"{name.removeprefix('bench/'):58} {_ratio(a):>18} {_ratio(b):>18}{note}")
    return lines


def _ratio(three):
    return f"{three[0]:.2f} ({three[1]:.2f}-{three[2]:.2f})" if three else "-"


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("before")
    parser.add_argument("after")
    parser.add_argument("--most", type=float, default=MOST, help="percent (default 5)")
    options = parser.parse_args(arguments)
    try:
        before, after = read(options.before), read(options.after)
        if ("paths" in before) != ("paths" in after):
            raise CannotCompare("one file is of instructions, the other of times")
        if "paths" not in before:
            print("\n".join(ratios(before, after)))
            return 0
        lines, losses = counts(before, after, options.most)
    except CannotCompare as why:
        print(f"cannot compare: {why}")
        return 2
    print("\n".join(lines))
    print(
        "\n".join(["", *losses] if losses else ["", f"nothing lost more than {options.most:g} %"])
    )
    return 1 if losses else 0


if __name__ == "__main__":
    raise SystemExit(main())
