"""Scenario files, and one value of them changed as ``--set`` does. The first line is empty or
"key=value", the rest is the file. What is read is checked whole (VMs, workloads, contents,
costs, events, policy); it is right, or refused with a ScenarioError that names the file.
"""

from fuzz import scratch

from pageengine.errors import PageEngineError
from pageengine.lab import build, fields
from pageengine.lab.scenario import Scenario, ScenarioError

ROOM = 1 << 30  # larger hosts and VMs are not built here
DICTIONARY = tuple(
    word.encode()
    for word in (
        "[host]",
        "[[vm]]",
        "[[event]]",
        "[run]",
        "[policy]",
        "memory",
        "size",
        "count",
        "shares",
        "limit",
        "reservation",
        "workload",
        "kind",
        "rate",
        "then",
        "guest",
        "contents",
        "costs",
        "zipf",
        "toucher",
        "sequential",
        "heap",
        "fileserver",
        "boot",
        "clock",
        "program",
        "replay",
        "idle",
        "moving",
        "at",
        "set",
        "to",
        "start",
        "stop",
        "reboot",
        "duration",
        "epoch",
        "'64 MiB'",
        "'65%'",
        "'1 h 30 min'",
        "inf",
        "nan",
        "-1",
        "1e308",
        "true",
        "1979-05-27",
        "9223372036854775807",
        "{ kind = 'zipf' }",
        "balloon_max",
        "swap",
        "policy",
        "esx6",
        "kvm",
        "vm.a.size=",
        "host.memory=",
        "policy.idle_tax=",
        "vm.count=",
    )
)


def one(data):
    """One input: whether it is right. Raises what no scenario may lead to."""
    change, _, content = data.partition(b"\n")
    path = scratch.file(content, "scenario.toml")
    with scratch.in_time():
        try:
            scenario = Scenario.load(path)
            key, _, value = change.decode(errors="replace").partition("=")
            if key:
                scenario = scenario.changed(key, fields.value(value))
            if is_small(scenario):
                build.check(scenario)
        except ScenarioError as error:
            text = str(error)
            assert text and (change or str(path) in text), text
            return False
        except (ValueError, OSError, PageEngineError) as error:  # of a file that a workload names
            assert str(error), repr(error)
            return False
    return True


def is_small(scenario):
    """Whether building it is the work of a moment."""
    sizes = [entry["size"] for _, entry in scenario.vms]
    return scenario.host["memory"] <= ROOM and len(sizes) <= 64 and sum(sizes) <= ROOM


def seeds():
    """Small valid files, by name."""
    host = "[host]\nmemory = '16 MiB'\n"
    guest = "[[vm]]\nname = 'a'\nsize = '8 MiB'\n"
    made = {
        "least": f"\n{host}{guest}workload = {{ kind = 'idle' }}\n",
        "zipf": f"\n{host}seed = 3\npolicy = 'esx6'\n[policy]\nidle_tax = 0.5\n[run]\n"
        f"duration = '30 s'\nepoch = 0.5\n{guest}count = 3\nshares = 'high'\nreservation = '1 MiB'"
        "\nlimit = '4 MiB'\nworkload = { kind = 'zipf', rate = 1000 }\n",
        "guest": f"\n{host}compression = 'none'\nswap = '64 MiB'\ncosts = 'nvme'\n{guest}"
        "guest = { swap = '4 MiB' }\nworkload = { kind = 'fileserver' }\nballoon_max = '50%'\n",
        "events": f"\n{host}{guest}workload = {{ kind = 'idle' }}\nstart = 2\n[[event]]\nat = 5\n"
        "set = 'vm.a.shares'\nto = 'low'\n[[event]]\nat = 6\nstop = 'a'\n[[event]]\nat = 7\n"
        "start = 'a'\n[[event]]\nat = 8\nreboot = 'a'\n",
        "contents": f"\n{host}contents = 'bytes'\n{guest}contents = {{ zero = 0.1, common = 0.2 }}"
        "\nsalt = 's'\nworkload = { kind = 'sequential' }\n",
        "changed": f"vm.a.size=4 MiB\n{host}{guest}workload = {{ kind = 'idle' }}\n",
        "changed-many": f"vm.count=5\n{host}{guest}workload = {{ kind = 'heap' }}\n",
    }
    return {name: text.encode() for name, text in made.items()}
