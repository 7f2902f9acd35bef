"""The rules of the KVM side against each other: KSM, ksmtuned, MOM, Proxmox; ESX beside them."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from pageengine.lab import GuestSpec, Simulation, VMSpec
from pageengine.lab.results import Result
from pageengine.papers.base import Claim, Number, Outcome
from pageengine.policy import ESX, KVM, Plan, Policy, Proxmox, Snapshot
from pageengine.policy.ksm import sleep_ms
from pageengine.units import GIB, MIB, PAGE_BYTES

TITLE = "KSM, ksmtuned, MOM and Proxmox on one host"
SOURCE = "Linux mm/ksm.c, ksmtuned, MOM's balloon.rules, Proxmox VE's AutoBalloon"
SETUP = """\
A host of 2 GiB with six VMs of 512 MiB that start a minute apart. Each has a guest that reads
files through its page cache and a program of its own; contents are of the profile "mixed", with
little in common. Each set of rules runs the same 15 minutes. Memory is short from about the sixth
minute on; waiting is counted from the ninth, when all rules are at work. KSM's own speed is that on
one VM that rests, in its second pass."""
NOTE = """\
Rates are of KSM's scanner as configured, not of a CPU that may be too slow for it. The scanner goes
through all of a VM's pages; Linux skips those that are not there, and is so much faster on
VMs that are not full. Sizes of balloons are those of the timeline, not what was ordered; when
ksmtuned begins is when it first wants a scan, as nothing is merged in the first pass. The kernel's
swap stands behind all rules, as does a SATA SSD."""

END, START, EPOCH = 900.0, 60.0, 2.0
HOST, VM, COUNT = 2 * GIB, 512 * MIB, 6
SHORT, WORKING = 0.2, 540.0  # free part of memory below which it is short; seconds
RULES: dict[str, Callable[[], ESX | KVM | Proxmox]] = {
    "KSM alone": lambda: KVM(ksm="fixed", balloon=False),
    "ksmtuned": lambda: KVM(balloon=False),
    "ksmtuned + MOM": lambda: KVM(),
    "Proxmox": lambda: Proxmox(),
    "ESX 6": lambda: ESX(),
}


class _Logged:
    """A policy whose decisions are written down."""

    def __init__(self, policy: ESX | KVM | Proxmox):
        self._policy, self.name = policy, policy.name
        self.reserve = policy.reserve
        self.log: list[tuple[Snapshot, Plan]] = []

    def decide(self, snapshot: Snapshot) -> Plan:
        plan = self._policy.decide(snapshot)
        self.log.append((snapshot, plan))
        return plan


def _result(policy: Policy, seed: int) -> Result:
    server = {"kind": "fileserver", "files": "320 MiB", "rate": 700, "memory": "120 MiB"}
    return Simulation(
        HOST,
        [
            VMSpec(
                f"vm{i}",
                VM,
                server,
                guest=GuestSpec(kernel="24 MiB"),
                contents="mixed",
                start=START * i,
            )
            for i in range(COUNT)
        ],
        policy=policy,
        costs="sata-ssd",
        seed=seed,
        epoch=EPOCH,
    ).run(END)


def run(seed: int) -> Outcome:
    logged = {name: _Logged(make()) for name, make in RULES.items()}
    results = {name: _result(policy, seed) for name, policy in logged.items()}
    host = {name: result.host for name, result in results.items()}
    acts = {name: _Acts(rows) for name, rows in host.items()}
    batches, when = _batches(logged["ksmtuned"].log)
    begun = float(when[batches > 0][0]) - acts["ksmtuned"].short
    mom, proxmox = acts["ksmtuned + MOM"], acts["Proxmox"]
    used = 1 - np.median(host["Proxmox"]["free"][-60:]) / HOST
    numbers = [
        Number("KSM as it comes: pages a second", _ksm_rate(seed), 5000, "", 0.01, "derived"),
        Number(
            "ksmtuned: most that a batch grows at a time", np.diff(batches).max(), 300, "pages", 0.0
        ),
        Number("ksmtuned: largest batch", batches.max(), (64, 1250), "pages", 0.0),
        Number("ksmtuned: begins, after memory is short", begun, (0, 60), "s", 0.0),
        Number(
            "MOM: begins, after memory is short",
            mom.balloons - mom.short,
            (0, 60),
            "s",
            0.0,
            "derived",
        ),
        Number(
            "MOM: most that a guest shrinks in 10 s",
            100 * _most_shrink(results["ksmtuned + MOM"], relative=True),
            5,
            "%",
            0.02,
        ),
        Number(
            "Proxmox: begins, after memory is short",
            proxmox.balloons - proxmox.short,
            (0, 10 + EPOCH),
            "s",
            0.0,
            "derived",
        ),
        Number(
            "Proxmox: most that a guest shrinks in 10 s",
            _most_shrink(results["Proxmox"], relative=False) / MIB,
            100,
            "MiB",
            0.02,
        ),
        Number("Proxmox: host memory in use at the end", 100 * used, 80, "%", 0.02),
    ]
    for name, act in acts.items():
        numbers += [
            Number(f"{name}: first memory back", act.first / 60, None, "min"),
            Number(f"{name}: fastest", act.fastest / MIB, None, "MiB/min"),
            Number(f"{name}: taken back at the end", act.taken / MIB, None, "MiB"),
            Number(f"{name}: VMs wait", 100 * act.wait, None, "%"),
        ]
    claims = _claims(host, acts)
    columns = ("time", "free", "ballooned", "saving", "swapped", "stall")
    data = {name: {key: rows[key] for key in columns} for name, rows in host.items()}
    return Outcome(numbers, claims, data, _answer(host, acts))


def _claims(
    host: Mapping[str, Mapping[str, np.ndarray]], acts: "Mapping[str, _Acts]"
) -> list[Claim]:
    mom, proxmox = acts["ksmtuned + MOM"], acts["Proxmox"]
    merging, ballooning = ("KSM alone", "ksmtuned"), ("ksmtuned + MOM", "Proxmox", "ESX 6")
    return [
        Claim(
            "KSM merges nothing in its first pass, as nothing is shared yet",
            host["KSM alone"]["merged"][: int(VM / PAGE_BYTES / 5000 / EPOCH)].sum() == 0,
        ),
        Claim("MOM balloons only once free memory is below 20 %", mom.balloons >= mom.short),
        Claim(
            "Proxmox balloons once more than 80 % is in use, without waiting for pressure",
            proxmox.short
            <= proxmox.balloons
            < _first(host["Proxmox"]["free"] < 0.1 * HOST, host["Proxmox"]["time"]),
        ),
        Claim(
            "balloons take memory back faster than merging does",
            min(acts[n].fastest for n in ballooning) > max(acts[n].fastest for n in merging),
            "derived",
        ),
        Claim(
            "with balloons more memory is free at the end than with KSM alone",
            min(int(host[n]["free"][-1]) for n in ballooning)
            > max(int(host[n]["free"][-1]) for n in merging),
            "derived",
        ),
    ]


def _first(true: np.ndarray, time: np.ndarray) -> float:
    """When something is true for the first time; never: infinite."""
    return float(time[true][0]) if true.any() else np.inf


class _Acts:
    """What a set of rules did on a host, by its timeline: when memory was short, when there was
    something in balloons, when a hundredth of memory was back, the most taken back in a minute,
    what was taken at the end (bytes), and the part of time that VMs waited while all were at
    work.
    """

    def __init__(self, rows: Mapping[str, np.ndarray]):
        time, minute = rows["time"], int(60 / EPOCH)
        taken = rows["ballooned"] + rows["saving"] + rows["swapped"]
        self.short = _first(rows["free"] < SHORT * HOST, time)
        self.balloons = _first(rows["ballooned"] > 0, time)
        self.first = _first(taken > 0.01 * HOST, time)
        self.fastest = float((taken[minute:] - taken[:-minute]).max())
        self.taken = float(taken[-1])
        self.wait = float(rows["stall"][time > WORKING].mean())


def _batches(log: list[tuple[Snapshot, Plan]]) -> tuple[np.ndarray, np.ndarray]:
    """ksmtuned's pages in a batch by decision, 0 while it stands still; and the time of each."""
    wanted = [sum(wish.scan or 0.0 for wish in plan.vms.values()) for _, plan in log]
    when = np.array([snapshot.time for snapshot, _ in log])
    return np.round(np.array(wanted) * sleep_ms(HOST) / 1000), when


