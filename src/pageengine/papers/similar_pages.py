"""Sub-page sharing: what patches against similar pages would add to sharing and compression."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from pageengine.analysis.subpage import SubPage, potential
from pageengine.papers.base import Claim, Number, Outcome
from pageengine.papers.real import captured
from pageengine.units import PAGE_BYTES

TITLE = "Sub-page sharing as Difference Engine does it"
SOURCE = "Gupta et al., OSDI 2008 (Difference Engine)"
SETUP = """\
Made pages first: 2,000 of random content, of each a copy with 1 to 200 changed words, and 500 equal
ones. Then real ones: the memory of two ordinary programs, each started twice. Pages that no page
equals are compared with one that has an equal block of 64 bytes at one of two places."""
NOTE = """\
Difference Engine reports up to 90 % of memory saved for similar VMs and 65 % for unlike ones,
1.5 and 1.6 to 2.5 times what whole pages give: on its VMs and workloads, which these are not;
nothing of it is claimed here. What real memory gives varies from run to run."""

PAGES, CHANGES, EQUAL = 2000, (1, 5, 20, 50, 100, 200), 500
PROGRAMS = ("records", "text")


def _made(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(pages, words changed in each of the copies)."""
    draw = np.random.Generator(np.random.Philox(key=[seed, 8]))
    base = draw.integers(0, 256, (PAGES, PAGE_BYTES), dtype=np.uint8)
    near = base.copy()
    changed = np.array(CHANGES)[np.arange(PAGES) % len(CHANGES)]
    for page, words in zip(near.view(np.uint64), changed, strict=True):
        page[draw.choice(512, words, replace=False)] ^= np.uint64(1)
    return np.concatenate([base, near, base[:EQUAL]]), changed


def _real() -> dict[str, SubPage]:
    """Two copies of each program together."""
    found = {}
    for name in PROGRAMS:
        pages = captured([name, name], 12)
        if pages:
            found[name] = potential(np.concatenate(pages))
    return found


def run(seed: int) -> Outcome:
    pages, changed = _made(seed)
    made = potential(pages, seed=seed)
    untouched = (1 - changed / 512) ** 8  # that a block of eight words is as it was
    expected = float((1 - (1 - untouched) ** 2)[12 * np.minimum(changed, 10**9) + 8 <= 2048].sum())
    numbers = [
        Number("equal pages found", made.sharing / PAGE_BYTES, EQUAL, "pages", 0.0, "derived"),
        Number("similar pages found", made.similar, expected, "pages", 0.05, "derived"),
    ]
    real = _real()
    claims = [
        Claim(
            "random pages do not compress, and patches find what is similar",
            made.compressed == made.sharing < made.both,
        )
    ]
    claims += [
        Claim(
            f"memory of two {name}: patches add to sharing and compression",
            found.both > found.compressed,
        )
        for name, found in real.items()
    ]
    said = "; ".join(
        f"two {name}: sharing gives back {_part(found.sharing, found)} of memory, with compression "
        f"{_part(found.compressed, found)}, with patches too {_part(found.both, found)} "
        f"({100 * found.more:.1f} % more)"
        for name, found in real.items()
    )
    answer = f"In this run, {said}." if real else "No process could be read here."
    return Outcome(numbers, claims, {"made": made, **real}, answer)


def _part(saved: int, found: SubPage) -> str:
    return f"{100 * saved / (found.pages * PAGE_BYTES):.0f} %"


def draw(figure: Any, data: Mapping[str, Any]) -> None:
    from pageengine.report import style

    axes = figure.subplots()
    kinds = (
        ("sharing", style.GREEN),
        ("compressed", style.ORANGE),
        ("patched", style.PURPLE),
        ("both", style.BLUE),
    )
    labels = ("whole pages", "and compression", "and patches", "and the smaller of both")
    at = np.arange(len(data))
    for i, ((key, color), label) in enumerate(zip(kinds, labels, strict=True)):
        parts = [100 * getattr(found, key) / (found.pages * PAGE_BYTES) for found in data.values()]
        axes.bar(at + 0.2 * (i - 1.5), parts, 0.18, color=color, label=label)
    names = ["made pages", *(f"two {name}" for name in data if name != "made")]
    axes.set_xticks(at, names)
    axes.grid(axis="x", visible=False)
    axes.set_ylabel("given back (% of memory)")
    figure.legend(loc="outside lower center", ncols=4)
