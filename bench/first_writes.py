"""What the time of a first write tells a virtual machine about its neighbours.

    python bench/first_writes.py [WRITES]      writes per row and kind of page (default 20,000)

An attacker writes pages that it guesses a neighbour has, waits for the sharing scan, writes them
again and takes the time. For each setting: median time of a write to a page that the neighbour has
as well and to one that nobody has, and how often the slower of one of each is the first (0.5: the
time tells nothing; 1: one write tells all). Other work on the computer makes the last column
smaller, not the danger: an attacker may take the time again.
"""

import sys
import time

import numpy as np

import pageengine as pe

PAGE, BATCH = 4096, 2000

#: setting -> (of the host, of each VM)
SETTINGS = {
    "default: one salt group": ({}, {}),
    "salt=None for each VM": ({}, {"salt": None}),
    "sharing=False": ({"sharing": False}, {}),
}


def times_of(vm, ppns, contents):
    """Nanoseconds of one write each."""
    taken = np.empty(len(ppns))
    for i, ppn in enumerate(ppns.tolist()):
        began = time.perf_counter_ns()
        vm.write(ppn, contents[i])
        taken[i] = time.perf_counter_ns() - began
    return taken


def telling(first, second):
    """How often one of ``first`` is above one of ``second``; ties count half."""
    ranks = np.searchsorted(np.sort(second), first, "left")
    ties = np.searchsorted(np.sort(second), first, "right") - ranks
    return float((ranks + ties / 2).mean() / len(second))


def measure(host_options, vm_options, writes, seed=1):
    rng = np.random.default_rng(seed)
    guessed, alone = [], []
    for _ in range(max(1, writes // BATCH)):
        with pe.Host(16 * BATCH * PAGE, **host_options) as host:
            victim = host.add_vm("victim", 2 * BATCH * PAGE, **vm_options)
            attacker = host.add_vm("attacker", 2 * BATCH * PAGE, **vm_options)
            pages = rng.integers(0, 256, (2 * BATCH, PAGE), dtype=np.uint8)
            victim.write(np.arange(BATCH), pages[:BATCH])
            attacker.write(np.arange(2 * BATCH), pages)  # the first half are right guesses
            host.scan()
            host.scan()
            order = rng.permutation(2 * BATCH)
            taken = times_of(attacker, order, pages[order])
            guessed.append(taken[order < BATCH])
            alone.append(taken[order >= BATCH])
    return np.concatenate(guessed), np.concatenate(alone)


def main():
    writes = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    print(f"{'setting':28} {'neighbour has it':>17} {'nobody has it':>14} {'tells':>6}")
    for name, (host_options, vm_options) in SETTINGS.items():
        guessed, alone = measure(host_options, vm_options, writes)
        print(
            f"{name:28} {np.median(guessed):14.0f} ns {np.median(alone):11.0f} ns "
            f"{telling(guessed, alone):6.2f}"
        )


if __name__ == "__main__":
    main()
