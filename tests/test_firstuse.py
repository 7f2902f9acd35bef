"""At stake: a start that is slow again because one line imports half of the standard library, and a
name that is offered and not there. What an import loads is looked at in a Python of its own.
"""

import subprocess
import sys
import textwrap

import pytest

import pageengine as pe

# of the standard library, what takes longest to load, and is needed later or never
LATER = {
    "ctypes.util",
    "difflib",
    "hashlib",
    "importlib.metadata",
    "inspect",
    "json",
    "lzma",
    "pathlib",
    "random",
    "shutil",
    "subprocess",
    "tempfile",
    "urllib.parse",
}
OURS_LATER = {
    f"pageengine.{name}"
    for name in (
        "core.guest",
        "images",
        "inline.markup",
        "lab",
        "plumbing.embedding",
        "stores.libraries",
        "policy.esx",
        "policy.kvm",
        "policy.states",
        "policy.table",
        "report",
        "tokens",
        "traces",
    )
}


def printed(code):
    command = [sys.executable, "-c", textwrap.dedent(code)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


def test_an_import_loads_what_a_host_needs_and_no_more():
    loaded = printed("""
        import sys, numpy
        before = set(sys.modules)
        import pageengine
        print(*set(sys.modules) - before)
    """)
    assert "pageengine.host.host" in loaded
    assert not (LATER | OURS_LATER) & set(loaded)


def test_the_lab_loads_what_one_host_needs_and_no_more():
    loaded = printed("""
        import pageengine
        from pageengine.lab import Simulation, VMSpec
        import sys
        print(*sys.modules)
    """)
    later = {"pageengine.lab.fleet.fleet", "pageengine.demand.csv", "multiprocessing.queues"}
    assert "pageengine.lab.workloads.demand" in loaded and not later & set(loaded)


def test_what_is_loaded_later_is_there_when_it_is_asked_for():
    names = printed("""
        import pageengine as pe
        from pageengine import Guest, images, tokens, traces
        from pageengine.policy import ESX, POLICIES, find
        assert pe.Guest is Guest and pe.tokens is tokens and pe.policy.ESX is ESX
        assert pe.policy.states.rank("soft") == 2 and pe.lab.Simulation
        assert find("esx6").states == "esx6" and "kvm" in POLICIES
        with pe.Host("1 MiB", policy="kvm") as host:
            print(type(host.policy).__name__)
        print(*dir(pe))
    """)
    assert names[0] == "KVM" and set(pe.__all__) <= set(names)


@pytest.mark.parametrize("package", [pe, pe.policy, pe.lab])
def test_everything_that_is_offered_is_there_and_listed(package):
    for name in package.__all__:
        assert getattr(package, name) is not None
        assert name in dir(package)
    everything: dict = {}
    exec(f"from {package.__name__} import *", everything)
    assert set(package.__all__) <= set(everything)


def test_what_is_not_there_is_an_attribute_error_and_no_more():
    for package in (pe, pe.policy, pe.lab):
        for name in ("nothing", "_nothing", "__wrapped__"):
            with pytest.raises(AttributeError, match=f"{package.__name__!r} has no .*{name!r}"):
                getattr(package, name)
    with pytest.raises(ImportError, match="cannot import name 'nothing'"):
        exec("from pageengine import nothing")


def test_an_import_that_fails_within_a_module_is_not_taken_for_a_missing_name(tmp_path):
    folder = tmp_path / "offering"
    folder.mkdir()
    (folder / "broken.py").write_text("import no_such_module_at_all")
    (folder / "__init__.py").write_text(
        "from pageengine.plumbing.firstuse import at_first_use\n"
        "__all__ = ['broken']\n"
        "__getattr__, __dir__ = at_first_use(globals(), {'thing': 'broken'})\n"
    )
    sys.path.insert(0, str(tmp_path))
    try:
        import offering

        for name in ("broken", "thing"):
            with pytest.raises(ModuleNotFoundError, match="no_such_module_at_all"):
                getattr(offering, name)
    finally:
        sys.path.remove(str(tmp_path))
