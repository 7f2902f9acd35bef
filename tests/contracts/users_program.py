"""A user's program, as a type checker sees it: ``assert_type`` is held by mypy, strictly, and all
of it is run, so that what is asserted is also so. Test code, not an example.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, assert_type

import numpy as np
import numpy.typing as npt

import pageengine as pe
from pageengine import errors, images, tokens
from pageengine.core.guest import Ops, Replay
from pageengine.lab import Result, Simulation, VMSpec
from pageengine.lab.compare import of
from pageengine.lab.workloads import Accesses, Release
from pageengine.plumbing.shapes import Pages, Row
from pageengine.policy import Plan, Policy, Snapshot, VMPlan
from pageengine.stores.codec import Codec
from pageengine.stores.frames import FrameBitmap
from pageengine.stores.hashing import hash_pages, pages_equal, same_filled
from pageengine.stores.sharing import SharingTable
from pageengine.stores.swap import SwapSpace
from pageengine.stores.zcache import CompressionCache


class FromTheLargest:
    """A policy of one's own."""

    name = "from-the-largest"

    def decide(self, snapshot: Snapshot) -> Plan:
        need = max(0, snapshot.memory // 20 - snapshot.free)
        largest = max(snapshot.vms, key=lambda vm: vm.consumed)
        assert_type(largest.name, str)
        assert_type(largest.consumed, int)
        assert_type(largest.stall, float)
        return Plan(vms={largest.name: VMPlan(reclaim=min(need, largest.consumed))})


@dataclass
class Twice:
    """A workload of one's own: two places, in turn."""

    pages: int = 0
    in_use: int = 0
    needs_guest: bool = False
    rng: np.random.Generator = field(default_factory=np.random.default_rng)

    def start(self, pages: int, rng: np.random.Generator) -> None:
        self.pages = self.in_use = pages
        self.rng = rng

    def step(self, seconds: float, time: float) -> list[Accesses | Release]:
        first: npt.NDArray[np.int64] = self.rng.integers(0, self.pages, 100)
        return [Accesses(first, True), Accesses((first + 1) % self.pages)]


def hosts() -> None:
    policy: Policy = FromTheLargest()
    told: list[Plan] = []
    with pe.Host("64 MiB", policy=policy, seed=1) as host:
        host.on_plan(told.append)
        vm = host.add_vm("web", "32 MiB", shares=2000)
        assert_type(vm, pe.VM)
        pages = np.zeros((16, pe.PAGE_BYTES), np.uint8)
        assert_type(vm.write(np.arange(16), pages), pe.Faults)
        assert_type(vm.read([1, 2]), npt.NDArray[Any])  # pages, or tokens: as the host was made
        assert_type(vm.try_touch(3, True), tuple[int, str, pe.Faults])
        assert_type(vm.places, Row[np.uint8])
        assert_type(vm.idle_ages(), Row[np.uint64])
        assert_type(vm.stats, pe.VMStats)
        assert_type(vm.events(), dict[str, int])
        assert_type(host.columns(), dict[str, Row[np.int64]])
        assert_type(host.scan(), pe.ScanResult)
        assert_type(host.reclaim(vm, 1, "swap"), pe.Reclaimed)
        assert_type(host.snapshot(), Snapshot)
        host.advance(20.0, {"web": 19.0})
        assert_type(host.stats.free, int)
        assert_type(host.state, str)
        assert_type([host[name].size for name in host], list[int])
    assert told
    try:
        host.balance()
    except errors.Closed as why:
        assert_type(str(why), str)


def stores(folder: Path) -> None:
    pages = np.arange(8 * 4096, dtype=np.int64).astype(np.uint8).reshape(8, 4096)
    assert_type(hash_pages(pages), Row[np.uint64])
    assert_type(pages_equal(pages, pages[::-1]), Row[np.bool_])
    assert_type(same_filled(pages), tuple[Row[np.bool_], Row[np.uint64]])
    codec = Codec("word")
    assert_type(codec.sizes(pages), Row[np.uint32])
    blobs = codec.compress(pages)
    assert_type(blobs, list[bytes | None])
    assert_type(codec.decompress([blob for blob in blobs if blob]), Pages)
    assert_type(FrameBitmap(100).take(3), Row[np.uint32])
    assert_type(SharingTable(10).lookup([1, 2]), tuple[Row[np.uint8], Row[np.uint64]])
    with SwapSpace(16, folder) as space:
        slots = space.write(pages)
        assert_type(slots, Row[np.uint32])
        assert_type(space.read(slots), Pages)
    cache = CompressionCache(16, codec="lz", packing="dense")
    assert_type(cache.load(cache.store(pages)[:0]), Pages)
    assert_type(cache.packing, str)
    assert_type(tokens.make_tokens([1, 2], 100), npt.NDArray[np.uint64])


def guests() -> None:
    guest = pe.Guest(1024, replacement="lru")
    ops = guest.access("memory", np.arange(10), True)
    assert_type(ops, Ops)
    assert_type(ops.ppns, Row[np.int64])
    assert_type(ops.flags, Row[np.uint8])
    assert_type(guest.replay("file", [1, 2, 3]), Replay)
    assert_type(guest.inflate(4), tuple[Row[np.int64], Ops])
    assert_type(guest.stats, pe.GuestStats)


def read_images(folder: Path) -> None:
    path = folder / "image.raw"
    path.write_bytes(bytes(8 * 4096))
    with images.open(path) as image:
        assert_type(image, images.Image)
        for ppns, pages in image:
            assert_type(ppns, Row[np.int64])
            assert_type(pages, Pages)


def simulations() -> None:
    specs = [VMSpec("mine", "16 MiB", Twice()), VMSpec("zipf", "16 MiB", {"kind": "zipf"})]
    result = Simulation("24 MiB", specs, policy=FromTheLargest(), seed=1, epoch=1.0).run(4)
    assert_type(result, Result)
    assert_type(result.host["free"], npt.NDArray[Any])
    assert_type(result.of("zipf")["stall"], npt.NDArray[Any])
    assert_type(result.names, list[str])
    assert_type(result.digest(), str)
    comparison = of({"mine": result, "again": result})
    assert_type([verdict.stall for verdict in comparison.verdicts], list[float])


def mistakes(vm: pe.VM, space: SwapSpace, cache: CompressionCache) -> None:
    """What a type checker must find; never called. An ignore that is not needed is an error."""
    vm.touch(np.arange(3), wrote=True)  # type: ignore[call-arg]
    pe.Host(memory="1 GiB", polcy="esx6")  # type: ignore[call-arg]
    space.slots = 3  # type: ignore[misc]
    cache.packing = "dense"  # type: ignore[misc]
    row: Row[np.uint8] = space.read([1])  # type: ignore[assignment]
    numbers: Row[np.int64] = space.write(row)  # type: ignore[assignment]
    CompressionCache(4, packing="loose" + str(numbers))  # type: ignore[arg-type]
    Plan(vms=[VMPlan()])  # type: ignore[arg-type]
    wrong: Policy = Twice()  # type: ignore[assignment]
    Simulation("1 GiB", [VMSpec("a", "1 MiB", wrong)])  # type: ignore[arg-type]


def main(folder: Path) -> None:
    hosts()
    stores(folder)
    guests()
    read_images(folder)
    simulations()
