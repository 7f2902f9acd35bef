"""At stake: what a learner learns. The environment keeps to Gymnasium's rules by its own checker;
an episode under constant knobs is the run that the lab makes with them, number for number, so that
a reward that looks good is a result that is; and what is wrong is said before anything runs.
"""

import math
import re
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

import pageengine as pe
from pageengine.lab import build, observation
from pageengine.lab.gym import BalloonsTold, LabEnv
from pageengine.lab.scenario import Scenario

VMS = ("busy", "idle")
TAX = {"idle_tax": (0.0, 0.95), "margin": (0.0, 0.5)}


def scenario(**run):
    """Two VMs of 16 MiB on 20 MiB for a quarter of a minute."""

    def vm(name, workload):
        return {"name": name, "size": "16 MiB", "guest": {"kernel": "1 MiB"}, "workload": workload}

    busy = {"kind": "zipf", "rate": 1500, "memory": "14 MiB", "alpha": 0.2}
    return Scenario(
        {
            "host": {"memory": "20 MiB", "policy": "esx6", "costs": "sata-ssd", "seed": 1},
            "run": {"duration": "15 s"} | run,
            "vm": [vm("busy", busy), vm("idle", {"kind": "idle"})],
        },
        source="small",
    )


@pytest.fixture
def gymnasium():
    return pytest.importorskip("gymnasium")


@pytest.fixture
def made(gymnasium):
    """Makes environments, and closes them."""
    envs = []

    def make(**options):
        envs.append(LabEnv(options.pop("scenario", scenario()), **{"period": 3.0} | options))
        return envs[-1]

    yield make
    for env in envs:
        env.close()


def episode(env, action, seed=4):
    """(observations, rewards, infos) of a whole one."""
    seen, info = env.reset(seed=seed)
    found = [(seen, None, info)]
    over = False
    while not over:
        seen, reward, terminated, over, info = env.step(action)
        assert not terminated
        found.append((seen, reward, info))
    return tuple(zip(*found, strict=True))


@pytest.mark.parametrize("knobs", [None, TAX], ids=["balloons", "knobs"])
def test_gymnasium_checks_it_and_has_nothing_to_say(gymnasium, knobs):
    from gymnasium.utils.env_checker import check_env

    env = gymnasium.make("pageengine/Lab-v0", scenario=scenario(), period=3.0, knobs=knobs)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env.unwrapped)
    env.close()
    assert env.unwrapped.metadata["render_modes"] == []


def test_constant_knobs_are_the_run_that_the_lab_makes_with_them(made):
    env = made(knobs=TAX)
    knobs = {"idle_tax": 0.35, "margin": 0.25}
    _, rewards, infos = episode(env, env.action(**knobs), seed=9)
    assert infos[-1]["knobs"] == knobs and infos[0]["seed"] == 9
    run = build.run(scenario(), policy="esx6:idle_tax=0.35:margin=0.25", seed=9)
    for table in ("host", "vms"):
        for key, column in getattr(run, table).items():
            assert np.array_equal(column, getattr(env.result, table)[key]), key
    assert env.result.meta["policy_options"] == run.meta["policy_options"]
    assert np.mean(rewards[1:]) == pytest.approx(-run.summary["stall"], rel=1e-12)
    assert run.summary["stall"] > 0.005, "nobody waits: the reward says nothing"
    other = build.run(scenario(), seed=9)
    assert other.summary["stall"] != run.summary["stall"], "the knobs do nothing"
    waited = {name: run.of(name)["stall"].mean() for name in VMS}
    for name in VMS:
        assert np.mean([i["stall"][name] for i in infos[1:]]) == pytest.approx(waited[name])


def test_the_same_seed_is_the_same_episode_and_another_is_not(made):
    env, action = made(), np.array([0.2, 0.9], np.float32)
    first, again, other = (episode(env, action, seed) for seed in (4, 4, 5))
    assert np.array_equal(first[0], again[0]) and first[1:] == again[1:]
    assert first[1] != other[1]
    drawn = [[env.reset(seed=s)[1]["seed"] for s in (4, None, None)] for _ in range(2)]
    assert drawn[0] == drawn[1] and drawn[0][0] == 4 and len(set(drawn[0])) == 3


def test_balloons_go_where_the_action_says_and_the_host_stays_whole(made):
    env = made(period=5.0, scenario=scenario(check_every=1))
    seen, _, _ = episode(env, [0.25, 0.75])
    last = dict(zip(env.columns, seen[-1].tolist(), strict=True))
    for name, part in (("busy", 0.25), ("idle", 0.75)):
        target = part * last[f"{name}.balloon_max"]
        assert last[f"{name}.balloon_target"] == pytest.approx(target, abs=1e-3)
        assert last[f"{name}.ballooned"] == pytest.approx(target, abs=1e-2)
    target = env.result.of("idle")["balloon_target"][-1] / (16 * 2**20)
    assert target == pytest.approx(last["idle.balloon_target"], abs=1e-6)
    env.reset(seed=1)
    for action in ([1.0, 1.0], [0.0, 0.0]):
        seen = env.step(action)[0]
        told = dict(zip(env.columns, seen.tolist(), strict=True))
        assert (told["idle.balloon_target"] > 0) == (action[1] > 0)


def test_a_last_step_that_is_shorter_is_a_step_and_after_it_there_is_none(made):
    env = made(period=10.0)
    seen, rewards, infos = episode(env, [0.0, 0.0])
    assert [info["time"] for info in infos] == [0.0, 10.0, 15.0]
    assert all(-1 <= reward <= 0 for reward in rewards[1:])
    assert (seen[0][len(observation.HOST_COLUMNS) :] == -1).all()
    assert len(env.result.host["time"]) == 15
    with pytest.raises(pe.errors.Closed, match=r"call reset\(\)"):
        env.step([0.0, 0.0])
    env.reset(seed=1)
    host = env._simulation.host
    env.close()
    env.close()
    with pytest.raises(pe.errors.Closed):
        host.stats  # noqa: B018


