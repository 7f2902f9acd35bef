"""A half-written file under a final name is taken for a result. So there is one place that writes
files, ``plumbing.writing``; every other way to write one is looked for in the sources, and refused.
"""

import ast
import re

import pytest
import tree

#: What writes all the same, and why it may.
MAY = {
    "src/pageengine/plumbing/writing.py": "the one place",
    "src/pageengine/analysis/payload.py": "a program of its own, into the demo's own folder, read "
    "after it said that it is done",
    "src/pageengine/live/sources/files.py": "the kernel's knobs, which are files by name only",
    "src/pageengine/papers/tcg_guests.py": "what guests boot from, made in a folder of its own and "
    "moved when it is whole; zram's knobs",
}
WRITERS = {
    "write_text",
    "write_bytes",
    "tofile",
    "save",
    "savez",
    "savez_compressed",
    "savetxt",
    "to_parquet",
    "to_csv",
    "to_pickle",
    "to_excel",
    "to_feather",
    "memmap",
    "copyfile",
    "copy2",
    "copyfileobj",
    "copytree",
    "move",
    "replace",
    "rename",
    "renames",
    "link",
    "symlink",
    "mkstemp",
    "NamedTemporaryFile",
    "SpooledTemporaryFile",
    "truncate",
}
#: Methods of these names that write no file by its path.
OTHERS = {
    ("streams", "save"),
    ("made", "save"),
    ("simulation", "save"),
    ("report", "save"),
    ("page", "save"),
    ("result", "save"),
    ("file", "truncate"),
}
GIVEN_A_FILE = {"write_table": 1, "savefig": 0}  # which argument is the file
FLAGS = {"O_WRONLY", "O_RDWR", "O_CREAT", "O_APPEND", "O_TRUNC"}
SOURCES = [path for path in sorted(tree.PACKAGE.rglob("*.py")) if tree.name(path) not in MAY]


def name_of(node):
    return getattr(node, "attr", getattr(node, "id", ""))


def writes(call):
    """What of a call writes a file by its path; nothing, or words."""
    name = name_of(call.func)
    owner = name_of(getattr(call.func, "value", None))
    if call.args and name_of(call.args[0]) == "devnull":
        return ""
    if name in ("open", "fdopen") and owner != "files":
        modes = [
            each.value
            for each in (*call.args, *(k.value for k in call.keywords))
            if isinstance(each, ast.Constant) and isinstance(each.value, str)
        ]
        if any(re.fullmatch(r"[rwaxbtU+]{1,3}", m) and set(m) & set("wax+") for m in modes):
            return f"{name} to write"
        if FLAGS & {name_of(each) for arg in call.args for each in ast.walk(arg)}:
            return f"{name} to write"
    if name in WRITERS and (owner, name) not in OTHERS:
        on_text = name == "replace" and owner != "os"  # str.replace, dataclasses.replace
        return "" if on_text else f"{owner}.{name}"
    if name in GIVEN_A_FILE:
        where = call.args[GIVEN_A_FILE[name]]
        return "" if name_of(where) == "file" else f"{name} to {ast.unparse(where)}"
    return ""


@pytest.mark.parametrize("path", SOURCES, ids=tree.name)
def test_files_are_written_in_one_place(path):
    found = [
        f"{tree.name(path)}:{node.lineno}: {what}: write it with pageengine.plumbing.writing"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and (what := writes(node))
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("path", sorted(tree.PACKAGE.rglob("*.pyx")), ids=tree.name)
def test_extensions_write_no_file_by_its_path(path):
    text = path.read_text()
    assert not re.search(r"\bopen\([^)]*[\"'][rbt]*[wax+]|\.tofile\(|write_(text|bytes)\(", text)


@pytest.mark.parametrize(
    "line",
    [
        "open(p, 'w')",
        "open(p, mode='ab')",
        "p.open('x')",
        "os.open(p, os.O_WRONLY | os.O_CREAT)",
        "p.write_text(t)",
        "array.tofile(p)",
        "np.savez(p, a=1)",
        "figure.savefig(p)",
        "parquet.write_table(t, p)",
        "shutil.copyfile(a, b)",
        "os.replace(a, b)",
        "frame.to_csv(p)",
    ],
)
def test_the_contract_sees_every_way_to_write(line):
    assert writes(ast.parse(line).body[0].value)


def test_what_may_write_is_there():
    assert all((tree.ROOT / path).exists() for path in MAY)
