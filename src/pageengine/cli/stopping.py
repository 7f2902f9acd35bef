"""How a command is ended before its time: Ctrl-C, SIGTERM, SIGHUP, or --max-time.

The first signal asks what runs to end at its next step, so that what is complete is kept and shown;
a second one ends it at once. What ended a command is its exit status.
"""

import argparse
import os
import signal
import threading
import time
from typing import Any, Self

from pageengine.lab import fields
from pageengine.plumbing import startup

#: Exit status after --max-time, as timeout(1) has it.
OUT_OF_TIME = 124


def add_max_time(parser: argparse.ArgumentParser) -> None:
    """The option that ``seconds_of`` reads."""
    parser.add_argument(
        "--max-time",
        metavar="TIME",
        help="end after that much real time; what is complete is kept, and the exit status is "
        f"{OUT_OF_TIME}",
    )


def seconds_of(arguments: argparse.Namespace) -> float | None:
    """Seconds of --max-time; None without it."""
    text = arguments.max_time
    try:
        return None if text is None else fields.positive_duration(text)
    except ValueError as error:
        raise ValueError(f"--max-time {text!r} {error}") from None


class Stop:
    """While it is open it hears signals and looks at the clock. max_time: seconds from now on;
    None: no end. at_once: a signal raises Stopped where it is heard, for work that does not ask.
    """

    def __init__(self, max_time: float | None = None, *, at_once: bool = False):
        self._end = None if max_time is None else time.monotonic() + max_time
        self._at_once = at_once
        self._number: int | None = None
        self._late = False
        self._before: dict[int, Any] = {}
        self._process = os.getpid()

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in startup.heard():
                self._before[number] = signal.signal(number, self._hear)
            if self._at_once and self._end is not None:
                self._before[signal.SIGALRM] = signal.signal(signal.SIGALRM, self._ring)
                signal.setitimer(signal.ITIMER_REAL, max(1e-3, self._end - time.monotonic()))
        return self

    def __exit__(self, *_: object) -> None:
        if signal.SIGALRM in self._before:
            signal.setitimer(signal.ITIMER_REAL, 0)
        for number, before in self._before.items():
            signal.signal(number, before)

    def __call__(self) -> bool:
        """Whether it is time to end. Once it was, it is."""
        if self._end is not None and time.monotonic() > self._end:
            self._late = True
        return self._late or self._number is not None

    @property
    def why(self) -> str:
        """What ended the command; empty where it came to its end."""
        if self._number is not None:
            return startup.ENDS[self._number][0]
        return "out of its time limit" if self._late else ""

    @property
    def status(self) -> int:
        """The exit status that says so; 0 where it came to its end."""
        if self._number is not None:
            return startup.ENDS[self._number][1]
        return OUT_OF_TIME if self._late else 0

    def _hear(self, number: int, _frame: object) -> None:
        if os.getpid() != self._process:  # forked, and not yet told what signals mean to it
            if number == signal.SIGTERM:
                os._exit(startup.ENDS[number][1])
            return
        again = self._number is not None
        if not again:
            self._number = number
        if again:
            if number == signal.SIGINT:
                raise KeyboardInterrupt
            raise SystemExit(startup.ENDS[number][1])
        if self._at_once:
            raise Stopped

    def _ring(self, *_: object) -> None:
        self._late = True
        raise Stopped


class Stopped(BaseException):
    """Raised by a signal through whatever runs: no simulation takes it for its own end."""
