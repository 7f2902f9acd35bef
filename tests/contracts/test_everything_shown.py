"""A name is no instruction. VMs, files, groups, policies and texts may be called anything, and
what is called so is shown by tables, errors, pages and pictures; nothing of it may reach a terminal
as a command, a page as markup, or `rich` and matplotlib as theirs.
"""

import ast
import itertools
import json
import os
import re
import subprocess
import sys
import unicodedata
import warnings
from xml.dom import minidom

import made_up
import numpy as np
import pytest
import test_every_reader as readers
import tree

from pageengine import report
from pageengine.cli import COMMANDS, main
from pageengine.cli.ending import status_of
from pageengine.plumbing.visible import on_page, visible

#: What may be in a name of a file, and does something: colour, title, C1, direction, line, markup.
HOSTILE = "\x1b[31mA\x1b]0;B\x07\x9b1mC\u202eD\u2028E\x7f[red]F:heart:<b>&$x$\udcff"
HARMLESS = {"Cc": "\n", "Cf": "", "Cs": "", "Zl": "", "Zp": ""}  # category -> what is right of it


def unseen(text):
    """Characters of a text that a terminal obeys, or shows nothing of."""
    return {each for each in text if each not in HARMLESS.get(unicodedata.category(each), each)}


def shown(capsys, *arguments):
    """What a command said on both streams, after looking at it."""
    status = main([str(each) for each in arguments])
    out, err = capsys.readouterr()
    assert not unseen(out) and not unseen(err), (unseen(out), unseen(err))
    assert "Traceback" not in err
    return status, out + err


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_what_cannot_be_seen_is_written_out():
    assert visible("plain, ä, 日本, a\u00a0b") == "plain, ä, 日本, a\u00a0b"
    assert visible("\x1b[1m\x9b\u202e\udcff\n") == r"\x1b[1m\x9b\u202e\udcff\n"
    assert visible("a\nb\t", lines=True) == "a\nb\\t"
    everything = "".join(map(chr, itertools.chain(range(0xD7FF), range(0xDC80, 0x11000))))
    assert not unseen(visible(everything).replace("\n", "?"))
    assert on_page("<i>'\"\x1b") == r"&lt;i&gt;&#x27;&quot;\x1b"


@pytest.mark.parametrize("name", COMMANDS)
def test_no_argument_that_is_wrong_reaches_the_terminal(name, capsys):
    assert shown(capsys, name, f"--{HOSTILE}")[0] == 2
    for given in ([HOSTILE], ["/" + HOSTILE, "-o", HOSTILE], [HOSTILE, "--memory", HOSTILE]):
        assert shown(capsys, name, *given)[0] == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "LAB", "--policy", HOSTILE],
        ["run", "LAB", "--set", f"{HOSTILE}=1"],
        ["run", "LAB", "--set", f"host.memory={HOSTILE}"],
        ["run", "LAB", "--max-time", HOSTILE],
        ["run", "LAB", "--policy", f"./{HOSTILE}.py:P"],
        ["run", "LAB", "-o", f"LAB/{HOSTILE}"],
        ["compare", "LAB", "--policy", "kvm", "--policy", f"esx6:{HOSTILE}=1"],
        ["advise", "LAB", "--slo", HOSTILE, "--vary", "vm.count"],
        ["advise", "LAB", "--slo", "stall < 2%", "--vary", f"vm.{HOSTILE}.size"],
        ["sweep", "LAB", "--vary", f"{HOSTILE}=1", "-o", "x"],
        ["paper", HOSTILE],
        ["policies", HOSTILE],
        ["policies", f"{HOSTILE}:x"],
        ["docs", HOSTILE],
        ["examples", HOSTILE],
        ["scan", "IMAGE", "--codec", HOSTILE],
        ["scan", "--group", HOSTILE],
        ["scan", "/proc/" + HOSTILE],
        ["overcommit", "IMAGE", "--memory", "50%", "--swap-dir", "/" + HOSTILE],
    ],
)
def test_no_value_that_is_wrong_reaches_the_terminal(arguments, capsys, tmp_path):
    (tmp_path / "lab.toml").write_text(readers.SCENARIO)
    readers.READERS["image raw"].make(tmp_path)
    words = {"LAB": str(tmp_path / "lab.toml"), "IMAGE": str(tmp_path / "sample.raw")}
    for word, path in words.items():
        arguments = [each.replace(word, path) for each in arguments]
    status, said = shown(capsys, *arguments)
    assert status == 2 and said


@pytest.mark.parametrize("name", readers.READERS)
def test_no_file_that_is_wrong_reaches_the_terminal(name, capsys, tmp_path):
    """Every error of every reader, of a file of a hostile name and with hostile content."""
    plain = tmp_path / "plain"
    plain.mkdir()
    path = readers.READERS[name].make(plain)
    folder = plain.rename(tmp_path / HOSTILE)
    path = folder / path.relative_to(plain)
    content = path.read_bytes()
    assert readers.read(name, path) is None, "a name is no damage"
    path.write_bytes(readers.GARBAGE["escape"] + content[:500])
    status = status_of(lambda: readers.READERS[name].read(path) or 0)
    out, err = capsys.readouterr()
    assert not unseen(out + err) and "Traceback" not in err
    reads_on = (*readers.ANY, "policy", "demand bitbrains", "demand domstats")  # some count lines
    assert (status == 2 and r"\x1b[31m" in err) or name in reads_on


def test_what_was_passed_over_in_demand_is_shown_as_it_is(capsys, tmp_path):
    path = tmp_path / f"{HOSTILE}.csv"
    path.write_text("time,vm,size,used\n0,\x1b[31ma,1,2\n60,\x1b[31ma,1,1\n")
    status, said = shown(capsys, "demand", path)
    assert status == 0 and "above size" in said and r"\x1b[31ma" in said


