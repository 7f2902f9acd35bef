"""The doctor must find what is wrong and say nothing of what is not: an operator who is sent after
ghosts stops reading. A host and guests of which all is well are made up as files and readings; one
thing at a time is spoilt, and exactly the finding about that must come of it.
"""

import asyncio
import json
import os

import made_seen
import pytest
from made_seen import MIB

from pageengine.errors import LiveError
from pageengine.live import findings
from pageengine.live.evidence import gather
from pageengine.live.findings import GROUPS, LEVELS, findings_of, line_of
from pageengine.live.guests.qemu import Facts
from pageengine.live.settings import GuestSettings
from pageengine.live.sources import HostReader
from pageengine.live.watch import Watch
from pageengine.policy.base import GuestView

GIB = 2**30
SMAPS = """\
7f0000000000-7f0040000000 {rights} 00000000 00:00 {inode}
Rss:             {rss} kB
AnonHugePages:   {huge} kB
Private_Hugetlb: {hugetlb} kB
VmFlags: rd wr mr mw me ac {flags}
"""
PLAIN = {"rights": "rw-p", "inode": 0, "rss": 800 << 10, "huge": 0, "hugetlb": 0, "flags": "mg"}
WELL = {
    "proc/meminfo": "MemTotal: 8388608 kB\nMemFree: 900000 kB\nMemAvailable: 4000000 kB\n"
    "SwapTotal: 4194304 kB\nSwapFree: 4000000 kB\n",
    "proc/pressure/cpu": "some avg10=0.00 avg60=0.00 avg300=0.00 total=100\n",
    "proc/pressure/memory": "some avg10=0.00 avg60=0.00 avg300=0.00 total=1\n"
    "full avg10=0.00 avg60=0.00 avg300=0.00 total=1\n",
    "sys/kernel/mm/ksm/run": "1\n",
    "sys/kernel/mm/ksm/pages_to_scan": "1000\n",
    "sys/kernel/mm/ksm/sleep_millisecs": "20\n",
    "proc/1/comm": "systemd\n",
    "proc/1/cmdline": "/sbin/init\0",
    "proc/1000/smaps": SMAPS.format(**PLAIN),
}
FACTS = {
    "device": "/machine/peripheral/balloon0",
    "period": 2,
    "deflate_on_oom": True,
    "report_free": True,
    "merge": True,
    "shared": False,
    "huge": 0,
    "pid": 1000,
}


class Guest:
    """A guest of which all is well, but for what a test says."""

    techniques = ("balloon",)
    reading, started, error = {}, {}, None

    async def look(self):
        if self.error:
            raise LiveError(self.error)
        return made_seen.guest(**self.reading)

    def learn_of(self, before):
        pass

    async def facts(self):
        if self.started is None:
            raise LiveError("it cannot be asked")
        return Facts(**{**FACTS, **self.started})

    async def close(self):
        pass


def examined(tmp_path, files=(), kind="qemu", holders=(), governor="", settings=(), **guest):
    """What is found about a host of these files and one guest called web."""
    for name, text in {**WELL, **dict(files)}.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if text is not None:
            path.write_text(text)
    one = GuestSettings(name="web", kind=kind, at="/run/web.qmp", **dict(settings))
    made = Guest()
    vars(made).update(guest)

    async def run():
        watch = Watch([one], host=HostReader(tmp_path).read, guest_of=lambda settings: made)
        try:
            return await gather(watch, tmp_path, lambda path: list(holders), governor)
        finally:
            await watch.close()

    return findings_of(asyncio.run(run()))


def smaps(**changes):
    return {"proc/1000/smaps": SMAPS.format(**{**PLAIN, **changes})}


def program(name, *command):
    return {"proc/77/comm": f"{name[:15]}\n", "proc/77/cmdline": "\0".join([*command, ""])}


KSM = "sys/kernel/mm/ksm/"
NO_SWAP = "MemTotal: {} kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n"
CASES = {
    "governor.lock": {"governor": "process 12"},
    "governor.daemon": {"files": program("ksmtuned", "/bin/bash", "/usr/sbin/ksmtuned")},
    "governor.daemon, script": {"files": program("python3", "python3", "/run/balloon.py")},
    "governor.daemon, by name": {"files": program("pvestatd", "pvestatd: waiting")},
    "governor.daemon, interpreter": {"files": program("momd", "/usr/bin/python3.11", "/sbin/momd")},
    "swap.missing": {"files": {"proc/meminfo": NO_SWAP.format(8 << 20)}},
    "swap.missing, short": {"files": {"proc/meminfo": NO_SWAP.format(1 << 20)}},
    "swap.overcommit": {"reading": {"size": 13 * GIB, "guest": None}},
    "swap.full": {
        "files": {"proc/meminfo": "MemTotal: 8388608 kB\nSwapTotal: 4194304 kB\nSwapFree: 9 kB\n"}
    },
    "swap.in memory": {
        "files": {
            "proc/swaps": "Filename Type Size Used Priority\n/dev/zram0 partition 1048576 0 100\n"
        }
    },
    "monitor.held": {"holders": [(55, "python3")]},
    "monitor.held, mute": {"holders": [(55, "python3")], "error": "QEMU does not greet"},
    "monitor.silent": {"error": "QEMU does not greet"},
    "monitor.hidden": {"reading": {"granted": None}},
    "balloon.driver, none": {"reading": {"driver": "none"}, "started": {"device": ""}},
    "balloon.driver, unloaded": {"reading": {"driver": "none"}},
    "balloon.deflate": {"started": {"deflate_on_oom": False}},
    "balloon.counts": {"reading": {"driver": "counts-balloon"}},
    "balloon.polling": {"reading": {"driver": "stale", "unasked": "have it asked"}},
    "balloon.silent": {"reading": {"driver": "silent", "guest": None}},
    "balloon.stale": {"reading": {"driver": "stale", "stats_age": 40.0}},
    "balloon.floor": {"settings": {"floor": 512 * MIB}, "reading": {"actual": 512 * MIB}},
    "balloon.used": {"reading": {"guest": GuestView(GIB, MIB, available=40 * MIB)}},
    "sharing.kernel": {"files": {KSM + "run": None}},
    "sharing.run": {"files": {KSM + "run": "2\n"}},
    "sharing.rate": {"files": {KSM + "pages_to_scan": "1\n"}},
    "sharing.madvise": {"files": smaps(flags="")},
    "sharing.madvise, process": {"files": smaps(flags=""), "kind": "process"},
    "sharing.madvise, libvirt": {"files": smaps(flags=""), "kind": "libvirt"},
    "sharing.shared": {"files": smaps(rights="rw-s", inode=12, flags="")},
    "sharing.hugetlb": {"files": smaps(inode=12, hugetlb=800 << 10, rss=0, flags="")},
    "sharing.huge": {"files": smaps(huge=700 << 10)},
    "pressure.off": {"files": {"proc/pressure/memory": None}},
}


