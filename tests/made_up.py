"""Made-up results, of a host and of a fleet: all columns that are recorded and no others; none is
run.
"""

import numpy as np

from pageengine.lab import recorder
from pageengine.lab.fleet.results import HOSTS, MOVES, VMS, FleetResult, summary_of
from pageengine.lab.results import Result

MIB = 2**20


def result(seconds=1800, vms=("web-1", "web-2", "db", "idle"), policy="esx6", busy=1.0, seed=0):
    """Pressure rises to its height at two thirds of the time, then falls. ``busy`` scales it."""
    random = np.random.default_rng(seed)
    memory, size = 1024 * MIB, 512 * MIB
    epochs = max(seconds // 2, 2)
    time = np.linspace(2, seconds, epochs)
    wave = busy * np.clip(np.sin(np.pi * time / seconds) ** 2 * 1.2, 0, 1)
    thresholds = {"high": 120 * MIB, "clear": 61 * MIB, "soft": 39 * MIB, "hard": 20 * MIB}
    free = memory * (0.25 - 0.24 * np.clip(wave, 0, 1)) + random.normal(0, MIB, epochs)
    free = np.clip(free, MIB, None)
    state = np.sum(free[:, None] < np.array([120, 61, 39, 20]) * MIB, axis=1)
    pages = 0.3 * memory * wave
    host = {
        "time": time,
        "state": state,
        "free": free,
        "memory": np.full(epochs, memory),
        "overhead": np.full(epochs, 64 * MIB),
        "cache": 0.2 * pages,
        "compressed": 0.5 * pages,
        "shared": 0.2 * memory * (0.2 + wave),
        "shared_common": 0.05 * memory * (0.2 + wave),
        "saving": 0.15 * memory * (0.2 + wave),
        "zero": 0.05 * memory * wave,
        "swapped": 0.8 * pages * (wave > 0.6),
        "ballooned": pages * (wave > 0.3),
        "stall": 0.06 * wave**3,
    }
    used = host["overhead"] + host["cache"] + host["shared_common"]
    host["private"] = memory - free - used
    host = _columns(recorder.HOST, host, wave)
    tables = []
    for number, name in enumerate(vms):
        part = wave if number < 3 else 0.1 * wave
        consumed = size * (0.35 + 0.3 * part * (1 if number else 0.4))
        tables.append(
            _columns(
                recorder.VM,
                {
                    "time": time,
                    "vm": np.full(epochs, name),
                    "size": np.full(epochs, size),
                    "granted": consumed + 20 * MIB,
                    "consumed": consumed,
                    "target": consumed * 0.95 + MIB,
                    "active": size * (0.1 + 0.5 * part),
                    "touched": size * (0.1 + 0.52 * part),
                    "balloon": 0.3 * size * np.roll(part, 30),
                    "balloon_target": 0.3 * size * part,
                    "swapped": 0.1 * size * part**2,
                    "compressed": 0.1 * size * part,
                    "shared": np.full(epochs, 60 * MIB),
                    "zero": np.full(epochs, 10 * MIB),
                    "private": consumed - 40 * MIB,
                    "stall": 0.1 * part**3,
                    "progress": 1 - 0.1 * part**3,
                    "blocked": (part > 0.99).astype(float),
                    "guest_free": size * (0.3 - 0.2 * part),
                    "guest_cache": size * 0.1 * (1 - part),
                    "guest_swapped": 0.05 * size * part,
                    "swap_in": np.round(50 * part**2),
                    "swap_out": np.round(80 * part**2),
                    "double_paging": np.round(2 * part**3),
                },
                part,
            )
        )
    rows = {
        key: np.stack([table[key] for table in tables], axis=1).reshape(-1) for key in tables[0]
    }
    events = [
        {"time": seconds / 2, "what": "vm.db.shares becomes 4000", "vm": "db"},
        {"time": seconds * 0.52, "what": "web-1 stops", "vm": "web-1"},
    ]
    meta = {
        "policy": policy,
        "memory": memory,
        "thresholds": thresholds,
        "seed": seed,
        "name": "made up",
        "seconds": seconds,
        "partial": "",
    }
    return Result(host, rows, {"stall": float(host["stall"].mean())}, events, meta)


def _columns(recorded, made, wave):
    """All columns that are recorded, in their order, whole numbers where a simulation has them.
    What is not made here follows the wave: a hundred of it at its height, of a fraction, one.
    """
    assert made.keys() <= set(recorded), f"nobody records {sorted(made.keys() - set(recorded))}"
    found = {}
    for name in recorded:
        fraction = name in recorder.FRACTIONS
        column = made.get(name, wave if fraction else 100 * wave)
        whole = not fraction and name != "vm"
        found[name] = np.round(column).astype(np.int64) if whole else column
    return found


def with_stalls(policy, **stalls):
    """A result whose VMs stalled so much on average."""
    made = result(120, vms=tuple(stalls), policy=policy)
    for name, stall in stalls.items():
        made.vms["stall"][np.asarray(made.vms["vm"]) == name] = stall
    return made


def fleet(hosts, rounds):
    """A result of so many hosts and rounds, the last host without any VM until half of them."""
    draw = np.random.default_rng(5)
    tables = {"hosts": {key: [] for key in HOSTS}, "moves": {key: [] for key in MOVES}}
    for number in range(rounds):
        for host in range(hosts):
            vms = 0 if host == hosts - 1 and number < rounds / 2 else 10
            row = {key: int(draw.integers(2**28, 2**30)) for key in HOSTS}
            row |= {"host": f"host-{host + 1}", "time": 600.0 * (number + 1), "memory": 2**30}
            row |= {"vms": vms, "state": 0, "stall": 0.01 * vms * draw.random(), "worst_stall": 0.1}
            for key, value in row.items():
                tables["hosts"][key].append(value)
    for key in MOVES:
        tables["moves"][key] = [
            f"{key}-{i}" if key in ("vm", "source", "target") else 600.0 * i for i in range(1, 4)
        ]
    vms = {"vm": ["a", "b"], "host": ["host-1", "host-1"], "time": [600.0, 600.0]}
    vms |= {key: [1.0, 2.0] for key in VMS if key not in vms}
    waiting = {"time": 600.0 * np.arange(1, rounds + 1), "vms": np.arange(rounds) % 3}
    tables |= {"vms": vms, "waiting": waiting}
    made = {name: {k: np.array(v) for k, v in table.items()} for name, table in tables.items()}
    meta = {"kind": "fleet", "name": "made up", "policy": "esx6", "placement": "spread"}
    return FleetResult(
        made["hosts"],
        made["vms"],
        made["moves"],
        made["waiting"],
        summary_of(made),
        [],
        meta | {"migration": {"bandwidth": 1}, "round": 600.0, "seed": 0},
    )
