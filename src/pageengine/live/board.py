"""The board that ``top`` shows: esxtop's memory screen of one moment, live, recorded or simulated.

A pure function of numbers. Columns bear esxtop's names where esxtop has them: MEMSZ configured,
GRANT backed by machine memory, CNSM machine memory charged to it, %ACTV its working set, MCTLSZ in
its balloon, MCTLTGT what that should hold, SWCUR in the host's swap space, SWR/s read back from
there, SHRD shared. Ours are GAVAIL, what the guest says is available to its programs, %STALL, AGE
of what the guest says, and STATUS. What is not known is "-"; a zero is 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pageengine.live.moment import Moment, Row
from pageengine.plumbing.frozen import Frozen
from pageengine.plumbing.visible import visible
from pageengine.policy.states import STATES
from pageengine.units import MIB, PAGE_BYTES

UNKNOWN = "-"
COLUMNS = (
    "NAME",
    "MEMSZ",
    "GRANT",
    "CNSM",
    "%ACTV",
    "SHRD",
    "MCTLSZ",
    "MCTLTGT",
    "SWCUR",
    "SWR/s",
    "GAVAIL",
    "%STALL",
    "AGE",
    "STATUS",
)
_TEXTS = {"NAME", "STATUS"}  # to the left; the others are numbers
_NAME_MOST = 20  # characters


class Board(Frozen):
    """What is to be shown.

    Attributes:
        head: [text each] lines of the host
        rows: [texts each] one of each guest, under COLUMNS
    """

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def board_of(moment: Moment) -> Board:
    """The board of a moment."""
    return Board(_head(moment), tuple(_row(guest, moment.step) for guest in moment.guests))


def lines_of(
    board: Board, width: int | None = None, height: int | None = None, first: int = 0
) -> list[str]:
    """The board as lines of text, cut to so many characters and lines where that is said. first:
    guest to begin with where not all of them fit.
    """
    rows, more = board.rows, ""
    if height is not None and len(board.head) + 2 + len(rows) > height:
        fit = max(height - len(board.head) - 3, 1)
        first = max(0, min(first, len(rows) - fit))
        rows = rows[first : first + fit]
        more = f"guests {first + 1} to {first + len(rows)} of {len(board.rows)}"
    table = [COLUMNS, *rows]
    widths = [max(len(row[i]) for row in table) for i in range(len(COLUMNS))]
    lines = [*board.head, ""]
    for row in table:
        cells = (
            text.ljust(wide) if column in _TEXTS else text.rjust(wide)
            for column, text, wide in zip(COLUMNS, row, widths, strict=True)
        )
        lines.append("  ".join(cells).rstrip())
    lines += [more] if more else []
    return lines if width is None else [line[:width] for line in lines]


def _row(guest: Row, step: float | None) -> tuple[str, ...]:
    size = _number(guest, "size")
    name = visible(guest.get("vm", ""))
    return (
        name if len(name) <= _NAME_MOST else name[: _NAME_MOST - 1] + "…",
        _mib(size),
        _mib(_number(guest, "granted")),
        _mib(_number(guest, "consumed")),
        _share(_number(guest, "active"), size),
        _mib(_number(guest, "shared")),
        _mib(_number(guest, "balloon")),
        _mib(_number(guest, "balloon_target")),
        _mib(_number(guest, "swapped")),
        _rate(_number(guest, "swap_in"), step),
        _mib(_number(guest, "guest_available")),
        _share(_number(guest, "stall"), 1),
        _age(_number(guest, "stats_age")),
        _status(guest),
    )


def _status(guest: Row) -> str:
    """What the guest is doing, and why nothing is known of it."""
    status, why = guest.get("status"), guest.get("why")
    if isinstance(status, str) and status != "known":
        return visible(f"{status}: {why}" if why else status)
    parts = [guest.get(key) for key in ("busy", "driver")]
    said = [str(part) for part in parts if part and part != "reporting"]
    if not said and _number(guest, "blocked"):
        said = ["blocked"]
    return visible(", ".join(said))


def _head(moment: Moment) -> tuple[str, ...]:
    host = moment.host

    def mib(key: str) -> str:
        return _mib(_number(host, key))

    sizes = [_number(guest, "size") for guest in moment.guests if guest.get("status") != "absent"]
    memory, known = _number(host, "memory"), [size for size in sizes if size is not None]
    ratio = UNKNOWN
    if memory and len(known) == len(sizes):
        ratio = f"{sum(known) / memory:.2f}"
    state = _number(host, "state")
    named = "" if state is None else f", state {STATES[int(state)]}"
    some, full = (_share(_number(host, f"pressure_{key}"), 1) for key in ("some", "full"))
    swap_in, swap_out = (_rate(_number(host, key), moment.step) for key in ("swap_in", "swap_out"))
    targets = [_number(guest, "balloon_target") for guest in moment.guests]
    target = (
        _mib(sum(each or 0 for each in targets)) if targets and None not in targets else UNKNOWN
    )
    scan = _number(host, "scan_rate")
    guests = "1 guest" if len(moment.guests) == 1 else f"{len(moment.guests)} guests"
    return (
        f"{_clock(moment.time)}  {guests}, MEM overcommit {ratio}{named}",
        f"PMEM   /MB: {mib('memory')} total, {mib('free')} free, {mib('available')} available",
        f"PSHARE /MB: {mib('shared')} shared, {mib('shared_common')} common, {mib('saving')} saving"
        + ("" if scan is None else f", KSM looks at {scan:,.0f} pages/s"),
        f"SWAP   /MB: {mib('swapped')} curr, {mib('swap_free')} free of {mib('swap_total')}, "
        f"{swap_in} r/s, {swap_out} w/s",
        f"ZIP    /MB: {mib('compressed')} zipped, {mib('cache')} in cache",
        f"MEMCTL /MB: {mib('ballooned')} curr, {target} target",
        f"STALL  %  : some {some}, full {full}, guests {_share(_number(host, 'stall'), 1)}",
    )


def _number(row: Row, key: str) -> float | None:
    value = row.get(key)
    return None if isinstance(value, str) else value


def _mib(size: float | None) -> str:
    return UNKNOWN if size is None else f"{size / MIB:,.0f}"


def _share(part: float | None, whole: float | None) -> str:
    """Of a hundred."""
    return UNKNOWN if part is None or not whole else f"{100 * part / whole:.1f}"


def _rate(pages: float | None, step: float | None) -> str:
    """MiB per second."""
    return UNKNOWN if pages is None or not step else f"{pages * PAGE_BYTES / MIB / step:.2f}"


def _age(seconds: float | None) -> str:
    return UNKNOWN if seconds is None else f"{seconds:.0f} s"


def _clock(seconds: float) -> str:
    """Hours, minutes and seconds."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60:02}:{minutes % 60:02}:{rest:02}"


def plain(moment: Moment) -> Mapping[str, object]:
    """The moment for JSON: amounts in bytes, rates in pages since the moment before, null for what
    is not known.
    """
    state = _number(moment.host, "state")
    return {
        "time": moment.time,
        "step": moment.step,
        "state": None if state is None else STATES[int(state)],
        "host": {key: moment.host.get(key) for key in HOST_KEYS},
        "guests": [{key: guest.get(key) for key in GUEST_KEYS} for guest in moment.guests],
    }


HOST_KEYS: Sequence[str] = (
    "memory",
    "free",
    "available",
    "shared",
    "shared_common",
    "saving",
    "swapped",
    "swap_total",
    "swap_free",
    "swap_in",
    "swap_out",
    "compressed",
    "cache",
    "ballooned",
    "stall",
    "pressure_some",
    "pressure_full",
    "scan_rate",
)
GUEST_KEYS: Sequence[str] = (
    "vm",
    "size",
    "granted",
    "consumed",
    "active",
    "shared",
    "balloon",
    "balloon_target",
    "swapped",
    "swap_in",
    "guest_total",
    "guest_free",
    "guest_available",
    "stall",
    "stats_age",
    "status",
    "why",
    "driver",
    "busy",
)
