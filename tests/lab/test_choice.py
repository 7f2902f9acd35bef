"""An option that is dropped gives the answer of another policy under the name of the one that was
asked for. What a policy takes, what it refuses and what is said to be left out is tried here.
"""

import sys

import pytest

from pageengine import policy as policies
from pageengine.cli import main
from pageengine.lab import build
from pageengine.lab.choice import choose, folder_of, parse
from pageengine.lab.scenario import Scenario, ScenarioError

DATA = {
    "host": {"memory": "24 MiB", "policy": "esx6"},
    "policy": {"idle_tax": 0.25, "margin": 0.2},
    "run": {"duration": "3 s"},
    "vm": [{"name": "a", "size": "16 MiB", "workload": {"kind": "idle"}}],
    "event": [{"at": 2, "set": "policy.idle_tax", "to": 0.5}],
}
MINE = '''\
class Mine:
    """Takes nothing."""

    def __init__(self, greed=1):
        self.greed = greed

    def decide(self, snapshot):
        from pageengine.policy import Plan

        return Plan()
'''


def test_the_files_policy_takes_the_files_options():
    choice = choose(Scenario(DATA))
    assert (choice.policy, choice.options) == ("esx6", {"idle_tax": 0.25, "margin": 0.2})
    assert not choice.left and len(choice.events) == 1


def test_another_policy_takes_those_that_it_has_and_the_rest_is_said():
    esx5 = choose(Scenario(DATA), "esx5")
    assert esx5.options == {"idle_tax": 0.25, "margin": 0.2} and not esx5.left
    kvm = choose(Scenario(DATA), "kvm")
    assert kvm.options == {} and kvm.events == ()
    assert kvm.left == (
        "kvm has no option 'idle_tax': the file's is left out",
        "kvm has no option 'margin': the file's is left out",
        "kvm has no option 'idle_tax': the event at 2 s is left out",
    )
    result = build.run(Scenario(DATA), policy="kvm")
    assert result.meta["left_out"] == list(kvm.left)
    assert "left_out" not in build.run(Scenario(DATA)).meta


def test_an_option_that_was_set_reaches_the_policy_that_was_chosen():
    changed = Scenario(DATA).changed("policy.idle_tax", 0.5)
    assert choose(changed, "esx5").make().idle_tax == 0.5
    assert "idle_tax=0.5" in build.run(changed, policy="esx5").meta["policy_options"]


def test_an_option_that_was_set_is_never_left_out():
    changed = Scenario(DATA).changed("policy.idle_tax", 0.5)
    with pytest.raises(ValueError, match="kvm has no option 'idle_tax'"):
        build.check(changed, "kvm")
    with pytest.raises(ValueError, match="is made already and takes no options: idle_tax"):
        build.check(changed, policies.Plain())


def test_options_of_its_own_come_with_the_name():
    assert parse("esx6:idle_tax=0:margin=0.5") == ("esx6", {"idle_tax": 0, "margin": 0.5})
    assert parse("my.module:Class:on=true") == ("my.module:Class", {"on": True})
    assert parse("./p.py:P:name='a:b'") == ("./p.py:P", {"name": "a:b"})
    assert choose(Scenario(DATA), "esx6:idle_tax=0").make().idle_tax == 0
    with pytest.raises(ValueError, match="the option a is given twice"):
        parse("p:a=1:a=2")
    with pytest.raises(ValueError, match="esx6 has no option 'idle_tacks': did you mean"):
        choose(Scenario(DATA), "esx6:idle_tacks=1").make()


def test_names_of_folders_are_plain():
    assert folder_of("./my policy.py:Mine:greed=2") == "my-policy.py-Mine-greed=2"


def test_an_event_that_the_files_own_policy_cannot_do_is_an_error():
    with pytest.raises(ScenarioError, match="no option 'idle_tax', which an event sets"):
        build.check(Scenario({**DATA, "host": {"memory": "24 MiB", "policy": "kvm"}, "policy": {}}))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "minepolicy.py").write_text(MINE)
    (tmp_path / "broken.py").write_text("class Broken\n")
    (tmp_path / "fails.py").write_text("1 / 0\n")
    (tmp_path / "lab.toml").write_text(
        '[host]\nmemory = "24 MiB"\n[run]\nduration = "3 s"\n[[vm]]\nname = "a"\n'
        'size = "16 MiB"\nworkload = { kind = "idle" }\n'
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [each for each in sys.path if each])
    yield tmp_path
    sys.modules.pop("minepolicy", None)


@pytest.mark.parametrize("name", ["minepolicy:Mine", "./minepolicy.py:Mine:greed=3"])
def test_a_policy_in_the_current_folder_is_found(folder, name, capsys):
    assert main(["run", "lab.toml", "--policy", name]) == 0
    assert f"under {name}" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("name", ["subprocess:Popen", "./fails.py:P", "minepolicy:Mine:greed=3"])
def test_a_scenario_file_runs_no_code(folder, name, capsys, monkeypatch):
    """A file of a stranger's is data: it is refused before anything is loaded."""
    for module in ("minepolicy", "fails"):  # as other tests may have left them
        monkeypatch.delitem(sys.modules, module, raising=False)
    path = folder / "lab.toml"
    path.write_text(path.read_text().replace('MiB"\n', f'MiB"\npolicy = "{name}"\n', 1))
    assert main(["run", "lab.toml"]) == 2
    err = capsys.readouterr().err
    assert "names code to run" in err and "lab.toml:3" in err and err.count("\n") == 1
    assert not {"minepolicy", "fails"} & set(sys.modules)


def test_code_that_is_named_by_hand_runs(folder):
    path = folder / "lab.toml"
    path.write_text(path.read_text().replace('MiB"\n', 'MiB"\npolicy = "minepolicy:Mine"\n', 1))
    assert main(["run", "lab.toml", "--policy", "minepolicy:Mine"]) == 0
    assert main(["run", "lab.toml", "--set", "host.policy=minepolicy:Mine"]) == 0
    assert build.run(Scenario.load(path, trusted=True)).meta["policy"] == "minepolicy:Mine"
    with pytest.raises(ScenarioError, match="names code to run"):
        build.run(Scenario.load(path))


@pytest.mark.parametrize(
    "name, says",
    [
        ("broken:Broken", "broken fails when it is loaded: SyntaxError"),
        ("./fails.py:P", "./fails.py fails when it is loaded: ZeroDivisionError: division by zero"),
        ("./none.py:P", "No such file"),
        ("minepolicy:Yours", "no attribute 'Yours'"),
        ("./minepolicy.py:Mine:gred=3", "has no option 'gred': did you mean 'greed'"),
    ],
)
def test_a_policy_that_cannot_be_loaded_is_one_line(folder, name, says, capsys):
    assert main(["run", "lab.toml", "--policy", name]) == 2
    err = capsys.readouterr().err
    assert says in err and err.count("\n") == 1
