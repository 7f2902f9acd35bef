"""A fleet for a day: hosts with many machines each, and machines that move by the policy's advice.

    python examples/fleet.py                            200 hosts, 8,000 machines, 24 hours
    python examples/fleet.py --hosts 8 --machines 320 --hours 2 --jobs 2

A model to scale: a page stands for 64, so hosts of 16 GiB are 256 MiB here. Hosts are dealt out to
processes. Every ten minutes those whose working sets do not fit send one machine to the host
with the most room by working sets; it starts anew there and fills its memory again, which is what
the move costs. Prints a row per hour, and what moving gained against --stay if you run both.
"""

import argparse
import multiprocessing
import os
import time

import numpy as np

from pageengine.lab import Simulation, VMSpec
from pageengine.policy.advice import migration
from pageengine.units import MIB

EPOCH, ROUND = 10.0, 600.0
KINDS = ("zipf", "moving", "idle", "heap", "sequential")


def machine(number, draw):
    """One of the fleet: of any size and habit."""
    size = int(draw.choice([4, 8, 8, 16])) * MIB
    kind = str(draw.choice(KINDS, p=[0.35, 0.2, 0.3, 0.1, 0.05]))
    work = {"kind": kind, "rate": 2.0 if kind == "idle" else 40.0}
    if kind == "idle":
        work["fill"] = 50.0
    return VMSpec(f"m{number}", size, work, driver=False, contents="mixed")


def look(simulation):
    """What the fleet is told of a host."""
    host, machines = simulation.host, simulation.machines.values()
    advice = [each.vm for each in migration(host.snapshot()) if each.vm in simulation.machines]
    return {
        "stall": sum(machine.stall for machine in machines),
        "machines": len(machines),
        "room": host.memory - sum(machine.vm.active for machine in machines),
        "advice": {name: host[name].active for name in advice},
        "swapped": host.stats.swapped,
    }


def worker(pipe, fleet, memory, policy):
    """Some hosts: runs them, and does what it is told, until it is told to end."""
    hosts = {
        number: Simulation(
            memory, specs, policy=policy, costs="nvme", seed=number, epoch=EPOCH, record=False
        )
        for number, specs in fleet.items()
    }
    for what, number, value in iter(pipe.recv, None):
        if what == "run":
            waits = 0.0
            for _ in range(value):
                for simulation in hosts.values():
                    simulation.step()
                    waits += sum(m.stall for m in simulation.machines.values())
            pipe.send((waits, {number: look(simulation) for number, simulation in hosts.items()}))
        elif what == "remove":
            pipe.send(hosts[number].remove(value))
        else:
            pipe.send(hosts[number].add(value))


class Fleet:
    """All hosts, wherever they run."""

    def __init__(self, hosts, machines, memory, policy, jobs, seed):
        draw = np.random.Generator(np.random.Philox(key=[seed, 0]))
        placed = {number: [] for number in range(hosts)}
        for number in range(machines):
            placed[int(draw.integers(hosts))].append(machine(number, draw))
        self._pipes, self._of = [], {}
        for job in range(jobs):
            here, there = multiprocessing.Pipe()
            part = {number: specs for number, specs in placed.items() if number % jobs == job}
            process = multiprocessing.Process(
                target=worker, args=(there, part, memory, policy), daemon=True
            )
            process.start()
            self._pipes.append(here)
            self._of |= dict.fromkeys(part, here)

    def run(self, epochs):
        """Lets time pass; (seconds that machines waited, what is known of each host)."""
        for pipe in self._pipes:
            pipe.send(("run", None, epochs))
        parts = [pipe.recv() for pipe in self._pipes]
        seen = {number: known for _, part in parts for number, known in part.items()}
        return EPOCH * sum(waits for waits, _ in parts), seen

    def _ask(self, what, number, value):
        self._of[number].send((what, number, value))
        return self._of[number].recv()

    def migrate(self, seen):
        """One machine from each host that advises it, to where there is most room; how many."""
        moved = 0
        for number in sorted(seen):
            for name, active in seen[number]["advice"].items():
                to = max(seen, key=lambda n: (seen[n]["room"], -n))
                if to == number or seen[to]["room"] < 1.5 * active:
                    break
                if self._ask("add", to, self._ask("remove", number, name)):
                    moved += 1
                seen[to]["room"] -= active
                seen[number]["room"] += active
                break
        return moved

    def close(self):
        for pipe in self._pipes:
            pipe.send(None)


def day(
    hosts,
    machines,
    hours,
    *,
    memory="256 MiB",
    policy="esx6",
    jobs=1,
    seed=1,
    stay=False,
    tell=print,
):
    """Runs a fleet; a row per hour: (hour, waiting in %, swapped MiB, machines moved)."""
    fleet, rows = Fleet(hosts, machines, memory, policy, jobs, seed), []
    began = time.perf_counter()
    try:
        for hour in range(hours):
            waited, moved = 0.0, 0
            for _ in range(int(3600 / ROUND)):
                waits, seen = fleet.run(int(ROUND / EPOCH))
                waited += waits
                moved += 0 if stay else fleet.migrate(seen)
            swapped = sum(host["swapped"] for host in seen.values()) / MIB
            rows.append((hour + 1, 100 * waited / (3600 * machines), swapped, moved))
            tell(
                f"hour {hour + 1:3}: machines waited {rows[-1][1]:6.2f} %, {swapped:7.0f} MiB "
                f"swapped, {moved:4} moved ({time.perf_counter() - began:.0f} s)"
            )
    finally:
        fleet.close()
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--hosts", type=int, default=200)
    parser.add_argument("--machines", type=int, default=8000)
    parser.add_argument("--hours", type=int, default=24)
    parser.add_argument("--memory", default="256 MiB", help="of a host")
    parser.add_argument("--policy", default="esx6")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--stay", action="store_true", help="nobody moves")
    options = vars(parser.parse_args())
    rows = day(**options)
    print(
        f"in all: waited {np.mean([row[1] for row in rows]):.2f} %, "
        f"{sum(row[3] for row in rows)} moved"
    )


if __name__ == "__main__":
    main()
