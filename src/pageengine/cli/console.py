"""Where everything that a command says is said: tables on standard output, progress and errors on
standard error, JSON when asked for.

Names and texts that are shown come from files and arguments: nothing of them is an instruction to
the terminal (``plumbing.visible``), or to `rich`, which lays tables out. JSON has them as they are,
escaped. Where `rich`, which is an extra, is not installed there are no colours and no progress bars
(``bare``).
"""

import json
import math
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any, TextIO, cast

from pageengine.cli import bare
from pageengine.plumbing.visible import visible
from pageengine.units import format_size

if TYPE_CHECKING:
    from rich.console import Console as RichConsole
    from rich.live import Live
    from rich.progress import Progress
    from rich.table import Table

#: What progress is shown by: key, text, done, total.
Show = Callable[[str, str, int, int], object]

_WIDTH = 100


class Usage(Exception):
    """Bad usage or input, found by a command: one line for standard error, exit status 2."""


class Console:
    """Where a command prints. ``json``: tables and sentences are left out, ``result`` prints the
    object."""

    def __init__(self, json: bool = False):
        self.json = json
        self._rich = _rich_console(_Output()) if not json and _has_rich() else None
        self._bars: Progress | None = None

    def result(self, data: Mapping[str, Any]) -> None:
        """The command's result, printed with --json only."""
        if self.json:
            text = json.dumps(plain(data), indent=2, allow_nan=False)
            self.write(text.replace("\x7f", "\\u007f") + "\n")

    def write(self, text: str) -> None:
        """A text of ours as it is: help, a file that comes with the package."""
        _Output().write(text)

    def say(self, text: str = "", style: str | None = None, *, lines: bool = False) -> None:
        """A paragraph. lines: it is a text of ours, whose line ends stay."""
        if self.json:
            return
        text = _fit(text, lines=lines)
        if self._rich:
            with self._no_bars():
                self._rich.print(text, style=style, markup=False, highlight=False, emoji=False)
        else:
            self.write(bare.paragraph(text, _width()))

    def line(self, text: str) -> None:
        """One line, however long it is."""
        if not self.json:
            with self._no_bars():
                self.write(_fit(text) + "\n")

    def heading(self, text: str) -> None:
        """A line that begins a part."""
        self.say()
        self.say(text, style="bold")

    def table(
        self,
        title: str,
        columns: Sequence[str],
        rows: Iterable[Sequence[Any]],
        *,
        total: bool = False,
        caption: str | None = None,
        texts: int = 1,
    ) -> None:
        """A table; all columns but the first ``texts`` are numbers, to the right. total: the last
        row is a sum."""
        if self.json:
            return
        heads = [_fit(column) for column in columns]
        shown = [[_fit(cell(value)) for value in row] for row in rows]
        self.heading(title)
        if self._rich:
            with self._no_bars():
                self._rich.print(_rich_table(heads, shown, texts=texts, total=total))
        else:
            self.write(bare.table(heads, shown, texts=texts, total=total, width=_width()))
        if caption:
            self.say(caption, style="dim")

    @contextmanager
    def progress(self) -> Iterator[Show]:
        """Progress bars on standard error while it is a terminal: yields ``show(key, text, done,
        total)``."""
        if not sys.stderr.isatty() or not _has_rich():
            yield lambda key, text, done, total: None
            return
        from rich import progress as bars

        parts = (
            bars.TextColumn("{task.description}", markup=False),
            bars.BarColumn(bar_width=30),
            bars.TaskProgressColumn(),
            bars.TimeRemainingColumn(compact=True, elapsed_when_finished=True),
        )
        tasks: dict[str, Any] = {}
        with bars.Progress(*parts, console=_rich_console(sys.stderr), transient=True) as progress:

            def show(key: str, text: str, done: int, total: int) -> None:
                shown = visible(text)
                if key not in tasks:
                    tasks[key] = progress.add_task(shown)
                progress.update(tasks[key], description=shown, completed=done, total=total or None)

            self._bars = progress
            try:
                yield show
            finally:
                self._bars = None

    @property
    def is_terminal(self) -> bool:
        """Whether output is a terminal."""
        return sys.stdout.isatty()

    @contextmanager
    def screen(self) -> Iterator["Screen"]:
        """Something that is shown in place, on a screen of its own while output is a terminal."""
        if not (self.is_terminal and _has_rich()):
            yield Screen(self)
            return
        from rich.live import Live

        live = Live(console=_rich_console(_Output(), wide=True), screen=True, auto_refresh=False)
        with live:
            yield Screen(self, live)

    @contextmanager
    def _no_bars(self) -> Iterator[None]:
        """Takes the bars off the screen while something is printed."""
        bars = self._bars
        if bars:
            bars.stop()
        yield
        if bars:
            bars.start()


