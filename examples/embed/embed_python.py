"""The simulator of embed_c.c in Python, which prints the same: `python embed_python.py`."""

import numpy as np

import pageengine as pe
from pageengine.policy import Plan, Snapshot

VMS, PAGES, FRAMES, SWAP, BATCH, SCAN = 3, 4096, 6144, 12288, 64, 512
LOW, HIGH = 128, 256  # frames that are kept free
# nanoseconds: a step of the clock, an access, a page decompressed, a page read from swap
STEP, STEPS, HIT, UNZIP, READ = 100_000_000, 25, 20_000, 10_000, 200_000


class Own:
    """Accesses stop at LOW; what happens then is make_room's business."""

    name = "own"

    def reserve(self, memory: int) -> int:
        return (LOW + 1) * pe.PAGE_BYTES

    def decide(self, snapshot: Snapshot) -> Plan:
        return Plan()


class SimulatedVM:
    def __init__(self, vm: pe.VM, number: int):
        self.vm, self.number, self.random = vm, number, number + 1
        self.time = self.waited = self.done = 0  # nanoseconds, nanoseconds, accesses

    def draw(self, below: int) -> int:
        self.random = (self.random * 6364136223846793005 + 1442695040888963407) % 2**64
        return (self.random >> 33) % below

    def run_batch(self, host: pe.Host) -> None:
        writes = self.draw(2) == 0
        ppns = np.array(
            [self.draw(PAGES // 4 if self.draw(5) > 0 else PAGES) for _ in range(BATCH)]
        )
        whose = np.where(ppns % 8 == 0, 0, self.number + 1)
        tokens = pe.tokens.make_tokens(whose << 32 | (ppns + 1), 504 * (1 + ppns // 8 % 8))
        before, first = self.vm.events(), 0
        while first < BATCH:
            if writes:
                done, status, _ = self.vm.try_write(ppns[first:], tokens[first:])
            else:
                done, status, _ = self.vm.try_touch(ppns[first:])
            first += done
            if status == "PE_NO_FRAME":
                make_room(host)
            elif status != "PE_OK":
                raise RuntimeError(status)
        after = self.vm.events()
        waits = UNZIP * (after["decompressions"] - before["decompressions"])
        waits += READ * (after["swap_in"] - before["swap_in"])
        self.done += BATCH
        self.waited += waits
        self.time += waits + HIT * BATCH


def make_room(host: pe.Host) -> None:
    """The VM that holds most gives way, down the ladder, until HIGH frames are free."""
    while host.numbers()["free"] < HIGH * pe.PAGE_BYTES:
        most = max(host.vms.values(), key=lambda vm: vm.numbers()["consumed"])
        if host.reclaim(most, 64, "ladder").frames == 0:
            break


def main() -> None:
    with pe.Host(
        FRAMES * pe.PAGE_BYTES,
        swap=SWAP * pe.PAGE_BYTES,
        contents="tokens",
        policy=Own(),
        estimator="accessed-bits",  # nobody asks it; the default one would mark pages
    ) as host:
        vms = [SimulatedVM(host.add_vm(f"vm {i}", PAGES * pe.PAGE_BYTES), i) for i in range(VMS)]
        for now in range(STEP, STEP * STEPS + 1, STEP):
            for each in vms:
                while each.time < now:
                    each.run_batch(host)
                host.scan(SCAN, each.vm)
        for each in vms:
            print(f"{each.vm.name} done {each.done} waited {each.waited}", end="")
            numbers = each.vm.numbers()
            for name in ("shares", "reservation", "limit", "blocked"):  # what Python alone keeps
                del numbers[name]
            print("", *(f"{name} {value}" for name, value in numbers.items()))
        print("host", *(f"{name} {value}" for name, value in host.numbers().items()))
        host.check(deep=True)


if __name__ == "__main__":
    main()
