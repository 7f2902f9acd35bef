"""The first moments of the program, and its last: signals and standard streams.

Until a command runs there is nothing to keep and nothing to tidy up, so a signal ends the program
at once, in one line and without a traceback, also while NumPy is being loaded. This module is what
the package loads first, and it loads next to nothing itself.
"""

import os
import signal
import sys

#: Signal -> what it does to a command, and the exit status that says so.
ENDS = {
    getattr(signal, name): (what, status)
    for name, what, status in (
        ("SIGINT", "interrupted", 130),
        ("SIGTERM", "terminated", 143),
        ("SIGHUP", "hung up", 129),
    )
    if hasattr(signal, name)
}


def is_program() -> bool:
    """Whether Python is about to run the command line: as ``python -m pageengine``, or by the
    script that was installed for it. Whoever else imports the package keeps its signals."""
    name = sys.argv[0] if sys.argv else ""
    if name == "-m":
        return "pageengine" in sys.orig_argv
    if os.path.basename(name) != "pageengine":
        return False
    try:
        with open(name, "rb") as script:
            return b"from pageengine.__main__ import main" in script.read(4096)
    except OSError:
        return False


def begin() -> None:
    """Hears signals, and sees to it that there are three standard streams which take any text."""
    for number in heard():
        signal.signal(number, _end)
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        stream = getattr(sys, name)
        if stream is None:  # closed; the next file that is opened would take its place
            _occupy(number, name)
        elif number and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def end() -> None:
    """The command is over and its status is known: no signal changes it while Python ends."""
    for number in heard():
        signal.signal(number, signal.SIG_IGN)


def heard() -> list[int]:
    """The signals that end a command: those of ENDS that nobody had us ignore (nohup, a job in the
    background)."""
    return [number for number in ENDS if signal.getsignal(number) != signal.SIG_IGN]


def is_heard_first(number: int) -> bool:
    """Whether a signal ends the program at once, as it does before a command runs."""
    return signal.getsignal(number) is _end


def _end(number: int, _frame: object) -> None:
    what, status = ENDS[signal.Signals(number)]
    try:
        os.write(2, f"pageengine: {what}\n".encode())
    finally:
        os._exit(status)


def _occupy(number: int, name: str) -> None:
    handle = os.open(os.devnull, os.O_RDWR)
    if handle != number:
        os.dup2(handle, number)
        os.close(handle)
    setattr(sys, name, open(number, "r+" if number == 0 else "w", closefd=False))  # noqa: SIM115


if is_program():
    begin()
