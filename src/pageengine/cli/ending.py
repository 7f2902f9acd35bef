"""How a command ends: what was wrong in one line on standard error, and the exit status.

0    done
1    a result that fails: a byte read back different, an objective that cannot be met
2    bad usage or input
70   a fault of the program, with its traceback
74   the system failed: a full disk, an I/O error, no memory
124  out of --max-time
129, 130, 143  SIGHUP, Ctrl-C, SIGTERM
141  nobody reads the output any more
"""

import errno
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TextIO

from pageengine.cli.console import Usage, flush, forget_output, say_error
from pageengine.errors import PageEngineError
from pageengine.plumbing import startup

BAD, FAULT, SYSTEM, UNREAD = 2, 70, 74, 141
#: What no other input would help against.
_SYSTEM = {
    getattr(errno, name)
    for name in (
        "ENOSPC",
        "EDQUOT",
        "EFBIG",
        "EIO",
        "EROFS",
        "ENOMEM",
        "EMFILE",
        "ENFILE",
        "ENXIO",
        "ESTALE",
        "ENOLINK",
        "EBADF",
        "EAGAIN",
    )
    if hasattr(errno, name)
}
_AGAIN = 0.02  # seconds until an exception that Python swallowed is raised once more


def status_of(command: Callable[[], int]) -> int:
    """Runs a command to whichever end; the exit status. While it runs, SIGTERM and SIGHUP end it by
    an exception, as Ctrl-C does, so that what is temporary is removed."""
    with ExitStack() as stack:
        for context in (_signals, _warnings, _nothing_swallowed):
            stack.enter_context(context())
        try:
            status = command()
            flush()
        except BaseException as error:
            status = _told(error)
        return status


def _told(error: BaseException) -> int:
    """Says on standard error what ended a command; the status."""
    signals = {status: what for what, status in startup.ENDS.values()}
    match error:
        case SystemExit():  # argparse, which said why; or a signal
            status = error.code if isinstance(error.code, int) else 0
            if status in signals:
                say_error(signals[status])
        case KeyboardInterrupt():
            status = startup.ENDS[signal.SIGINT][1]
            say_error(signals[status])
        case BrokenPipeError():
            status = UNREAD
        case MemoryError():
            status = SYSTEM
            say_error("there is not enough memory")
        case OSError():
            status = SYSTEM if error.errno in _SYSTEM else BAD
            say_error(_of_system(error))
        case Usage() | PageEngineError() | ValueError() | TypeError():
            status = BAD
            say_error(str(error))
        case _:
            status = FAULT
            say_error(traceback.format_exc(), lines=True)
    return _flushed(status)


def _flushed(status: int) -> int:
    """The status, after what standard output still held was handed on or given up."""
    try:
        flush()
    except BrokenPipeError:
        forget_output()
        return status or UNREAD
    except (OSError, ValueError) as error:
        forget_output()
        if status == 0:  # what ended the command was not this
            say_error(_of_system(error) if isinstance(error, OSError) else str(error))
            return SYSTEM
    return status


def _of_system(error: OSError) -> str:
    if not error.filename or isinstance(error, PageEngineError):
        return str(error)
    name = error.filename
    return f"{name.decode(errors='replace') if isinstance(name, bytes) else name}: {error.strerror}"


@contextmanager
def _signals() -> Iterator[None]:
    before = {}
    if threading.current_thread() is threading.main_thread():
        for number in startup.heard():
            if number != signal.SIGINT:
                before[number] = signal.signal(number, _end)
            elif startup.is_heard_first(number):
                before[number] = signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(number: int, _frame: object) -> None:
    raise SystemExit(startup.ENDS[number][1])


@contextmanager
def _warnings() -> Iterator[None]:
    """Warnings are lines on standard error like any other; but what is deprecated (such as, since
    Python 3.12, processes that are forked where a library has threads) is for who writes programs.
    """

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        if not issubclass(category, DeprecationWarning):
            say_error(f"warning: {message}")

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield


@contextmanager
def _nothing_swallowed() -> Iterator[None]:
    """Where a signal comes while Python collects garbage, its exception is printed and forgotten;
    then it is raised again."""
    before = sys.unraisablehook

    def hook(about: "sys.UnraisableHookArgs") -> None:
        if issubclass(about.exc_type, KeyboardInterrupt):
            number = signal.SIGINT
        elif issubclass(about.exc_type, Exception):
            before(about)
            return
        else:
            number = signal.SIGTERM
        again = threading.Timer(_AGAIN, signal.raise_signal, (number,))
        again.daemon = True
        again.start()

    sys.unraisablehook = hook
    try:
        yield
    finally:
        sys.unraisablehook = before
