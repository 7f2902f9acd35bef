"""Benchmarks are run by people who have a wheel and a clone: what is measured must be what is
installed, what is not compared must be said, and a loss must be seen and named. A count that is not
the same twice, or a comparison that passes over a loss, is worse than none.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import commits
import compare
import hot_paths
import instructions
import peers
import pytest

import pageengine

ROOT = Path(__file__).parents[1]
BENCH = ROOT / "bench"


def counts(**instructions):
    paths = {name: {"unit": "page", "instructions": x} for name, x in instructions.items()}
    return {"tool": "valgrind-3", "python": "3.11.7", "numpy": "2.0", "paths": paths}


def compared(tmp_path, before, after, *more):
    for name, found in (("a", before), ("b", after)):
        (tmp_path / name).write_text(json.dumps(found))
    return compare.main([str(tmp_path / "a"), str(tmp_path / "b"), *more])


@pytest.mark.parametrize(
    ("now", "more", "status"),
    [(1049.0, (), 0), (1051.0, (), 1), (900.0, (), 0), (1051.0, ("--most", "6"), 0)],
)
def test_a_loss_of_more_than_5_percent_fails(tmp_path, now, more, status):
    before, after = counts(hash=1000.0, swap=50.0), counts(hash=now, swap=50.0)
    assert compared(tmp_path, before, after, *more) == status


def test_a_loss_is_named_with_both_figures_and_the_ratio(tmp_path, capsys):
    assert compared(tmp_path, counts(hash=1000.0, swap=50.0), counts(hash=1000.0, swap=55.0)) == 1
    said = capsys.readouterr().out.splitlines()[-1]
    assert said == (
        "swap: 50.0 instructions per page before, 55.0 now, 1.100 times as many (at most 1.05)"
    )


def test_a_path_that_is_not_counted_any_more_fails_and_a_new_one_does_not(tmp_path, capsys):
    before, after = counts(hash=10.0), counts(hash=10.0)
    after["paths"]["hash"] = {"missing": "ImportError: it is gone"}
    assert compared(tmp_path, before, after) == 1
    assert "it is gone" in capsys.readouterr().out.splitlines()[-1]
    assert compared(tmp_path, counts(hash=10.0), counts()) == 1
    assert compared(tmp_path, after, before) == 0


@pytest.mark.parametrize("key", ["tool", "python", "numpy"])
def test_counts_of_different_kinds_are_not_compared(tmp_path, capsys, key):
    assert compared(tmp_path, counts(hash=10.0), counts(hash=10.0) | {key: "another"}) == 2
    assert f"{key} was" in capsys.readouterr().out


def test_what_is_no_file_of_measurements_is_refused(tmp_path, capsys):
    assert compared(tmp_path, counts(), {"benchmarks": []}) == 2
    assert compared(tmp_path, counts(), []) == 2
    assert compare.main([str(tmp_path / "none"), str(tmp_path / "a")]) == 2
    assert "none" in capsys.readouterr().out


def test_ratios_of_two_runs_are_shown_and_fail_nothing(tmp_path, capsys):
    def run(*ratio):
        name = "bench/bench_hash.py::bench_hash_pages"
        return {"benchmarks": [{"fullname": name, "extra_info": {"ratio": ratio}}]}

    assert compared(tmp_path, run(1.0, 0.9, 1.1), run(0.5, 0.4, 0.6)) == 0
    line = capsys.readouterr().out.splitlines()[-1]
    assert re.search(
        r"bench_hash_pages +1\.00 \(0\.90-1\.10\) +0\.50 \(0\.40-0\.60\)  slower", line
    )
    compared(tmp_path, run(1.0, 0.9, 1.1), run(0.95, 0.9, 1.0))
    assert "slower" not in capsys.readouterr().out


@pytest.mark.parametrize("name", hot_paths.PATHS)
def test_every_hot_path_can_be_run(name):
    path = hot_paths.PATHS[name]
    turn = path.make()
    turn()
    turn()
    assert path.items > 0 and path.turns > 0


def test_what_perf_says_is_read_or_refused():
    told = "3512345;;instructions:u;412345;100.00;;\n"
    assert instructions.of_perf(told) == 3512345
    with pytest.raises(instructions.CannotCount, match="not supported"):
        instructions.of_perf("<not supported>;;instructions:u;0;100.00;;\n")


# both programs make the same arrays, and have names of one length: memory is laid out alike
MORE = """
import sys
sys.path.insert(0, {bench!r})
import hot_paths
path = hot_paths.PATHS["hash"]

def make():
    from pageengine.stores.hashing import hash_pages
    pages = hot_paths.made_pages()
    pages = hot_paths.np.concatenate([pages, pages[:26]])[: len(pages) + {more:2}]
    return lambda: hash_pages(pages)