def test_a_vm_that_is_refused_waits_all_the_time_and_is_unknown(made):
    data = scenario().data
    data["host"] |= {"swap": "32 MiB", "reserve_swap": True}
    late = {"name": "late", "size": "16 MiB", "start": "4 s", "workload": {"kind": "idle"}}
    data["vm"].append(late)
    env = made(scenario=Scenario(data, source="small"))
    seen, rewards, infos = episode(env, [0.0, 0.0, 0.0])
    assert infos[-1]["stall"]["late"] == 1.0 and rewards[-1] < -1 / 3
    last = dict(zip(env.columns, seen[-1].tolist(), strict=True))
    assert {value for key, value in last.items() if key.startswith("late.")} == {-1.0}


def test_a_whole_knob_stays_whole_and_one_that_is_not_moved_keeps_its_policy(made):
    env = made(policy="kvm", knobs={"pages_to_scan": (10, 1000), "scale": (1.0, 100.0)})
    env.reset(seed=1)
    _, _, _, _, info = env.step([0.123, 0.5])
    assert info["knobs"] == {"pages_to_scan": 132, "scale": 50.5}
    policy = env._simulation.host.policy
    env.step([0.123, 0.5])
    assert env._simulation.host.policy is policy
    env.step([0.2, 0.5])
    assert env._simulation.host.policy is not policy


WRONG = [
    ({"policy": "kvm"}, ValueError, "nothing to decide"),
    ({"knobs": {"idle_tx": (0, 1)}}, ValueError, "no option 'idle_tx'.*did you mean 'idle_tax'"),
    ({"knobs": {"idle_tax": (0.0, 2.0)}}, ValueError, "idle_tax must be .* got 2.0"),
    ({"knobs": {"idle_tax": (0.5, 0.5)}}, ValueError, "must go up"),
    ({"knobs": {"idle_tax": (0.1, 0.2, 0.3)}}, ValueError, r"is \(lowest, highest\)"),
    ({"knobs": {}}, TypeError, r"must be \(lowest, highest\) by option"),
    ({"policy": "esx6:idle_tax=0", "knobs": TAX}, ValueError, "sets 'idle_tax', and so do actions"),
    ({"period": 2.5}, ValueError, "whole epochs of 1 s, got 2.5"),
    ({"period": 0}, ValueError, "period must be"),
    ({"render_mode": "human"}, ValueError, "render_mode must be None, got 'human'"),
    ({"scenario": "stats"}, FileNotFoundError, "states"),
    ({"scenario": "idle_tax"}, ValueError, "event sets an option"),
]


@pytest.mark.parametrize(("options", "kind", "says"), WRONG, ids=lambda value: str(value)[:30])
def test_what_is_wrong_is_said_before_anything_runs(made, options, kind, says):
    with pytest.raises(kind, match=says):
        made(**options)


@pytest.mark.parametrize(
    ("action", "kind", "says"),
    [
        ([0.5], ValueError, r"2 numbers, of busy, idle; got the shape \(1,\)"),
        ([0.5, 1.5], ValueError, "the action for 'idle' must be .* got 1.5"),
        ([math.nan, 0.5], ValueError, "the action for 'busy'"),
        (["a", "b"], TypeError, "of numbers"),
    ],
)
def test_an_action_that_is_wrong_does_nothing(made, action, kind, says):
    env = made()
    env.reset(seed=1)
    with pytest.raises(kind, match=says):
        env.step(action)
    assert env._simulation.host.time == 0


def test_what_reset_and_action_are_given_is_looked_at(made):
    env = made(knobs=TAX)
    with pytest.raises(ValueError, match="no options, got start"):
        env.reset(options={"start": 1})
    with pytest.raises(ValueError, match="seed must not be negative"):
        env.reset(seed=-1)
    with pytest.raises(ValueError, match="wrong or missing are margin, tax"):
        env.action(idle_tax=0.5, tax=1)
    with pytest.raises(ValueError, match="idle_tax must be"):
        env.action(idle_tax=0.96, margin=0.1)


def test_without_gymnasium_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(sys.modules[LabEnv.__module__], "spaces", None)
    with pytest.raises(pe.errors.PageEngineError, match=r'pip install "pageengine\[gym\]"'):
        LabEnv("states")


def test_balloons_that_are_told_ask_no_more_than_drivers_give():
    with pe.Host("8 MiB", contents="tokens", policy=BalloonsTold({"a": 1.0}, 5.0)) as host:
        for name, driver in (("a", True), ("b", True), ("none", False)):
            host.add_vm(name, "4 MiB", driver=driver, balloon_max="50%")
        host.balance()
        assert [vm.balloon_target for vm in host.vms.values()] == [2 * 2**20, 0, 0]


def test_the_example_of_the_page_runs(gymnasium, capsys):
    page = (Path(__file__).parents[2] / "docs" / "gym.md").read_text()
    names = {}
    exec(re.search(r"```python\n(.*?)```", page, re.DOTALL)[1], names)
    *steps, stall = capsys.readouterr().out.splitlines()
    rewards = [float(line.rpartition(" ")[2]) for line in steps]
    assert len(rewards) == 3 and np.mean(rewards) == pytest.approx(-float(stall), abs=1e-4)
    assert f"float32 [{len(observation.HOST_COLUMNS)} + {len(observation.VM_COLUMNS)} VMs]" in page
