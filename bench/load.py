"""What a host bears: many VMs, many accesses, a long time.

    python bench/load.py vms [10000]           so many VMs on one host
    python bench/load.py accesses [1000000000] so many accesses, of VMs that want 1.5 hosts
    python bench/load.py time [60]             so many minutes of random operations, a check each

Prints memory of the process and speed (by seconds of the processor) as it goes, and ends with 1
when a page is wrong, a check fails, or the second half was slower or larger than the first by a
quarter. 2**28 frames are bench/tebibyte.py.
"""

import sys
import time

import numpy as np
from tebibyte import resident

import pageengine as pe
from pageengine import errors

PAGE, MIB = 4096, 2**20
SLACK = 1.25  # by which a second half may be slower or larger


def line(what, rate, unit):
    print(f"{what:>24}  {rate:12,.0f} {unit}  {resident() / MIB:8.0f} MiB resident", flush=True)


def judge(rates, sizes):
    """Whether the second half is as the first: medians of both."""
    half = max(1, len(rates) // 2)
    first, second = np.median(rates[:half]), np.median(rates[half:] or rates)
    small, large = np.median(sizes[half // 2 : half]), np.median(sizes[half:] or sizes)
    print(f"second half: {second / first:.2f} of the speed, {large / small:.2f} of the memory")
    return 0 if second * SLACK >= first and large <= small * SLACK else 1


def vms(n):
    """Added, written to, looked at, decided for, and half of them replaced again and again."""
    rates, sizes = [], []
    with pe.Host(n * 96 * 1024, contents="tokens", policy="esx6") as host:
        names = [f"vm{i}" for i in range(n)]
        began = time.process_time()
        for i, name in enumerate(names):
            host.add_vm(name, 32 * PAGE).write(np.arange(16), np.arange(16, dtype=np.uint64) + i)
        line(f"{n} added", n / (time.process_time() - began), "VMs/s")
        for round_ in range(10):
            began = time.process_time()
            for name in names[round_ % 2 :: 2]:
                host.remove_vm(name)
                host.add_vm(name, 32 * PAGE).touch(np.arange(16), True)
            rates.append(n / 2 / (time.process_time() - began))
            began = time.process_time()
            for _ in range(5):
                host.advance(5.0)
            host.columns()
            seconds = (time.process_time() - began) / 5
            sizes.append(resident())
            line(f"round {round_}", rates[-1], f"replaced/s, {seconds * 1e3:.0f} ms a step")
        host.check()
    return judge(rates, sizes)


def accesses(n):
    """By tokens, of four VMs that together want 1.5 times what the host has, under esx6."""
    rates, sizes, done, turn, batch = [], [], 0, 0, 2**18
    rng = np.random.default_rng(1)
    with pe.Host("256 MiB", contents="tokens", policy="esx6") as host:
        vms = [host.add_vm(f"vm{i}", "128 MiB") for i in range(4)]
        for number, vm in enumerate(vms):  # contents of its own, which do not compress
            ids = np.arange(vm.pages) + number * vm.pages
            vm.write_some(
                ids - number * vm.pages, pe.tokens.make_tokens(ids, 64 * np.full(vm.pages, 63))
            )
        draws = [rng.zipf(1.2, batch) % (96 * 256) for _ in range(16)]
        while done < n:
            began, before = time.process_time(), done
            while done < before + n / 20:
                done += vms[turn % 4].touch_some(draws[turn % 16], turn % 3 == 0)
                turn += 1
            host.advance(1.0)
            rates.append((done - before) / (time.process_time() - began))
            sizes.append(resident())
            line(f"{done:,} accesses", rates[-1], "accesses/s")
            host.check()
        print(f"{host.stats.swap_in:,} pages came back from swap")
    return judge(rates, sizes)


class Operations:
    """Random calls of a host of bytes; every page is known by what was written last."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.host = pe.Host("64 MiB", policy="esx6", seed=seed)
        self.known, self.made, self.number = {}, 0, 0
        for _ in range(6):
            self.add()

    def add(self):
        name, self.number = f"vm{self.number}", self.number + 1
        pages = int(self.rng.integers(1000, 8000))
        salt = [None, "", "tenant"][self.number % 3]
        self.host.add_vm(name, pages * PAGE, salt=salt)
        self.known[name] = np.zeros(pages, np.int64)

    def pages(self, stamps):
        """Contents by stamp: zero, well compressible or not, some of them equal."""
        out = np.zeros((len(stamps), PAGE // 8), np.int64)
        out[:, ::16] = stamps[:, None]
        noisy = np.flatnonzero(stamps % 5 == 4)
        noise = stamps[noisy, None] * np.arange(1, PAGE // 8 + 1)
        out[noisy] = noise * 0x9E3779B97F4A7C1
        return out.view(np.uint8)

    def one(self):
        host, rng = self.host, self.rng
        name = list(self.known)[rng.integers(len(self.known))]
        vm, known = host[name], self.known[name]
        ppns = rng.integers(0, vm.pages, 256)
        kind = rng.integers(100)
        if kind < 40:
            stamps = rng.integers(0, 3000, 256)
            done = vm.write_some(ppns, self.pages(stamps))
            known[ppns[:done]] = stamps[:done]
            self.made += done
        elif kind < 80:
            made, _, _, found = vm.try_read(ppns)
            if not (found == self.pages(known[ppns[:made]])).all():
                raise SystemExit(f"a page of {name} is wrong after {self.made} accesses")
            self.made += made
        elif kind < 90:
            host.advance(float(rng.random()))
        elif kind < 94:
            host.scan(pages=200)
        elif kind < 97:
            vm.balloon(ppns[:64])
            known[ppns[:64]] = 0
            vm.deflate()
        elif kind < 99:
            try:
                host.reclaim(vm, 200)
            except errors.SwapFull:
                pass
        else:
            host.remove_vm(name)
            del self.known[name]
            self.add()


def over_time(minutes):
    rates, sizes = [], []
    operations = Operations(1)
    with operations.host:
        for minute in range(minutes):
            end, before = time.monotonic() + 60, operations.made
            began = time.process_time()
            while time.monotonic() < end:
                operations.one()
            rates.append((operations.made - before) / (time.process_time() - began))
            sizes.append(resident())
            line(f"minute {minute + 1}", rates[-1], "accesses/s")
            operations.host.check(deep=True)
    return judge(rates, sizes)


PARTS = {"vms": (vms, 10_000), "accesses": (accesses, 10**9), "time": (over_time, 60)}


def main():
    if len(sys.argv) not in (2, 3) or sys.argv[1] not in PARTS:
        sys.exit(__doc__)
    part, default = PARTS[sys.argv[1]]
    sys.exit(part(int(sys.argv[2]) if len(sys.argv) == 3 else default))


if __name__ == "__main__":
    main()
