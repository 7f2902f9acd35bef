"""A name that means two things has to be looked up each time: no class of the package is called as
another is.
"""

import ast
from collections import defaultdict

import tree


def test_no_two_classes_have_one_name():
    found = defaultdict(list)
    for path in sorted(tree.PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                found[node.name].append(f"{tree.name(path)}:{node.lineno}")
    assert {name: where for name, where in found.items() if len(where) > 1} == {}
