"""Small changes of C: what a slip of the hand makes of an expression or a statement.

It reads tokens, not a grammar: what does not compile is thrown away by the compiler. Assertions,
prefetches and the preprocessor are left alone: they name a programmer's error, or cost time only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from change import Change, named

TOKEN = re.compile(
    r"(?P<name>[A-Za-z_]\w*)|(?P<number>0[xX][0-9a-fA-F]+\w*|\d+\w*)"
    r"|(?P<op><<=|>>=|->|\+\+|--|<<|>>|[<>=!+\-*/%&|^]=|&&|\|\||[^\s\w])"
)
HIDDEN = re.compile(
    r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|^[ \t]*#(?:[^\n]*\\\n)*[^\n]*'
    r"|\b(?:pe_assert|PE_PREFETCH\w*|\w*prefetch\w*)\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\);",
    re.DOTALL | re.MULTILINE,
)
FUNCTION = re.compile(r"^[a-zA-Z_][^;{}#]*?\b(\w+)\(([^;{}]*)\)\s*\n?\{", re.MULTILINE)
OTHER = {
    "<": ["<="],
    "<=": ["<"],
    ">": [">="],
    ">=": [">"],
    "==": ["!="],
    "!=": ["=="],
    "&&": ["||"],
    "||": ["&&"],
    "+": ["-"],
    "-": ["+"],
    "*": ["+"],
    "/": ["*"],
    "%": ["/"],
    "+=": ["-=", "="],
    "-=": ["+=", "="],
    "++": ["--"],
    "--": ["++"],
    "<<": [">>"],
    ">>": ["<<"],
    "&": ["|"],
    "|": ["&"],
    "^": ["|"],
    "|=": ["=", "&="],
    "&=": ["=", "|="],
    "^=": ["|="],
}
ENDS_LEFT = {"&&", "||", "?", ":", "=", ",", ";", "return", "{", "}"}
ENDS_RIGHT = {"&&", "||", "?", ":", ",", ";"}
ENDS_TERM = ENDS_RIGHT | {"+", "-", "<", ">", "<=", ">=", "==", "!=", "<<", ">>", "&", "|", "^"}
DECLARATION = re.compile(
    r"(static\s|const\s|unsigned\s|struct\s)*[A-Za-z_]\w*(\s+const)?(\s*\*+\s*(const\s+)?|\s+)"
    r"[A-Za-z_]\w*\s*(=|;|\[|,)"
)
CONTROL = {"if", "for", "while", "switch", "return", "sizeof", "else", "do", "case", "goto"}


def changes(path: str, text: str, csrc: Path) -> list[Change]:
    shown = HIDDEN.sub(lambda m: re.sub(r"[^\n]", " ", m[0]), text)
    siblings = _siblings(csrc)
    found = []
    for function in FUNCTION.finditer(shown):
        end = re.compile(r"^\}", re.MULTILINE).search(shown, function.end())
        last = end.end() if end else len(shown)
        tokens = list(TOKEN.finditer(shown, function.end() - 1, last))
        for start, stop, put in _Body(tokens, shown, siblings).all():
            found.append(Change(path, function[1], start, stop, put))
    return named(text, found)


def _siblings(csrc: Path) -> dict[str, str]:
    """For each enumerator the next of its enum, and for each field one declared beside it."""
    found: dict[str, str] = {}
    for header in sorted(csrc.rglob("*.h")):
        text = HIDDEN.sub(" ", header.read_text())
        for body in re.findall(r"\benum\b[^;{}()]*\{([^}]*)\}", text):
            names = re.findall(r"(?:^|,)\s*(\w+)", body)
            found.update(zip(names, names[1:] + names[:1], strict=True))
        for body in re.findall(r"\bstruct\b[^;{}()]*\{([^}]*)\}", text):
            for line in re.findall(r"\w+\s+(\w+(?:\s*,\s*\w+)+);", body):
                names = re.findall(r"\w+", line)
                found.update(zip(names, names[1:] + names[:1], strict=True))
    return found


class _Body:
    """The tokens of one function."""

    def __init__(self, tokens, text, siblings):
        self.tokens, self.text, self.siblings = tokens, text, siblings
        self.words = [t[0] for t in tokens]
        self.close = self._pairs()

    def _pairs(self) -> dict[int, int]:
        stack, found = [], {}
        for i, word in enumerate(self.words):
            if word in "([{":
                stack.append(i)
            elif word in ")]}" and stack:
                found[stack.pop()] = i
        return found

    def all(self) -> Iterator[tuple[int, int, str]]:
        for i, token in enumerate(self.tokens):
            word = token[0]
            if token["op"]:
                yield from self._operator(i)
            elif token["number"]:
                yield from self._number(token)
            elif word in ("if", "while") and self.words[i + 1] == "(":
                yield from self._condition(i + 1, word)
            elif word not in CONTROL | {"calloc"} and self.words[i + 1 : i + 2] == ["("]:
                yield from self._arguments(i + 1)
            if word in self.siblings and (word.isupper() or self.words[i - 1] in ("->", ".")):
                yield token.start(), token.end(), self.siblings[word]
        yield from self._statements()

    def _operator(self, i):
        token, word = self.tokens[i], self.words[i]
        before = self.tokens[i - 1]
        binary = before["name"] or before["number"] or before[0] in ")]"
        if before[0] in ("return", "case"):
            binary = None
        if word == "!":
            yield token.start(), token.end(), ""
        elif word == "~":
            yield token.start(), token.end(), ""
        elif not binary and word in ("&", "+", "-", "*"):
            return
        elif word in OTHER:
            for put in OTHER[word]:
                yield token.start(), token.end(), put
        if word in ("&&", "||"):
            yield token.start(), self._right_end(i, ENDS_RIGHT), ""
            yield self._left_start(i), token.end(), ""
        elif word in ("+", "-") and binary:
            yield token.start(), self._right_end(i, ENDS_TERM), ""

    def _right_end(self, i, ends):
        depth = 0
        for j in range(i + 1, len(self.words)):
            word = self.words[j]
            if word in "([{":
                depth += 1
            elif word in ")]}":
                depth -= 1
            if depth < 0 or depth == 0 and word in ends:
                return self.tokens[j - 1].end()
        return self.tokens[i].end()

    def _left_start(self, i):
        depth = 0
        for j in range(i - 1, -1, -1):
            word = self.words[j]
            if word in ")]}":
                depth += 1
            elif word in "([{":
                depth -= 1
            if depth < 0 or depth == 0 and word in ENDS_LEFT:
                return self.tokens[j + 1].start()
        return self.tokens[i].start()

    def _number(self, token):
        digits = re.match(r"(\d+)(\w*)$", token[0])
        if not digits or token[0][:2] in ("0x", "0X"):
            return
        value = int(digits[1])
        yield token.start(), token.end(), f"{value + 1}{digits[2]}"
        if value > 0:
            yield token.start(), token.end(), f"{value - 1}{digits[2]}"

    def _condition(self, opening, word):
        closing = self.close.get(opening)
        if closing is None:
            return
        start, end = self.tokens[opening].end(), self.tokens[closing].start()
        yield start, end, "0"
        if word == "if":
            yield start, end, "1"

    def _arguments(self, opening):
        closing = self.close.get(opening)
        if closing is None:
            return
        commas, j = [], opening + 1
        while j < closing:
            if self.words[j] == ",":
                commas.append(j)
            j = self.close.get(j, j) + 1
        edges = [opening, *commas, closing]
        spans = [
            (self.tokens[a + 1].start(), self.tokens[b - 1].end())
            for a, b in zip(edges, edges[1:])
            if b > a + 1
        ]
        for (a, b), (c, d) in zip(spans, spans[1:]):
            one, two = self.text[a:b], self.text[c:d]
            if one != two:
                yield a, d, two + self.text[b:c] + one

    def _statements(self):
        """Statements dropped: each that is an expression, a break or a continue."""
        i, end = 0, len(self.words)
        while i < end:
            word = self.words[i]
            if word in ("if", "for", "while", "switch") and self.words[i + 1] == "(":
                i = self.close[i + 1] + 1
            elif word in ("{", "}", ";", "else", "do", ")"):
                i += 1
            elif word in ("case", "default"):
                while self.words[i] != ":":
                    i += 1
                i += 1
            else:
                last = self._end_of_statement(i)
                start, stop = self.tokens[i].start(), self.tokens[last].start()
                whole = self.text[start : stop + 1]
                if word not in ("return", "goto") and not DECLARATION.match(whole):
                    yield start, stop, ""
                i = last + 1

    def _end_of_statement(self, i):
        while i < len(self.words) - 1 and self.words[i] != ";":
            i = self.close.get(i, i) + 1
        return min(i, len(self.words) - 1)
