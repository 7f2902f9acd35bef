"""How tools write accesses as lines of text, one entry per tool. ``lines`` reads them.

Layouts are patterns of a whole line with the fields ``kind``, ``address`` and, where there is one,
``size``; in them, ADDRESS stands for a number in one of the notations, and GAP for one of the
separators. The first access of a file says which layout, notation and separator the file has.
"""

from __future__ import annotations

from typing import NamedTuple

READ, WRITE, FETCH = "read", "write", "fetch"
_ENDS = r"[ \t]*"
_SIZE = r"(?P<size>[0-9]+)"
_LETTER = {"r": READ, "w": WRITE, "l": READ, "s": WRITE, "i": FETCH, "f": FETCH, "m": WRITE}
_WORDS = {
    **_LETTER,
    "read": READ,
    "write": WRITE,
    "load": READ,
    "store": WRITE,
    "rd": READ,
    "wr": WRITE,
    "ld": READ,
    "st": WRITE,
    "ifetch": FETCH,
    "fetch": FETCH,
    "instr": FETCH,
    "modify": WRITE,
}
_NAMES = "|".join(sorted(_WORDS, key=len, reverse=True))
_KIND = f"(?P<kind>(?i:{_NAMES}))"
_PC = r"(?:0[xX])?[0-9a-fA-F]+"


class Dialect(NamedTuple):
    """kinds: what the field ``kind``, in lower case, means; None: every other word is a fetch.
    looks: what begins like an access; a line of that look in no layout is damage. noise: lines that
    the tool itself writes besides accesses.
    """

    kind: str
    what: str
    example: str
    layouts: tuple[str, ...]
    kinds: dict[str, str]
    looks: str
    noise: str = r"\s*(#.*)?"
    others: str | None = None


_BANNER = r"\s*(#.*)?|(==|--|\*\*)[^=\-*]*[0-9]+(==|--|\*\*).*|SB [0-9a-fA-F]+"

DIALECTS = (
    Dialect(
        "lackey",
        "valgrind --tool=lackey --trace-mem=yes, and traces like its",
        " S 1ffefff,8",
        (
            rf"{_ENDS}(?P<kind>[ILSM])[ \t]+ADDRESSGAP{_SIZE}{_ENDS}",
            rf"{_ENDS}(?P<kind>[ILSM])[ \t]+ADDRESS{_ENDS}",
        ),
        _LETTER,
        r"\s*[ILSM]([ \t]+((?=.*[0-9])[^\s,:]*[ \t]*[,: \t]?[ \t]*[^\s,:]*|\S*[0-9]\S*))?\s*",
        _BANNER,
    ),
    Dialect(
        "pin",
        "pinatrace of Intel Pin",
        "0x401000: R 0x7ffe1230",
        (
            rf"{_ENDS}{_PC}:[ \t]*(?P<kind>[RW])[ \t]+ADDRESS{_ENDS}",
            rf"{_ENDS}{_PC}:[ \t]*(?P<kind>[RW])[ \t]+ADDRESS[ \t]+{_SIZE}([ \t].*)?",
        ),
        _LETTER,
        rf"\s*{_PC}:\s*\w?(\s.*)?",
    ),
    Dialect(
        "dynamorio",
        "text of DynamoRIO's memtrace, drmemtrace's view",
        "0x401000,r,8,0x7ffe1230",
        (
            rf"{_ENDS}{_PC}[,:][ \t]*(?P<kind>[rw]),[ \t]*{_SIZE},[ \t]*ADDRESS{_ENDS}",
            rf"{_ENDS}ADDRESS:[ \t]*{_SIZE},[ \t]*(?P<kind>\w+){_ENDS}",
            r".*?\b(?P<kind>ifetch|read|write)[ \t]+" + _SIZE + r" byte\(s\) @ ADDRESS([ \t].*)?",
        ),
        {"r": READ, "w": WRITE, "read": READ, "write": WRITE, "ifetch": FETCH},
        rf"\s*{_PC}[,:].*|.*byte\(s\).*",
        r"\s*(#.*)?|Format:.*|.*<marker:.*|Output format.*|-+|"
        r"<-.*",
        FETCH,
    ),
    Dialect(
        "dinero",
        "din of Dinero: 0 read, 1 write, 2 fetch; what follows the address is not used",
        "2 408ed4",
        (rf"{_ENDS}(?P<kind>[012])[ \t]+ADDRESS([ \t].*)?",),
        {"0": READ, "1": WRITE, "2": FETCH},
        r"\s*[0-9].*",
    ),
    Dialect(
        "lines",
        "an access per line: 'R 7ffe1230 8', 'R 0x7ffe1230' or '7ffe1230 R'",
        "R 7ffe1230 8",
        (
            rf"{_ENDS}{_KIND}GAPADDRESS{_ENDS}",
            rf"{_ENDS}{_KIND}GAPADDRESSGAP{_SIZE}{_ENDS}",
            rf"{_ENDS}ADDRESSGAP{_KIND}{_ENDS}",
            rf"{_ENDS}ADDRESSGAP{_KIND}GAP{_SIZE}{_ENDS}",
            rf"{_ENDS}ADDRESSGAP{_SIZE}GAP{_KIND}{_ENDS}",
        ),
        _WORDS,
        rf"\s*(?i:{_NAMES})\b[\s,:;].*[0-9].*|\s*{_PC}\b.*",
    ),
)
GAPS = {
    "a comma": r"[ \t]*,[ \t]*",
    "a colon": r"[ \t]*:[ \t]*",
    "a semicolon": r"[ \t]*;[ \t]*",
    "blanks": r"[ \t]+",
}
NOTATIONS = {
    "hexadecimal after 0x": r"(?P<address>0[xX][0-9a-fA-F]{1,16}|0+|\(nil\))",
    "hexadecimal": r"(?P<address>[0-9a-fA-F]{1,16}|\(nil\))",
}
DECIMAL = r"(?P<address>[0-9]{1,20})"
