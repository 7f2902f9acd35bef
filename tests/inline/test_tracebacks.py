"""At stake: the first error of a newcomer in a notebook. It shows his own line and the message, not
the inside of this package; a fault of his own policy is shown with its own lines; and whoever wants
every frame can have them.
"""

import re
import sys
import traceback

import pytest

import pageengine as pe
from pageengine.inline import tracebacks

MISSING = "import pageengine as pe\nhost = pe.Host('1 MiB')\nhost['web']\n"
WRONG = "import pageengine as pe\npe.Host('1 MiB', policy='esx7')\n"
POLICY = """import pageengine as pe
class Mine:
    def decide(self, snapshot):
        return 1 / 0
with pe.Host('1 MiB', policy=Mine()) as host:
    host.balance()
"""


def raised(code):
    """The error of a program, with the frames that a reader's notebook would have."""
    try:
        exec(compile(code, "<cell>", "exec"), {"__name__": "__main__"})
    except Exception as error:
        error.__traceback__ = error.__traceback__.tb_next  # without this file
        return error
    raise AssertionError("it should have failed")


def frames(trace):
    return [each.filename for each in traceback.extract_tb(trace)]


def test_frames_of_the_package_are_left_out_and_counted(monkeypatch):
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    error = raised(MISSING)
    assert len(frames(error.__traceback__)) > 1
    lines = error._render_traceback_()
    assert lines[0].startswith("Traceback") and lines[1].strip().startswith('File "<cell>", line 3')
    assert "there is no virtual machine 'web'" in "".join(lines)
    assert "host.py" not in "".join(lines) and "lock.pyx" not in "".join(lines)
    assert re.fullmatch(r"\(\d frames? of pageengine left out: .*\)", lines[-1])
    assert len(frames(error.__traceback__)) > 1  # and the error itself is as it was


def test_what_a_policy_of_ones_own_does_wrong_is_shown():
    error = raised(POLICY)
    trace, count = tracebacks.own(error.__traceback__)
    assert frames(trace) == ["<cell>", "<cell>"] and count > 0
    assert not tracebacks._ends_here(error.__traceback__)
    assert tracebacks._ends_here(raised(WRONG).__traceback__)


def test_an_error_that_was_never_raised_or_has_no_other_frames_is_shown():
    assert "no room" in "".join(pe.errors.CacheFull("no room")._render_traceback_())
    error = raised(MISSING)
    error.__traceback__ = error.__traceback__.tb_next
    assert "host.py" in "".join(error._render_traceback_())


@pytest.fixture
def shell():
    interactive = pytest.importorskip("IPython.core.interactiveshell").InteractiveShell
    made = interactive.instance()
    yield made
    interactive.clear_instance()


def said(shell, capsys, code):
    shell.run_cell(code)
    out, err = capsys.readouterr()
    return re.sub(r"\x1b\[[\d;]*m", "", out + err)


def test_ipython_shows_errors_of_the_package_in_short(shell, capsys):
    text = said(shell, capsys, MISSING)
    assert "host['web']" in text and "NoSuchVM: there is no virtual machine 'web'" in text
    assert "host.py" not in text and "of pageengine left out" in text
    assert "host.py" in said(shell, capsys, "import traceback; traceback.print_last()")


def test_with_the_extension_ipython_shows_bad_arguments_in_short_too(shell, capsys):
    assert "table.py" in said(shell, capsys, WRONG)
    said(shell, capsys, "%load_ext pageengine")
    text = said(shell, capsys, WRONG)
    assert "table.py" not in text and "did you mean 'esx6'" in text and "left out" in text
    text = said(shell, capsys, POLICY)
    assert "ZeroDivisionError" in text and "1 / 0" in text and "left out" not in text
    assert "ValueError: mine" in said(shell, capsys, "raise ValueError('mine')")
    said(shell, capsys, "%unload_ext pageengine")
    assert "table.py" in said(shell, capsys, WRONG)
