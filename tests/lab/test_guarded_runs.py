"""A run that is guarded says so, and what the guard changed; one that is not is as ever."""

import pytest

import pageengine as pe
from pageengine.lab import build
from pageengine.lab.scenario import Scenario

TEXT = """\
[host]
memory = "64 MiB"
policy = "esx6"

[run]
duration = "40 s"

[[vm]]
name = "web"
count = 3
size = "40 MiB"
guest = true
workload = {{ kind = "zipf", memory = "30 MiB", rate = 2000 }}
{guard}
"""


def run(tmp_path, guard):
    path = tmp_path / "guarded.toml"
    path.write_text(TEXT.format(guard=guard))
    return build.run(Scenario.load(path))


def test_a_guarded_run_counts_what_was_clipped_by_rule(tmp_path):
    result = run(tmp_path, '[guard]\nshrink = "1 MiB"\n')
    assert "shrink=1048576" in result.meta["guard"]
    assert result.meta["clips"]["rate"] > 0
    balloons = [result.of(name)["balloon_target"] for name in result.names]
    assert max(balloon.max() for balloon in balloons) > 0
    for balloon in balloons:  # no more than so much in any window of ten seconds
        assert all(balloon[i] - balloon[max(0, i - 9)] <= 2**20 for i in range(len(balloon)))


def test_without_a_guard_nothing_is_said_of_one(tmp_path):
    free = run(tmp_path, "")
    assert not {"guard", "clips"} & set(free.meta)
    assert max(free.of(name)["balloon_target"].max() for name in free.names) > 2**20


@pytest.mark.parametrize("wrong", [True, "on", {"shrink": 1}])
def test_a_guard_is_limits_or_none(wrong):
    with pe.Host("1 MiB") as host:
        with pytest.raises(TypeError, match="the guard takes Limits or None, got"):
            host.guard = wrong
        assert host.guard is None
