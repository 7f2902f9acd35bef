"""What can go wrong, by name. Bad arguments raise ValueError, TypeError or IndexError as everywhere
in Python.
"""


class PageEngineError(Exception):
    """Base class of every error that is not simply a bad argument."""

    def _render_traceback_(self) -> list[str]:
        """What a notebook shows: the reader's own lines, and the message."""
        from pageengine.inline import tracebacks  # where there is a notebook only

        return tracebacks.short(self)


class OutOfFrames(PageEngineError):
    """No machine frame is idle and none could be reclaimed. ``done`` accesses of the batch were
    made.
    """

    def __init__(self, message: str, done: int = 0):
        super().__init__(message)
        self.done = done


class SwapFull(PageEngineError):
    """Swap space is full; pages that could not go out stayed where they were. ``done`` pages went
    out.
    """

    def __init__(self, message: str, done: int = 0):
        super().__init__(message)
        self.done = done


class Blocked(PageEngineError):
    """The virtual machine is blocked. ``done`` accesses of the batch were made before that."""

    def __init__(self, message: str, done: int = 0):
        super().__init__(message)
        self.done = done


class CountOverflow(PageEngineError):
    """A reference count is at its maximum; nothing was changed."""


class SwapError(PageEngineError, OSError):
    """The swap file could not be read or written (disk full, I/O error); ``errno`` says why.

    Where a page could not be read, ``vm`` and ``ppn`` name it: it stays in swap. Otherwise (``ppn``
    is -1) pages could not go out, and stayed where they were.
    """

    vm: str = ""
    ppn: int = -1


class SwapCorruption(PageEngineError):
    """A swap slot does not hold what was written to it. ``vm`` and ``ppn`` name the page whose
    content is lost; every other page is as it was.
    """

    def __init__(self, message: str, vm: str = "", ppn: int = -1):
        super().__init__(message)
        self.vm = vm
        self.ppn = ppn


class CodecError(PageEngineError):
    """Bytes that should be a compressed page do not decode; ``index`` says which of the call."""

    def __init__(self, message: str, index: int = -1):
        super().__init__(message)
        self.index = index


class CorruptState(PageEngineError):
    """A structure breaks one of its own rules; the message begins with the rule's number. Never
    expected.
    """


class NoSuchVM(PageEngineError, KeyError):
    """The host has no virtual machine of that name (it may have been removed)."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class Closed(PageEngineError):
    """The host was closed, or the virtual machine was removed. Where that happened while a batch
    waited for memory, ``done`` accesses of it were made.
    """

    def __init__(self, message: str, done: int = 0):
        super().__init__(message)
        self.done = done


class Forked(PageEngineError):
    """The host was made by the parent of this process: a forked child cannot use it."""


class AdmissionError(PageEngineError, ValueError):
    """The host cannot promise what the new virtual machine asks for."""


class ImageError(PageEngineError, ValueError):
    """A memory image is truncated, damaged or of a kind that is not read; the message says how to
    convert it.
    """


class TraceError(PageEngineError, ValueError):
    """A trace is truncated, damaged or of a kind that is not read; the message names the line, row
    or offset.
    """


class DemandError(PageEngineError, ValueError):
    """Monitoring data is of a kind that is not read, or holds nothing that can be used; the message
    names the file and the line.
    """


class TraceWarning(UserWarning):
    """Lines of a trace were not understood and not read, or accesses changed; it says how many."""


class CheckpointError(PageEngineError, ValueError):
    """A file is no checkpoint, is damaged, cut short or of another version, or what it holds cannot
    be gone on with here; the message says what is wrong. Nothing was changed.
    """


class PlanError(PageEngineError, ValueError):
    """A policy's plan breaks a rule; nothing of it was done."""


class CacheFull(PageEngineError):
    """A store (the compression cache, the sharing table) has no room; what is there stays."""


class LiveError(PageEngineError):
    """A real guest, or what its host tells, cannot be reached, or does not answer as agreed; the
    message says what would be right.
    """
