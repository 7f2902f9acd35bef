"""The mutation check itself: what it changes, what it throws away, and that a change is seen or
not. A store and one small file of Python, in seconds; the whole is a command (docs/adding.md).
"""

import dataclasses
import shutil
import sys

import pytest
import tree

MUTATION = tree.TESTS / "mutation"
C = """/* a + b */
#include "pe_base.h"
int f(int a, int b)
{
    pe_assert(a < 7);
    int c = a < b && a > 0 ? g(a, b) : 0;
    if (c == 1)
        c += 2;
    return c - b;
}
"""
PYTHON = '''
"""One and two."""
def f(a, b=1):
    """No 3."""
    if not 0 <= a < b:
        raise ValueError(f"{a + b}")
    self.x = max(a, b, key=len)
    return a and b
'''


@pytest.fixture(autouse=True)
def folder(monkeypatch):
    monkeypatch.syspath_prepend(str(MUTATION))


def lines(changes):
    return {(c.before, c.after) for c in changes}


def test_c_is_changed_where_it_does_something():
    import c_changes

    found = c_changes.changes("csrc/pe_a.c", C, tree.CSRC)
    assert {c.function for c in found} == {"f"} and {c.line for c in found} == {6, 7, 8, 9}
    whole = "int c = a < b && a > 0 ? g(a, b) : 0;"
    assert {
        (whole, whole.replace("a < b", "a <= b")),
        (whole, whole.replace("&&", "||")),
        (whole, "int c = a > 0 ? g(a, b) : 0;"),
        (whole, "int c = a < b ? g(a, b) : 0;"),
        (whole, whole.replace("g(a, b)", "g(b, a)")),
        ("if (c == 1)", "if (0)"),
        ("c += 2;", ";"),
        ("c += 2;", "c += 3;"),
        ("return c - b;", "return c ;"),
    } <= lines(found)
    assert len({c.id for c in found}) == len(found)
    for change in found:
        assert change.apply(C) != C


def test_python_is_changed_where_it_does_something():
    import python_changes

    found = python_changes.changes("a.py", PYTHON)
    assert {c.line for c in found} == {3, 5, 7, 8}
    assert {
        ("def f(a, b=1):", "def f(a, b=2):"),
        ("if not 0 <= a < b:", "if 0 <= a < b:"),
        ("if not 0 <= a < b:", "if not 0 < a < b:"),
        ("if not 0 <= a < b:", "if not 0 <= a <= b:"),
        ("if not 0 <= a < b:", "if True:"),
        ("self.x = max(a, b, key=len)", "pass"),
        ("self.x = max(a, b, key=len)", "self.x = min(a, b, key=len)"),
        ("self.x = max(a, b, key=len)", "self.x = max(a, b)"),
        ("return a and b", "return a or b"),
    } <= lines(found)


def test_a_change_keeps_its_name_when_lines_move():
    import c_changes

    moved = c_changes.changes("csrc/pe_a.c", C.replace("int f", "\n\nint f"), tree.CSRC)
    assert [c.id for c in moved] == [c.id for c in c_changes.changes("csrc/pe_a.c", C, tree.CSRC)]


def test_a_sample_is_of_every_file_and_the_same_for_a_seed():
    import run

    files = ["csrc/pe_pool.c", "csrc/pe_turns.c", "src/pageengine/control/direct_reclaim.py"]
    first = [c.id for c in run.in_turn(files, 1)]
    assert {c.file for c in run.in_turn(files, 1)[:15]} == set(files)
    assert first == [c.id for c in run.in_turn(files, 1)] != [c.id for c in run.in_turn(files, 2)]


def test_every_test_that_is_near_is_there_and_every_equivalent_change_too():
    import nearest
    import results
    import run

    for name in {name for names in nearest.C_TESTS.values() for name in names}:
        assert (tree.TESTS / "c" / f"test_pe_{name}.c").exists(), name
    for name in {name for names in nearest.PYTHON_TESTS.values() for name in names}:
        assert (tree.ROOT / name).exists(), name
    there = {change.key for name in nearest.FILES for change in run.changes_of(name)}
    gone = [key for key in results.equivalent() if key not in there]
    assert not gone, f"equivalent.toml names what is there no more: {gone}"
    assert all(len(why) > 20 for why in results.equivalent().values())


@pytest.mark.skipif(sys.platform != "linux", reason="C tests are run on Linux")
def test_changes_of_one_store_are_killed_or_told_to_be_none(tmp_path):
    import results
    import run
    from workshop import Workshop

    if not shutil.which("gcc"):
        pytest.skip("there is no C compiler")
    check = run.Check(results.Results(tmp_path / "r"), Workshop(folder=tmp_path / "shop"))
    found = {(c.before, c.after): c for c in run.changes_of("csrc/pe_pool.c")}
    statement = found["released += run;", "released -= run;"]
    end = statement.end + len(" run")
    for put in (";;", ""):
        text = (tree.ROOT / statement.file).read_text()
        whole = dataclasses.replace(statement, start=end, end=end + 1, put=put, nth=9)
        assert whole.apply(text) != text
        verdict = check.try_one(dataclasses.replace(whole, after=put))
        assert verdict["verdict"] == ("equal" if put else "invalid")
    for names in (("start = at;", ";"), ("released += run;", "released -= run;")):
        entry = check.try_one(found[names])
        assert entry["verdict"] == "killed" and "test_pe_pool.c" in entry["by"], entry
    kept = results.Results(tmp_path / "r")
    assert [e["verdict"] for e in kept.of.values()] == ["equal", "invalid", "killed", "killed"]