def _ksm_rate(seed: int) -> float:
    """Pages that KSM hashes per second of its second pass over a VM that fills its memory and
    then rests.
    """
    rests = {"kind": "idle", "fill": 100_000, "rate": 0, "active": 1, "memory": "128 MiB"}
    spec = VMSpec("rests", "128 MiB", rests, contents="random")
    rows = Simulation(HOST, [spec], policy=KVM(ksm="fixed", balloon=False), seed=seed).run(12).host
    return float(np.median(rows["scanned"][-4:] / np.diff(rows["time"])[-4:]))


def _most_shrink(result: Result, relative: bool) -> float:
    """The most that any guest's balloon grew within ten seconds, in bytes or as a part of what the
    guest had.
    """
    steps, most = int(10 / EPOCH), 0.0
    for name in result.names:
        has = VM - result.of(name)["balloon"]
        lost = (has[:-steps] - has[steps:]) / (has[:-steps] if relative else 1)
        most = max(most, float(lost.max()))
    return most


def _answer(host: Mapping[str, Mapping[str, np.ndarray]], acts: "Mapping[str, _Acts]") -> str:
    said = "; ".join(
        f"{name} {100 * acts[name].wait:.1f} %, {rows['saving'][-1] / MIB:.0f} MiB shared away, "
        f"{rows['ballooned'][-1] / MIB:.0f} MiB ballooned, {rows['swapped'][-1] / MIB:.0f} MiB "
        "swapped"
        for name, rows in host.items()
    )
    return f"Time that VMs waited, and what had been taken at the end: {said}."


def draw(figure: Any, data: Mapping[str, Any]) -> None:
    from pageengine.report import style

    grid = figure.subplots(
        2, len(data), sharex=True, sharey="row", gridspec_kw={"height_ratios": (3, 1)}
    )
    keys = (("saving", style.GREEN), ("ballooned", style.SKY), ("swapped", style.VERMILION))
    for column, (name, rows) in enumerate(data.items()):
        top, bottom = grid[:, column]
        minutes = rows["time"] / 60
        for key, color in keys:
            top.plot(minutes, rows[key] / MIB, color=color, label=key)
        top.plot(minutes, rows["free"] / MIB, color=style.BLACK, lw=1, label="free")
        bottom.fill_between(minutes, 100 * rows["stall"], color=style.ORANGE, lw=0)
        top.set_title(name)
        bottom.set_xlabel("minutes")
    grid[0, 0].set_ylabel("memory (MiB)")
    grid[1, 0].set_ylabel("waiting (%)")
    grid[0, 0].set_ylim(0, 1500)
    labels = ["shared away", "in balloons", "swapped", "free"]
    figure.legend(grid[0, 0].lines, labels, loc="outside lower center", ncols=4)


SIZE = (11.0, 4.6)