class Screen:
    """What is shown in place, or, where it has no terminal, one after the other."""

    def __init__(self, console: Console, live: "Live | None" = None):
        self._console, self._live = console, live

    def show(self, lay: Callable[..., list[str]], says: str = "") -> None:
        """Lines of text. lay: makes them, of ``width`` and ``height`` where there is a terminal.
        says: a line below them there, of what keys do.
        """
        if self._live is None:
            self._console.write("\n".join(map(_fit, lay())) + "\n\n")
            flush()
            return
        from rich.text import Text

        size = self._live.console.size
        lines = [*lay(width=size.width, height=size.height - 2), "", says[: size.width]]
        text = "\n".join(map(_fit, lines))
        self._live.update(Text(text, no_wrap=True, overflow="crop"), refresh=True)


class _Output:
    """Standard output, whose errors name it."""

    def write(self, text: str) -> int:
        with _of_output():
            return sys.stdout.write(text)

    def flush(self) -> None:
        with _of_output():
            sys.stdout.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(sys.stdout, name)


def _fit(text: str, *, lines: bool = False) -> str:
    """The text as it will be on standard output, so that tables know how wide it is."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return visible(text, lines=lines).encode(encoding, "backslashreplace").decode(encoding)


@contextmanager
def _of_output() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OSError(error.errno, error.strerror, "standard output") from None


def flush() -> None:
    """Hands on what standard output still holds. OSError names it."""
    _Output().flush()


def forget_output() -> None:
    """Standard output takes nothing any more: what is still held goes nowhere, so that Python can
    end quietly."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError):
        pass


def say_error(message: str, *, lines: bool = False) -> None:
    """What is wrong, in one line on standard error; lines: in several."""
    text = visible(message, lines=True)
    text = text.rstrip() if lines else "pageengine: " + " ".join(text.split())
    try:
        print(text, file=sys.stderr, flush=True)
    except (OSError, ValueError):
        pass  # nobody hears it


def plain(value: Any) -> Any:
    """A value as JSON has it: NumPy's numbers as numbers, paths as texts, and null for what is not
    finite, which JSON cannot say."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, set | frozenset):
        return sorted(plain(each) for each in value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def cell(value: Any) -> str:
    """A value as a table shows it: counts with thousands marks, nothing for None, zero as a
    dash."""
    if value is None:
        return ""
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}" if value else "-"
    return str(value)


def size(value: int | None) -> str:
    """Bytes for a table."""
    if value is None:
        return "?"
    return format_size(value) if value else "-"


def percent(part: float, whole: float) -> str:
    """A share with one decimal."""
    if not whole or not part:
        return "-"
    share = 100 * part / whole
    return "<0.1 %" if 0 < share < 0.05 else f"{share:.1f} %"


def _has_rich() -> bool:
    try:
        import rich  # noqa: F401
    except ImportError:
        return False
    return True


def _width() -> int:
    return min(shutil.get_terminal_size().columns, _WIDTH)


def _rich_table(
    heads: Sequence[str], rows: Sequence[Sequence[str]], *, texts: int, total: bool
) -> "Table":
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="cyan")
    for number, head in enumerate(heads):
        side: Any = "left" if number < texts else "right"
        table.add_column(Text(head), justify=side, overflow="fold")
    for number, row in enumerate(rows):
        last = total and number == len(rows) - 1
        if last:
            table.add_section()
        table.add_row(*map(Text, row), style="bold" if last else None)
    return table


def _rich_console(file: "_Output | TextIO", *, wide: bool = False) -> "RichConsole":
    from rich.console import Console as RichConsole

    class Piped(RichConsole):
        """When the reader is gone, that is an error like any other, and not exit status 1."""

        def on_broken_pipe(self) -> None:
            raise BrokenPipeError

    console = Piped(file=cast(IO[str], file), soft_wrap=False)
    if not wide:
        console.width = min(console.width, _WIDTH)
    return console
