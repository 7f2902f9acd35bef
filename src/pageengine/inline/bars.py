"""Bars of progress in a notebook. Commands have theirs (cli/console.py); a program that is no
notebook shows none.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any, TypeVar

from pageengine.inline.markup import text

FIRST_SECONDS = 0.5  # what is over sooner shows no bar
EVERY_SECONDS = 0.1

_Call = TypeVar("_Call", bound=Callable[..., Any])


class Bar:
    """A bar that a notebook shows in place, once there is something to wait for."""

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._clock, self._began = clock, clock()
        self._handle: Any = None
        self._due = self._began + FIRST_SECONDS

    def show(self, done: float, total: float, said: str = "") -> None:
        """So much is done, of so much; 0 where nobody knows. said: with what it is busy."""
        now, over = self._clock(), done >= total > 0
        if now < self._due and not (over and self._handle is not None):
            return
        self._due = now + EVERY_SECONDS
        shown = _Shown(bar_html(done, total, said, now - self._began))
        if self._handle is None:
            self._handle = _display(shown)
        else:
            self._handle.update(shown)

    # as functions that take long call it

    def of_run(self, seconds: float) -> Callable[[float, str], None]:
        """Of a simulation: (time, state)."""
        return self.of_runs(seconds, 1)

    def of_runs(self, seconds: float, runs: int) -> Callable[[float, str], None]:
        """Of simulations one after another, each from time 0."""
        last, over = 0.0, 0

        def told(time: float, state: str) -> None:
            nonlocal last, over
            over, last = over + (time < last), time
            said = f"run {over + 1} of {runs}: " if runs > 1 else ""
            done = over * seconds + min(time, seconds)
            self.show(done, runs * seconds, f"{said}{time:.0f} of {seconds:.0f} s, {state}")

        return told

    def of_trials(self, key: str) -> Callable[[int, int, float | None], None]:
        """Of a search, which does not know its end: (value, seed, figure)."""
        tried = 0

        def told(value: int, seed: int, figure: float | None) -> None:
            nonlocal tried
            tried += figure is not None
            self.show(tried, 0, f"{tried} runs, {key} = {value}, seed {seed}")

        return told

    def of_pages(self, pages: int) -> Callable[[int], None]:
        """Of an image: (pages done)."""
        return lambda done: self.show(done, pages, f"{done:,} of {pages:,} pages")


class _Shown:
    def __init__(self, html: str):
        self._html = html

    def _repr_html_(self) -> str:
        return self._html


def bar_html(done: float, total: float, said: str, seconds: float) -> str:
    """The bar as markup."""
    drawn, left = "", ""
    if total > 0:
        share = min(1.0, done / total)
        drawn = f"<progress value='{share:.4f}' max='1'></progress> {100 * share:.0f} %"
        if 0 < share < 1:
            left = f", {seconds * (1 - share) / share:.0f} s left"
    times = f" ({seconds:.0f} s{left})"
    return f"<div>{drawn} {text(said)}{times}</div>"


def callback(progress: Any, of: Callable[[Bar], _Call]) -> _Call | None:
    """What a function that takes long calls. progress: its caller's function, None for none, or
    True: a bar where this is a notebook. of: the function that moves a bar.
    """
    if progress is True:
        return of(Bar()) if in_notebook() else None
    found: _Call | None = progress or None
    return found


def in_notebook() -> bool:
    """Whether what is displayed is seen by a reader of a notebook: IPython runs in a kernel."""
    module: Any = sys.modules.get("IPython")  # loaded already, if this is a notebook
    shell = module.get_ipython() if module is not None else None
    return shell is not None and hasattr(shell, "kernel")


def _display(shown: object) -> Any:
    display: Any = sys.modules["IPython"].display
    return display.display(shown, display_id=True)
