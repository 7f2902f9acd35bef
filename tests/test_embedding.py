"""At stake: authors of other simulators copy the loop of docs/embedding.md and believe its table of
statuses. The loop is run as it stands, must print what the page says, and must not depend on its
step or on the order of the names; every status of the table is met, or named by the core.
"""

import re
from pathlib import Path

import numpy as np
import pytest

import pageengine as pe
from pageengine.core.status import STATUS_NAMES
from pageengine.policy import Plain, Plan

PAGE = (Path(__file__).parents[1] / "docs" / "embedding.md").read_text()
LOOP, TASKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)[:2]
SAID = re.search(r"It prints\n\n```\n(.*?)```", PAGE, re.DOTALL)[1]
TABLE = re.findall(r"^\| `(PE_\w+)` \|", PAGE, re.MULTILINE)


def waited(text):
    return {name: float(part) for name, part in re.findall(r"(\w+) .*waited (\S+) %", text)}


def run(capsys, code):
    exec(code, {})
    return capsys.readouterr().out


def changed(old, new):
    assert LOOP.count(old) == 1
    return LOOP.replace(old, new)


@pytest.mark.slow
def test_the_loop_prints_what_the_page_says(capsys):
    assert run(capsys, LOOP) == SAID
    assert len(waited(SAID)) == 3 and min(waited(SAID).values()) > 0.5  # memory is short in it


@pytest.mark.slow
@pytest.mark.parametrize(
    "code",
    [
        changed("STEP, RATE, BATCH = 0.1", "STEP, RATE, BATCH = 0.4"),
        changed("STEP, RATE, BATCH = 0.1", "STEP, RATE, BATCH = 0.05"),
        changed('names = ("web", "db", "batch")', 'names = ("batch", "db", "web")'),
    ],
    ids=["long steps", "short steps", "other order"],
)
def test_neither_the_step_nor_the_order_changes_what_vms_wait(capsys, code):
    for name, part in waited(run(capsys, code)).items():
        assert part == pytest.approx(waited(SAID)[name], abs=0.4)


def small(code, seconds):
    """The same on 1/16 of the memory, whose VMs leave every count behind."""
    for old, new in (("1 GiB", "64 MiB"), ("512 MiB", "32 MiB"), ("60", str(seconds))):
        assert code.count(old) == 1
        code = code.replace(old, new)
    last = "    host.check(deep=True)\n"
    assert code.endswith(last)
    return code + "    counts = {vm.vm.name: (vm.done, vm.ran, vm.vm.events()) for vm in vms}\n"


def test_tasks_of_asyncio_count_what_the_loop_counts(capsys):
    names = {}
    exec(small(LOOP, 3), names)
    loop = names.pop("counts")
    exec(small(TASKS, 3), names)
    assert names["counts"] == loop and set(loop) == {"web", "db", "batch"}
    assert min(
        events["decompressions"] + events["swap_in"] + events["swap_out"]
        for *_, events in loop.values()
    )
    assert capsys.readouterr().out.splitlines()[-1] == str(
        {n: done for n, (done, *_) in loop.items()}
    )


@pytest.mark.slow
def test_the_tasks_print_what_the_page_says(capsys):
    names = {}
    exec(LOOP.partition("with pe.Host")[0] + 'names = ("web", "db", "batch")', names)
    exec(TASKS, names)
    assert f"It prints `{capsys.readouterr().out.strip()}`." in PAGE


def test_the_table_names_statuses_that_there_are():
    assert len(TABLE) == len(set(TABLE)) == 6 and set(TABLE) <= set(STATUS_NAMES.values())


class Counting(Plain):
    """Counts how often it is asked, and wins nothing."""

    asked = 0

    def decide(self, snapshot):
        self.asked += 1
        return Plan(again=1000.0)


def test_what_the_table_says_of_a_refused_access():
    policy = Counting()
    with pe.Host("1 MiB", contents="tokens", policy=policy, sharing=False) as host:
        vm = host.add_vm("a", "2 MiB")
        host.advance(1.0)
        before = policy.asked
        host.advance(1.0)
        assert policy.asked == before  # it is not due for long
        done, status, faults = vm.try_write(np.arange(512), np.arange(1, 513, dtype=np.uint64) << 8)
        assert status == "PE_NO_FRAME" and 0 < done < 512 and faults.accesses == done
        assert policy.asked == before  # a try asks nobody
        host.advance(0.1)
        assert policy.asked == before + 1  # the next advance does
        host.reclaim(vm, 64, "swap")
        again, status, _ = vm.try_touch(np.arange(done, done + 32), True)
        assert (again, status) == (32, "PE_OK")
        vm.block()
        assert vm.try_touch([0])[:2] == (0, "PE_BLOCKED")
        vm.block(False)
        assert vm.try_read([0])[:2] == (1, "PE_OK")


def test_a_try_leaves_the_reserve_and_a_touch_takes_it():
    with pe.Host("1 MiB", contents="tokens", sharing=False, swap=0, compression=None) as host:
        vm = host.add_vm("a", "2 MiB")
        done, status, _ = vm.try_touch(np.arange(512), True)
        left = host.stats.free // 4096
        assert status == "PE_NO_FRAME" and left > 0
        with pytest.raises(pe.errors.OutOfFrames) as error:
            vm.touch(np.arange(done, 512), True)
        assert error.value.done == left and host.stats.free == 0
