"""Errors in a notebook: the reader's own lines and the message, without the frames of this package
between them.

An error of ``pageengine.errors`` is shown so by itself. For all others that are raised here
(ValueError of an argument), ``%load_ext pageengine`` makes IPython do it.
``traceback.print_last()`` shows every frame.
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import TracebackType
from typing import Any

_HOME = str(Path(__file__).resolve().parents[1])


def own(trace: TracebackType | None) -> tuple[TracebackType | None, int]:
    """The traceback without frames of this package, and how many were left out. One that has no
    others stays as it is.
    """
    kept, count = [], 0
    while trace is not None:
        if _is_ours(trace):
            count += 1
        else:
            kept.append(trace)
        trace = trace.tb_next
    found: TracebackType | None = None
    for each in reversed(kept):
        found = TracebackType(found, each.tb_frame, each.tb_lasti, each.tb_lineno)
    return found, count


def _is_ours(trace: TracebackType) -> bool:
    """Compiled modules name their sources as they were built: pageengine/core/engine.pyx."""
    name = str(trace.tb_frame.f_globals.get("__name__", ""))
    file = trace.tb_frame.f_code.co_filename
    return name.partition(".")[0] == "pageengine" or file.startswith(_HOME)


def short(error: BaseException, shell: Any = None) -> list[str]:
    """Lines of the error as IPython shows errors, without our frames; without IPython as Python
    does.
    """
    trace, count = own(error.__traceback__)
    if trace is None:
        trace, count = error.__traceback__, 0
    shell = shell or _shell()
    if shell is None:
        import traceback

        lines = "".join(traceback.format_exception(type(error), error, trace)).splitlines()
    else:
        lines = shell.InteractiveTB.structured_traceback(type(error), error, trace)
    if count:
        left = "1 frame" if count == 1 else f"{count} frames"
        lines = [*lines, f"({left} of pageengine left out: traceback.print_last() shows all)"]
    return list(lines)


def load_ipython_extension(shell: Any) -> None:
    """``%load_ext pageengine``: every error that comes out of this package is shown in short."""

    def show(
        shell: Any, kind: type, error: BaseException, trace: Any, tb_offset: Any = None
    ) -> Any:
        if not _ends_here(trace):
            shell.showtraceback((kind, error, trace), tb_offset=tb_offset)
            return None
        lines = short(error, shell)
        shell._showtraceback(kind, error, lines)
        return lines

    shell.set_custom_exc((Exception,), show)


def unload_ipython_extension(shell: Any) -> None:
    """``%unload_ext pageengine``."""
    shell.set_custom_exc((), None)


def _ends_here(trace: TracebackType | None) -> bool:
    """Whether this package raised it: what somebody else's code raises is shown as ever."""
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and _is_ours(trace)


def _shell() -> Any:
    module: Any = sys.modules.get("IPython")
    return module.get_ipython() if module is not None else None
