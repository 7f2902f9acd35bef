"""Published experiments, and the questions they leave open, run again: ``pageengine paper``.

An experiment is a module with TITLE, SOURCE (paper, section, and what is known of the set-up),
SETUP (what is run here), NOTE (what differs, and what is assumed), ``run(seed) -> Outcome`` and
``draw(figure, data)``. Nothing in one is tuned to hit a number except where its NOTE says so.
"""

import importlib
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import as_completed
from dataclasses import replace
from types import ModuleType

from pageengine.lab.workers import unswallowed, workers
from pageengine.papers.base import VERDICTS, Claim, Number, Outcome, PaperTable
from pageengine.plumbing import given

__all__ = [
    "EXPERIMENTS",
    "NAMED",
    "VERDICTS",
    "Claim",
    "Number",
    "Outcome",
    "PaperTable",
    "experiment",
    "fetch",
    "missing",
    "picture",
    "run",
    "run_all",
]

#: Name -> module of this package.
EXPERIMENTS = {
    "fig2": "balloon_size",
    "fig4": "identical_vms",
    "fig5": "production",
    "fig6": "sampling",
    "fig7": "idle_tax",
    "fig8": "consolidation",
    "metadata": "metadata",
    "minfree": "minfree",
    "balloon-speed": "balloon_speed",
    "kvm-rules": "kvm_rules",
    "idle-pages": "idle_pages",
    "how-much": "how_much",
    "migrate": "migrate",
    "proportion": "proportion",
    "thrash": "thrash",
    "beyond": "beyond",
    "subpage": "similar_pages",
    "wind-up": "wind_up",
    "pinned": "pinned_balloon",
    "mix": "mix",
}
#: Those that need more than this package, or much time, and are run only where they are named.
#: Such a module has ``missing() -> str`` (why it cannot be run here) and ``fetch()`` (what it
#: needs).
NAMED = {"live": "live"}


def experiment(name: str) -> ModuleType:
    """The module of that name."""
    known = EXPERIMENTS | NAMED
    if not isinstance(name, str) or name not in known:
        hint = given.near(name, known)
        raise ValueError(
            f"no experiment {given.shown(name)}: {hint and hint + ' '}there are {', '.join(known)}"
        )
    return importlib.import_module(f"pageengine.papers.{known[name]}")


def missing(name: str) -> str:
    """Why this experiment cannot be run here; "" if it can."""
    module = experiment(name)
    return str(module.missing()) if name in NAMED else ""


def fetch(name: str) -> None:
    """Has fetched what this experiment needs and is not here. LiveError: it cannot be."""
    if name in NAMED:
        experiment(name).fetch()


def run(name: str, seed: int = 0) -> Outcome:
    """Runs one experiment. The same seed gives the same outcome; Ctrl-C gives none."""
    began = time.perf_counter()
    with unswallowed():
        outcome: Outcome = experiment(name).run(seed)
    return replace(outcome, name=name, seconds=time.perf_counter() - began)


def run_all(names: Iterable[str] = (), seed: int = 0, jobs: int = 1) -> Iterator[Outcome]:
    """Runs these experiments (all of EXPERIMENTS by default), ``jobs`` at a time; outcomes as they
    come.
    """
    chosen = list(names) or list(EXPERIMENTS)
    for name in chosen:
        experiment(name)
    if jobs == 1 or len(chosen) == 1:
        yield from (run(name, seed) for name in chosen)
        return
    with workers(min(jobs, len(chosen))) as pool:
        for future in as_completed([pool.submit(run, name, seed) for name in chosen]):
            yield future.result()


def picture(outcome: Outcome, *, format: str = "png", dpi: int = 110) -> bytes:
    """The figure of an outcome, as bytes of a PNG or SVG file. Needs matplotlib."""
    from pageengine import report

    module = experiment(outcome.name)
    size = getattr(module, "SIZE", (7.5, 4.2))
    figure = report.made(lambda figure: module.draw(figure, outcome.data), size)
    return report.saved(figure, format, dpi)