hot_paths.PATHS["hash"] = path._replace(make=make)
hot_paths.main(sys.argv[1:])
"""


def program(path, more):
    path.write_text(MORE.format(bench=str(BENCH), more=more))
    return path


@pytest.mark.slow
def test_counts_are_the_same_twice_and_a_tenth_more_work_is_seen(tmp_path):
    if shutil.which("valgrind") is None:
        pytest.skip("needs valgrind")
    if os.environ.get("PAGEENGINE_SANITIZED"):
        pytest.skip("valgrind runs no program that a sanitizer is built into")
    package = Path(pageengine.__file__).parents[1]
    first, second = (
        instructions.counted(
            ["hash", "frames"], package=package, program=program(tmp_path / f"{more:02}.py", more)
        )
        for more in (0, 26)
    )
    assert all(row["spread"] < 0.001 for found in (first, second) for row in found.values())
    frames = [found["frames"]["instructions"] for found in (first, second)]
    assert frames[0] == pytest.approx(frames[1], rel=0.001)
    _, losses = compare.counts({"paths": first}, {"paths": second})
    assert len(losses) == 1 and losses[0].startswith("hash: ")
    assert 1.09 < second["hash"]["instructions"] / first["hash"]["instructions"] < 1.11


def test_a_release_is_what_a_commit_is_held_against_else_where_it_left_main(tmp_path, monkeypatch):
    if shutil.which("git") is None:
        pytest.skip("needs git")
    monkeypatch.setattr(commits, "ROOT", tmp_path)
    who = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]

    def commit(name):
        assert commits.git(*who, "commit", "--allow-empty", "-m", name)
        return commits.git("rev-parse", "HEAD")

    commits.git("init", "-b", "main")
    one, two = commit("one"), commit("two")
    assert commits.reference("HEAD") == (one, "the commit before it")
    commits.git("checkout", "-b", "branch")
    commit("three")
    commit("four")
    assert commits.reference("HEAD") == (two, "where it left main")
    commits.git("tag", "v0.2", one)
    commits.git("tag", "v0.3")  # its own tag is not what a release is held against
    assert commits.reference("HEAD") == ("v0.2", "the last release")


@pytest.mark.parametrize(("now", "status"), [(100.0, 0), (110.0, 1)])
def test_a_commit_that_lost_fails(tmp_path, monkeypatch, capsys, now, status):
    made = iter([counts(hash=100.0), counts(hash=now)])
    monkeypatch.setattr(commits, "built", lambda commit, folder: folder)
    monkeypatch.setattr(instructions, "version", lambda tool: "valgrind-3")
    monkeypatch.setattr(
        instructions,
        "measured",
        lambda names, tool, package, said: next(made) | {"package": {"from": str(package)}},
    )
    monkeypatch.setattr(
        sys, "argv", ["commits.py", "HEAD", "HEAD", "--folder", str(tmp_path / "kept")]
    )
    assert commits.main() == status
    assert ("hash: 100.0 instructions" in capsys.readouterr().out) == bool(status)
    assert json.loads((tmp_path / "kept" / "after.json").read_text())["paths"]


def test_peers_that_are_not_here_are_said_in_a_line_each(monkeypatch):
    gone = peers.Peer(peers.module("no_such_module", "no-such"), "nothing")
    monkeypatch.setattr(peers, "PEERS", {"gone": gone, "here": peers.Peer(lambda: "", "all")})
    peers.missing.cache_clear()
    try:
        assert peers.lines() == [
            "gone: not installed (pip install no-such); nothing not compared with it"
        ]
        peers.need("here")
        with pytest.raises(pytest.skip.Exception, match="gone: not installed"):
            peers.need("gone")
    finally:
        peers.missing.cache_clear()


def test_no_setting_puts_the_tree_before_what_is_installed():
    told = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert "src" not in told["tool"]["pytest"]["ini_options"]["pythonpath"]


@pytest.mark.slow
def test_what_is_measured_is_what_is_installed(tmp_path):
    """In a clone whose own sources cannot be imported."""
    pytest.importorskip("pytest_benchmark")
    (tmp_path / "src" / "pageengine").mkdir(parents=True)
    (tmp_path / "src" / "pageengine" / "__init__.py").write_text("raise ImportError('the tree')\n")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for folder in ("tests", "csrc"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    shutil.copytree(BENCH, tmp_path / "bench")
    package = Path(pageengine.__file__).parent
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--collect-only", "bench/"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f": {package}" in next(x for x in done.stdout.splitlines() if x.startswith("measured: "))


def test_the_page_explains_every_file_and_every_count():
    page = (BENCH / "README.md").read_text()
    files = [path.name for path in BENCH.glob("*.py") if path.name != "conftest.py"]
    assert [name for name in files if f"`{name}`" not in page] == []
    rows = dict(re.findall(r"^\| ([^|`]+?) \| ([^|]+?) \|", page, re.M))
    assert [name for name in hot_paths.PATHS if name not in rows] == []
    assert [n for n, path in hot_paths.PATHS.items() if path.unit != rows[n]] == []
