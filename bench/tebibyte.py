"""A host of 1 TiB with 1.5 TiB of guests, as tokens: built, scanned, balanced and churned.

    python bench/tebibyte.py [PART]      PART of that size (default 1), such as 0.1

Prints what each step took and what the process takes for each guest page. The clock of a step
begins before its first call and ends after its last.
"""

import resource
import sys
import time

import numpy as np

import pageengine as pe
from pageengine.errors import Blocked, OutOfFrames
from pageengine.lab.contents import PROFILES

GIB, BATCH, VMS = 2**30, 2**20, 96


def resident():
    """Bytes that the process has in memory now."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def at_most():
    """Bytes that the process ever had in memory."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main(part: float) -> None:
    size = int(16 * GIB * part) // 4096 * 4096
    before = resident()
    host = pe.Host(int(1024 * GIB * part) // 4096 * 4096, contents="tokens", policy="esx6", seed=1)
    vms = [host.add_vm(f"vm{i}", size) for i in range(VMS)]
    pages = sum(vm.pages for vm in vms)
    profile = PROFILES["linux"]

    def step(name, unit, n, work):
        began = time.perf_counter()
        work()
        took = time.perf_counter() - began
        held = (resident() - before) / pages
        print(
            f"{name:22} {took:7.1f} s   {1e9 * took / n:6.1f} ns per {unit}   "
            f"{held:5.1f} B per guest page",
            flush=True,
        )

    def fill(vms, number):
        for i, vm in enumerate(vms, number):
            contents = profile.of(i)
            for at in range(0, vm.pages, BATCH):
                ppns = np.arange(at, min(at + BATCH, vm.pages))
                while len(ppns):
                    try:
                        vm.write(ppns, contents.tokens(ppns, np.zeros(len(ppns), np.int32)))
                        break
                    except (Blocked, OutOfFrames) as stop:
                        ppns = ppns[stop.done :]
                        host.advance(1.0)  # it waits for a second

    half = VMS // 2
    step("built, first half", "page", pages // 2, lambda: fill(vms[:half], 0))
    step("scanned", "page", pages // 2, lambda: [host.scan(vm=vm) for vm in vms[:half]])
    step("built, second half", "page", pages // 2, lambda: fill(vms[half:], half))
    step("balanced", "VM", VMS, host.balance)
    draw = np.random.default_rng(1)
    accesses = int(1e9 * part)

    def churn():
        done = 0
        while done < accesses:
            for vm in vms:
                try:
                    vm.touch(draw.integers(0, vm.pages // 4, 2**18), draw.random() < 0.3)
                except (Blocked, OutOfFrames):
                    continue  # it waits for the next second
                done += 2**18
                if done >= accesses:
                    break
            host.advance(1.0)

    step("churned", "access", accesses, churn)
    print(
        f"at the most until here {at_most() / pages:.1f} B per guest page, of which "
        f"{before / pages:.1f} B are Python and numpy",
        flush=True,
    )
    step("checked", "page", pages, host.check)
    s = host.stats
    names = ("configured", "memory", "saving", "ballooned", "compressed", "swapped")
    print("; ".join(f"{name} {getattr(s, name) / GIB:.0f} GiB" for name in names))
    print(f"at the most, checks included, {at_most() / pages:.1f} B per guest page")


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 1.0)
