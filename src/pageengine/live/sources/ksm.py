"""KSM, the kernel's page sharing: what it does and how it is set (sys/kernel/mm/ksm)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from pageengine.errors import LiveError
from pageengine.live.sources import files
from pageengine.plumbing import given
from pageengine.plumbing.frozen import Frozen

FOLDER = "sys/kernel/mm/ksm"
KNOBS = ("run", "pages_to_scan", "sleep_millisecs", "advisor_mode", "smart_scan", "use_zero_pages")
SLEEP_MS = 20  # the kernel's own
SLEEP_MOST = 2**32 - 1  # ms, what the kernel takes
PAGES_MOST = 2**31 - 1  # pages of one batch


class Ksm(Frozen):
    """KSM now.

    Attributes:
        run: [number] 0 stopped, 1 runs, 2 stopped and all unmerged
        pages_to_scan: [pages] looked at in one batch
        sleep_millisecs: [milliseconds] between two batches
        advisor: [text] who sets pages_to_scan: "none", "scan-time"
        merged: [bytes] that merging saves, zero pages included
        shared: [bytes] held by merged pages, each counted once
        unshared: [bytes] looked at and like nothing else
        volatile: [bytes] that changed too fast to be merged
        full_scans: [number] times that all was looked at
        profit: [bytes] that it saves less what it needs itself
    """

    run: int | None = None
    pages_to_scan: int | None = None
    sleep_millisecs: int | None = None
    advisor: str | None = None
    merged: int | None = None
    shared: int | None = None
    unshared: int | None = None
    volatile: int | None = None
    full_scans: int | None = None
    profit: int | None = None

    @property
    def scan_rate(self) -> float | None:
        """Pages per second that it is set to look at; 0 while it is stopped, None where it does not
        rest between batches, or is not there.
        """
        if self.run is not None and self.run != 1:
            return 0.0
        if None in (self.run, self.pages_to_scan) or not self.sleep_millisecs:
            return None
        return (self.pages_to_scan or 0) * 1000 / self.sleep_millisecs


def read_ksm(root: Path = Path("/")) -> Ksm:
    """What cannot be read is None."""
    folder = root / FOLDER

    def count(name: str) -> int | None:
        return files.number(folder / name)

    def size(name: str) -> int | None:
        pages = count(name)
        return None if pages is None else pages * files.PAGE

    sharing = size("pages_sharing")
    return Ksm(
        run=count("run"),
        pages_to_scan=count("pages_to_scan"),
        sleep_millisecs=count("sleep_millisecs"),
        advisor=_chosen(files.text(folder / "advisor_mode")),
        merged=None if sharing is None else sharing + (size("ksm_zero_pages") or 0),
        shared=size("pages_shared"),
        unshared=size("pages_unshared"),
        volatile=size("pages_volatile"),
        full_scans=count("full_scans"),
        profit=count("general_profit"),
    )


class KsmKnobs:
    """Changes how KSM is set; made by whoever acts, and by nobody who looks.

    Every call raises LiveError where a knob cannot be written: KSM is not there, or no rights.
    """

    def __init__(self, root: Path = Path("/")):
        self._folder = root / FOLDER

    def saved(self) -> dict[str, str]:
        """The knobs as they are now, for ``restore``."""
        found = {name: files.text(self._folder / name) for name in KNOBS}
        chosen = found["advisor_mode"]
        found["advisor_mode"] = _chosen(chosen)
        return {name: said.strip() for name, said in found.items() if said is not None}

    def restore(self, saved: Mapping[str, str]) -> None:
        """Back as they were. All are tried; what could not be written is raised at the end."""
        problems = [
            f"{given.shown(name)} is no knob of KSM's: nothing is written there"
            for name in saved
            if name not in KNOBS
        ]
        saved = {name: saved[name] for name in saved if name in KNOBS}
        # who sets the pages comes first, as it forbids the pages; whether it runs comes last
        for name in sorted(saved, key=lambda name: (name != "advisor_mode", name == "run")):
            if saved.get("advisor_mode", "none") != "none" and name == "pages_to_scan":
                continue
            try:
                self._write(name, saved[name])
            except LiveError as error:
                problems.append(str(error))
        if problems:
            raise LiveError("; ".join(problems))

    @contextlib.contextmanager
    def kept(self) -> Iterator[KsmKnobs]:
        """As they were, after whatever happens in the ``with`` block."""
        saved = self.saved()
        try:
            yield self
        finally:
            self.restore(saved)

    def set_scan_rate(self, rate: float) -> None:
        """Pages per second over all that may be merged; 0 stops the scan and leaves what is merged
        as it is. An advisor of the kernel's that would set the pages itself is turned off.
        """
        rate = given.real(rate, "the scan rate", 0.0, 1e12)
        if rate == 0:
            self._write("run", "0")
            return
        advisor = _chosen(files.text(self._folder / "advisor_mode"))
        if advisor not in (None, "none"):
            self._write("advisor_mode", "none")
        pages, sleep = _batch(rate)
        self._write("sleep_millisecs", str(sleep))
        self._write("pages_to_scan", str(pages))
        self._write("run", "1")

    def set(self, name: str, value: object) -> None:
        """One of KNOBS."""
        self._write(given.choice(name, "the knob", KNOBS), str(value))

    def _write(self, name: str, value: str) -> None:
        path = self._folder / name
        try:
            if not path.exists():
                raise LiveError(
                    f"{path}: not there: this kernel has no KSM, or not this knob of it"
                )
            files.put(path, value)
        except OSError as error:
            raise LiveError(
                f"{path} cannot be set to {value}: {error.strerror}; KSM is set by root"
            ) from error


def settable(rate: float) -> float:
    """The rate that comes of asking for this one: batches are whole pages."""
    if rate == 0:
        return 0.0
    pages, sleep = _batch(rate)
    return pages * 1000 / sleep


def _batch(rate: float) -> tuple[int, int]:
    """Pages of a batch, and milliseconds between two."""
    sleep = SLEEP_MS if rate >= 1000 / SLEEP_MS else round(min(1000 / rate, SLEEP_MOST))
    return min(max(1, round(rate * sleep / 1000)), PAGES_MOST), sleep


def _chosen(said: str | None) -> str | None:
    """Of "[none] scan-time": the one in brackets."""
    if said is None or "[" not in said:
        return None if said is None else said.strip()
    return said.partition("[")[2].partition("]")[0]