def test_nothing_is_said_of_what_is_well(tmp_path):
    assert examined(tmp_path) == []
    assert examined(tmp_path, holders=[(os.getpid(), "ourselves")]) == []


@pytest.mark.parametrize("case", CASES)
def test_exactly_what_was_spoilt_is_found(tmp_path, case):
    found = examined(tmp_path, **CASES[case])
    assert [f"{each.group}.{each.rule}" for each in found] == [case.partition(",")[0]]
    (finding,) = found
    assert finding.about == (
        ""
        if finding.group in ("governor", "swap", "pressure")
        else "web"
        if finding.rule not in ("kernel", "run", "rate")
        else ""
    )
    line = line_of(finding)
    assert finding.fact in line and finding.consequence in line and finding.mend in line
    assert "\n" not in line and line.startswith(finding.level.upper())


def test_every_rule_has_a_case():
    """A rule that nothing triggers is no rule: the rules are read from the sources."""
    folder = os.path.dirname(findings.__file__)
    rules = {case.partition(",")[0] for case in CASES}
    for group in GROUPS:
        with open(f"{folder}/{group}.py") as file:
            text = file.read()
        for rule in [rule.partition(".")[2] for rule in rules if rule.startswith(f"{group}.")]:
            assert json.dumps(rule) in text
        assert sum(text.count(word) for word in ("yield Finding(", "yield _of(")) == sum(
            rule.startswith(f"{group}.") for rule in rules
        )


def test_levels_say_whether_governing_would_be_safe(tmp_path):
    def level(case):
        return examined(tmp_path / case, **CASES[case])[0].level

    for case in CASES:
        (tmp_path / case).mkdir()
        assert level(case) in LEVELS
    unsafe = {case for case in CASES if level(case) == "unsafe"}
    assert {each.partition(",")[0] for each in unsafe} == {
        "governor.lock",
        "governor.daemon",
        "swap.missing",
        "swap.overcommit",
        "monitor.held",
    }
    assert "swap.missing" not in unsafe and "swap.missing, short" in unsafe


def test_the_worst_comes_first(tmp_path):
    found = examined(tmp_path, files={KSM + "run": "0\n"}, governor="x", reading={"driver": "none"})
    levels = [each.level for each in found]
    assert levels == sorted(levels, key=list(LEVELS).index) and levels[0] == "unsafe"


@pytest.mark.parametrize(
    ("case", "says"),
    [
        ("balloon.driver, none", "start it with -device virtio-balloon-pci"),
        ("balloon.driver, unloaded", "modprobe virtio_balloon"),
        ("balloon.polling", "have it asked"),
        ("swap.missing, short", "fallocate -l 1G"),
        ("swap.overcommit", "fallocate -l 2G"),
        ("swap.in memory", "fallocate -l 1G"),
        ("sharing.rate", "echo 3 > /sys/kernel/mm/ksm/pages_to_scan"),
        ("sharing.madvise, libvirt", "<nosharepages/>"),
        ("sharing.madvise, process", "PR_SET_MEMORY_MERGE"),
        ("sharing.madvise", "mem-merge=on"),
        ("governor.daemon", "systemctl disable --now ksmtuned"),
    ],
)
def test_what_mends_it_fits_what_is_wrong(tmp_path, case, says):
    assert says in examined(tmp_path, **CASES[case])[0].mend


@pytest.mark.parametrize(
    "command",
    [("vim", "ksmtuned"), ("grep", "momd"), ("python3", "-c", "momd and others"), ("cat", "x")],
)
def test_a_program_that_only_names_a_governor_is_none(tmp_path, command):
    assert examined(tmp_path, files=program(command[0], *command)) == []


def test_a_process_has_no_balloon_to_be_found_wanting(tmp_path):
    assert examined(tmp_path, kind="process", reading={"driver": "none", "actual": None}) == []


def test_a_guest_that_cannot_be_asked_how_it_was_started_is_examined_all_the_same(tmp_path):
    found = examined(tmp_path, started=None, reading={"driver": "none"})
    assert [each.rule for each in found] == ["driver"]