def test_names_of_what_is_read_are_shown_as_they_are(capsys, tmp_path):
    image = tmp_path / f"{HOSTILE}.raw"
    image.write_bytes(np.random.default_rng(1).integers(0, 9, 1 << 16).astype(np.uint8).tobytes())
    other = tmp_path / "b.raw"
    other.write_bytes(image.read_bytes())
    status, said = shown(
        capsys,
        "scan",
        image,
        other,
        "--group",
        f"{HOSTILE}={image}",
        "--group",
        f"b={other}",
        "--profile",
        f"{HOSTILE}.json",
    )
    joined = re.sub(r"\s", "", said)  # tables fold
    assert status == 0 and r"\x1b[31mA" in joined and "[red]F:heart:" in joined
    status, said = shown(capsys, "overcommit", image, other, "--memory", "50%")
    assert status == 0 and "[red]F:heart:" in re.sub(r"\s", "", said)
    assert shown(capsys, "scan", "--json", image)[0] == 0


def test_texts_of_a_scenario_are_shown_as_they_are(capsys, tmp_path):
    name = json.dumps(HOSTILE.replace("\udcff", "")).replace("\x7f", r"\u007f")
    text = f"name = {name}\ndescription = {name}\n" + readers.SCENARIO
    (tmp_path / "lab.toml").write_text(text)
    policy = tmp_path / "[red]p.py"
    policy.write_text(
        '"""x"""\nfrom pageengine.policy import ESX\nclass P(ESX):\n    """\x1b[31m [red] P."""\n'
    )
    chosen = ["--policy", "esx6", "--policy", f"{policy}:P"]
    status, said = shown(capsys, "compare", "lab.toml", *chosen)
    assert status == 0 and "[red]" in said
    assert shown(capsys, "policies", f"{policy}:P")[0] == 0


def test_warnings_are_lines_like_any_other(capsys):
    def warn():
        warnings.warn(f"{HOSTILE}\nnext", UserWarning, stacklevel=1)
        return 0

    assert status_of(warn) == 0
    err = capsys.readouterr().err
    assert err.startswith("pageengine: warning: \\x1b[31m") and err.count("\n") == 1


@pytest.mark.filterwarnings("always")
def test_what_is_deprecated_is_not_told_to_who_runs_a_command(capsys):
    assert status_of(lambda: warnings.warn("x", DeprecationWarning, stacklevel=1) or 0) == 0
    assert not capsys.readouterr().err


def test_a_fault_of_the_program_is_shown_and_obeys_no_name(capsys):
    def fail():
        raise KeyError(HOSTILE) from RuntimeError(HOSTILE)

    assert status_of(fail) == 70
    err = capsys.readouterr().err
    assert "Traceback" in err and not unseen(err)


@pytest.mark.slow
@pytest.mark.skipif(not report.available(), reason="needs matplotlib")
def test_pages_and_pictures_show_names_and_no_more():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of letters that the font has not
        result = made_up.result(seconds=60, vms=(HOSTILE, "b"), policy=HOSTILE)
        result.meta |= {"name": HOSTILE, "description": HOSTILE, "partial": HOSTILE}
        result.events.append({"time": 1, "what": HOSTILE, "vm": HOSTILE})
        for page in (report.page(result), result._repr_html_()):
            assert not unseen(page) and "<b>&" not in page and "&lt;b&gt;&amp;" in page
        for name in ("vms", "stall"):
            svg = report.picture(name, result, format="svg").decode()
            minidom.parseString(svg)
            assert not unseen(svg)


def test_a_terminal_that_has_not_the_letters_gets_them_written_out(tmp_path):
    (tmp_path / "é[red].raw").write_bytes(bytes(8192))
    for locale in (
        {"PYTHONIOENCODING": "ascii"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    ):
        done = subprocess.run(
            [sys.executable, "-m", "pageengine", "scan", "é[red].raw"],
            cwd=tmp_path,
            env={**os.environ, **locale},
            capture_output=True,
        )
        assert (done.returncode, done.stderr) == (0, b"") and done.stdout.isascii()
        assert b"[re" in done.stdout  # the rest may be on a second line


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize(
    "arguments", [["--help"], ["policies"], ["policies", "--json"], ["docs", "cli"]]
)
def test_output_that_cannot_be_written_is_said_or_given_up(arguments):
    command = [sys.executable, "-m", "pageengine", *arguments]
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 74
    assert done.stderr == "pageengine: standard output: No space left on device\n"
    closed = subprocess.run(["sh", "-c", '"$@" >&- 2>&- <&-', "sh", *command])
    assert closed.returncode == 0


def test_one_place_prints():
    """Whatever else printed would print names as they are."""
    may = {
        "cli/console.py": "the one place",
        "plumbing/startup.py": "opens streams",
        "cli/__init__.py": "argparse is told where help goes",
        "analysis/payload.py": "talks to its parent",
    }
    found = []
    for path in sorted(tree.PACKAGE.rglob("*.py")):
        if path.relative_to(tree.PACKAGE).as_posix() in may:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            called = isinstance(node, ast.Call) and getattr(node.func, "id", "") == "print"
            stream = (
                isinstance(node, ast.Attribute)
                and node.attr in ("stdout", "stderr")
                and (getattr(node.value, "id", "") == "sys")
            )
            rich = isinstance(node, ast.ImportFrom) and (node.module or "").startswith("rich")
            if called or stream or rich:
                found.append(f"{tree.name(path)}:{node.lineno}")
    assert not found, f"these print by themselves: {found}"
