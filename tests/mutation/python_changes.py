"""Small changes of Python: the same slips of the hand as in C, on the syntax tree.

What is only said, not done, is left alone: docstrings, annotations, messages of errors, __repr__.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from change import Change, named

COMPARE = {
    ast.Lt: "<=",
    ast.LtE: "<",
    ast.Gt: ">=",
    ast.GtE: ">",
    ast.Eq: "!=",
    ast.NotEq: "==",
    ast.Is: "is not",
    ast.IsNot: "is",
    ast.In: "not in",
    ast.NotIn: "in",
}
BINARY = {
    ast.Add: "-",
    ast.Sub: "+",
    ast.Mult: "/",
    ast.Div: "*",
    ast.FloorDiv: "*",
    ast.Mod: "//",
    ast.BitAnd: "|",
    ast.BitOr: "&",
    ast.Pow: "*",
}
NAMES = {
    "max": "min",
    "min": "max",
    "maximum": "minimum",
    "minimum": "maximum",
    "any": "all",
    "all": "any",
    "floor": "ceil",
    "ceil": "floor",
    "sum": "max",
    "False": "True",
}
SYMMETRIC = {"max", "min", "maximum", "minimum"}
SILENT = (ast.Raise, ast.Assert, ast.JoinedStr, ast.Import, ast.ImportFrom)


def changes(path: str, text: str) -> list[Change]:
    seen = _Walk(text)
    seen.visit_body(ast.parse(text), "<module>")
    return named(text, [Change(path, *found) for found in seen.found])


class _Walk:
    def __init__(self, text):
        self.text = text
        self.found: list[tuple[str, int, int, str]] = []
        self._lines = [0]
        for line in text.splitlines(keepends=True):
            self._lines.append(self._lines[-1] + len(line))
        self._split = text.splitlines(keepends=True)

    def _at(self, line, column):
        return self._lines[line - 1] + len(
            self._split[line - 1].encode()[:column].decode()
        )  # columns of ast count bytes

    def span(self, node):
        return (
            self._at(node.lineno, node.col_offset),
            self._at(node.end_lineno, node.end_col_offset),
        )

    def source(self, node):
        start, end = self.span(node)
        return self.text[start:end]

    def visit_body(self, node, where):
        self._assigned = getattr(self, "_assigned", set())
        for child in ast.iter_child_nodes(node):
            self.visit(child, where)

    def visit(self, node, where):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            name = node.name if where == "<module>" else f"{where}.{node.name}"
            if node.name == "__repr__":
                return
            if isinstance(node, ast.FunctionDef):
                before = self._assigned
                self._assigned = {a.arg for a in node.args.args + node.args.kwonlyargs}
                for default in [*node.args.defaults, *filter(None, node.args.kw_defaults)]:
                    self.visit(default, name)
                for part in node.body:
                    self.visit(part, name)
                self._assigned = before
                return
            for part in node.body:
                self.visit(part, name)
            return
        if isinstance(node, SILENT):
            return
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            return
        for start, end, put in self._of(node):
            self.found.append((where, start, end, put))
        for name, child in ast.iter_fields(node):
            if name in ("annotation", "returns", "decorator_list"):
                continue
            for part in child if isinstance(child, list) else [child]:
                if isinstance(part, ast.AST):
                    self.visit(part, where)

    def _of(self, node) -> Iterator[tuple[int, int, str]]:
        kind = type(node).__name__
        method = getattr(self, f"_of_{kind}", None)
        if method:
            yield from method(node)

    def _of_Compare(self, node):
        left = node.left
        for op, right in zip(node.ops, node.comparators, strict=True):
            yield from self._between(left, right, COMPARE.get(type(op)))
            left = right

    def _between(self, left, right, put):
        """The operator between two operands becomes another; what is not an operator is kept."""
        if put is None:
            return
        start, end = self.span(left)[1], self.span(right)[0]
        gap = self.text[start:end]
        operator = re.search(r"is not|not in|is|in|[<>=!]=|//|\*\*|[<>+\-*/%&|]", gap)
        if operator:
            yield start + operator.start(), start + operator.end(), put

    def _of_BoolOp(self, node):
        values = node.values
        put = "or" if isinstance(node.op, ast.And) else "and"
        for a, b in zip(values, values[1:]):
            start, end = self.span(a)[1], self.span(b)[0]
            word = re.search(r"\b(and|or)\b", self.text[start:end])
            if word:
                yield start + word.start(), start + word.end(), put
        for i in range(len(values)):
            kept = [self._inside(v, node) for k, v in enumerate(values) if k != i]
            word = " and " if isinstance(node.op, ast.And) else " or "
            yield (*self.span(node), f"({word.join(kept)})")

    def _inside(self, value, node):
        return f"({self.source(value)})"

    def _of_UnaryOp(self, node):
        start = self.span(node)[0]
        yield start, start + (3 if isinstance(node.op, ast.Not) else 1), ""

    def _of_BinOp(self, node):
        if isinstance(node.left, ast.Constant) and isinstance(node.left.value, str):
            return
        yield from self._between(node.left, node.right, BINARY.get(type(node.op)))
        if isinstance(node.op, ast.Add | ast.Sub):
            yield (*self.span(node), f"({self.source(node.left)})")

    def _of_AugAssign(self, node):
        put = BINARY.get(type(node.op))
        start, end = self.span(node.target)[1], self.span(node.value)[0]
        operator = re.search(r"(//|\*\*|[+\-*/%&|])=", self.text[start:end])
        if put and operator:
            yield start + operator.start(), start + operator.end(), put + "="
            yield start + operator.start(), start + operator.end(), "="
        yield (*self.span(node), "pass")

    def _of_Constant(self, node):
        value = node.value
        if value is True or value is False:
            yield (*self.span(node), str(not value))
        elif isinstance(value, int):
            yield (*self.span(node), str(value + 1))
            if value > 0:
                yield (*self.span(node), str(value - 1))
        elif isinstance(value, float):
            yield (*self.span(node), repr(value * 2 if value else 1.0))

    def _of_Expr(self, node):
        if isinstance(node.value, ast.Call):
            yield (*self.span(node), "pass")

    def _of_Assign(self, node):
        target = node.targets[0]
        again = isinstance(target, ast.Name) and target.id in self._assigned
        if isinstance(target, ast.Name):
            self._assigned.add(target.id)
        if again or isinstance(target, ast.Attribute | ast.Subscript):
            yield (*self.span(node), "pass")

    def _of_If(self, node):
        yield (*self.span(node.test), "True")
        yield (*self.span(node.test), "False")

    _of_IfExp = _of_If

    def _of_comprehension(self, node):
        for test in node.ifs:
            yield (*self.span(test), "True")

    def _of_Call(self, node):
        called = getattr(node.func, "id", getattr(node.func, "attr", ""))
        for a, b in [] if called in SYMMETRIC else zip(node.args, node.args[1:]):
            one, two = self.source(a), self.source(b)
            if one != two and not isinstance(a, ast.Starred) and not isinstance(b, ast.Starred):
                start, end = self.span(a)[0], self.span(b)[1]
                yield start, end, two + self.text[self.span(a)[1] : self.span(b)[0]] + one
        yield from self._without_keyword(node)

    def _without_keyword(self, node):
        for keyword in node.keywords:
            start, end = self.span(keyword)
            comma = re.match(r"\s*,[ \t]*", self.text[end:])
            if keyword.arg and comma:
                yield start, end + comma.end(), ""
            elif keyword.arg and node.args:
                comma = re.search(r",\s*$", self.text[:start])
                yield comma.start() if comma else start, end, ""

    def _of_Name(self, node):
        if node.id in NAMES:
            yield (*self.span(node), NAMES[node.id])

    def _of_Attribute(self, node):
        if node.attr in NAMES:
            end = self.span(node)[1]
            yield end - len(node.attr), end, NAMES[node.attr]

    def _of_Tuple(self, node):
        """A table with an entry less."""
        plain = all(isinstance(e, ast.Constant | ast.Tuple) for e in node.elts)
        if len(node.elts) < 2 or not plain:
            return
        for element in node.elts:
            start, end = self.span(element)
            comma = re.match(r"\s*,[ \t]*", self.text[end:])
            if comma:
                yield start, end + comma.end(), ""

    _of_Set = _of_List = _of_Tuple

    def _of_Return(self, node):
        if node.value is None:
            yield (*self.span(node), "pass")

    def _of_Continue(self, node):
        yield (*self.span(node), "pass")

    def _of_Break(self, node):
        yield (*self.span(node), "pass")
