"""The rules of the KVM side against each other: KSM, ksmtuned, MOM, Proxmox; ESX beside them."""

import numpy as np

from pageengine.lab import GuestSpec, Simulation, VMSpec
from pageengine.papers.base import Claim, Number, Outcome
from pageengine.policy import ESX, KVM, Proxmox
from pageengine.policy.ksm import sleep_ms
from pageengine.units import GIB, MIB, PAGE_BYTES

TITLE = "KSM, ksmtuned, MOM and Proxmox on one host"
SOURCE = "Linux mm/ksm.c, ksmtuned, MOM's balloon.rules, Proxmox VE's AutoBalloon"
SETUP = """\
A host of 2 GiB with six machines of 512 MiB that start a minute apart. Each has a guest that reads
files through its page cache and a program of its own; contents are of the profile "mixed", with
little in common. Each set of rules runs the same 15 minutes."""
NOTE = """\
Rates are of KSM's scanner as configured, not of a CPU that may be too slow for it. The kernel's
swap stands behind all of them, as does a SATA SSD."""

END, START = 900.0, 60.0
HOST, VM, COUNT = 2 * GIB, 512 * MIB, 6
RULES = {
    "KSM alone": lambda: KVM(ksm="fixed", balloon=False),
    "ksmtuned": lambda: KVM(balloon=False),
    "ksmtuned + MOM": lambda: KVM(),
    "Proxmox": lambda: Proxmox(),
    "ESX 6": lambda: ESX(),
}


class _Logged:
    """A policy whose decisions are written down."""

    def __init__(self, policy):
        self._policy, self.name = policy, policy.name
        self.reserve = policy.reserve
        self.log = []

    def decide(self, snapshot):
        plan = self._policy.decide(snapshot)
        self.log.append((snapshot, plan))
        return plan


def _result(policy, seed: int):
    server = {"kind": "fileserver", "files": "320 MiB", "rate": 700, "memory": "120 MiB"}
    return Simulation(
        HOST,
        [VMSpec(f"vm{i}", VM, server, guest=GuestSpec(kernel="24 MiB"), contents="mixed",
                start=START * i) for i in range(COUNT)],
        policy=policy, costs="sata-ssd", seed=seed, epoch=2.0,
    ).run(END)  # fmt: skip


def run(seed: int) -> Outcome:
    logged = {name: _Logged(make()) for name, make in RULES.items()}
    host = {name: _result(policy, seed).host for name, policy in logged.items()}
    rates = {name: _scan_rates(policy.log) for name, policy in logged.items()}
    free = np.array([snapshot.free for snapshot, _ in logged["ksmtuned"].log])
    when = np.array([snapshot.time for snapshot, _ in logged["ksmtuned"].log])
    first = rates["ksmtuned"][rates["ksmtuned"] > 0][0]
    begun = when[rates["ksmtuned"] > 0][0] - when[free < 0.2 * HOST][0]
    mom, proxmox = (_growth(logged[name].log) for name in ("ksmtuned + MOM", "Proxmox"))
    used = 1 - np.median(host["Proxmox"]["free"][-60:]) / HOST
    numbers = [
        Number("KSM as it comes: pages a second", rates["KSM alone"].max(), 5000, "", 1e-9,
               "derived"),
        Number("ksmtuned: pages a batch at first", first * sleep_ms(HOST) / 1000, (64, 1250), "",
               0.0),
        Number("ksmtuned: begins after free memory is below 20 %", begun, (-60, 60), "s", 0.0),
        Number("MOM: most that a guest shrinks at a time", 100 * max(p for p, _ in mom), 5, "%",
               0.01),
        Number("Proxmox: most that a balloon grows in a round", max(b for _, b in proxmox) / MIB,
               100, "MiB", 0.01),
        Number("Proxmox: host memory in use at the end", 100 * used, 80, "%", 0.02),
    ]  # fmt: skip
    for name, rows in host.items():
        waits = 100 * float(rows["stall"].mean())
        numbers.append(Number(f"{name}: machines wait", waits, None, "%"))
    claims = [
        Claim("KSM merges nothing of a page before its second scan",
              host["KSM alone"]["merged"][: int(VM / PAGE_BYTES / 5000 / 2)].sum() == 0),
        Claim("MOM balloons only once free memory is below 20 %",
              _first_balloon(host["ksmtuned + MOM"]) >= _first_below(host["ksmtuned + MOM"], 0.2)),
        Claim("Proxmox balloons once more than 80 % is in use, without waiting for pressure",
              _first_balloon(host["Proxmox"]) < _first_below(host["Proxmox"], 0.1)),
        Claim("with balloons more memory is free at the end than with KSM alone",
              min(int(host[n]["free"][-1]) for n in ("ksmtuned + MOM", "Proxmox", "ESX 6"))
              > max(int(host[n]["free"][-1]) for n in ("KSM alone", "ksmtuned"))),
    ]  # fmt: skip
    columns = ("time", "free", "ballooned", "saving", "swapped", "stall")
    data = {name: {key: rows[key] for key in columns} for name, rows in host.items()}
    return Outcome(numbers, claims, data, _answer(host))


def _scan_rates(log) -> np.ndarray:
    """Pages per second of all machines together, by decision."""
    return np.array([sum(wish.scan or 0.0 for wish in plan.vms.values()) for _, plan in log])


def _growth(log) -> list[tuple[float, float]]:
    """By how much each decision wants a balloon to grow: as a part of what the guest has left, and
    in bytes.
    """
    found = [(0.0, 0.0)]
    for snapshot, plan in log:
        for vm in snapshot.vms:
            wish = plan.vms.get(vm.name)
            if wish is not None and wish.balloon is not None:
                rise = float(wish.balloon - vm.ballooned)
                found.append((rise / (vm.size - vm.ballooned), rise))
    return found


def _first_balloon(rows) -> float:
    return float(rows["time"][rows["ballooned"] > 0][0])


def _first_below(rows, part: float) -> float:
    return float(rows["time"][rows["free"] < part * HOST][0])


def _answer(host) -> str:
    said = "; ".join(
        f"{name} {100 * rows['stall'].mean():.1f} %, "
        f"{rows['saving'][-1] / MIB:.0f} MiB shared away, {rows['ballooned'][-1] / MIB:.0f} MiB "
        f"ballooned, {rows['swapped'][-1] / MIB:.0f} MiB swapped"
        for name, rows in host.items()
    )
    return f"Time that machines waited, and what had been taken at the end: {said}."


def draw(figure, data) -> None:
    from pageengine.report import style

    grid = figure.subplots(2, len(data), sharex=True, sharey="row",
                           gridspec_kw={"height_ratios": (3, 1)})  # fmt: skip
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
