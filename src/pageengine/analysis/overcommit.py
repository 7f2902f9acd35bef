"""The overcommit experiment: memory images as virtual machines on a host too small for them.

Four phases, each timed and each followed by a look at the host: *load* writes every page of every
image, looking for equal pages along the way as hosts do (the policy makes room as it must), *scan*
makes one full sharing pass, *balance* lets the policy act on what the scan found, *verify* opens
the image files again, reads every page of every VM back and compares it, byte for byte. Where
the pages are is noted before the verification, which moves them.
"""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pageengine import images
from pageengine.analysis.outcome import EVENTS, Overcommit, Phase, VMOutcome, account, places_of
from pageengine.analysis.resident import Resident
from pageengine.host.host import Host
from pageengine.host.vm import VM
from pageengine.plumbing import given
from pageengine.units import PAGE_BYTES, parse_size

_BATCH_PAGES = 512
_HOLE_STEP = 512

Progress = Callable[[str, str, int, int], object]  # phase, VM, pages done, pages in all


def memory_for(text: int | str, total: int) -> int:
    """Bytes of host memory from a size ("256 MiB") or a part of ``total`` ("50%"), whole pages."""
    if isinstance(text, str) and text.strip().endswith("%"):
        try:
            percent = float(text.strip()[:-1])
        except ValueError:
            percent = -1.0
        if not 0 < percent <= 1000:
            raise ValueError(
                f"memory {text!r} is not a percentage: write one above 0%, such as '50%'"
            )
        size = int(total * percent / 100)
    else:
        size = parse_size(text, "memory")
    if size < PAGE_BYTES:
        raise ValueError(f"memory {text!r} is less than one page (4096 bytes)")
    return size - size % PAGE_BYTES


def names_for(paths: Sequence[str]) -> list[str]:
    """A short name for each image: its file's name, told apart by a number where two are alike."""
    names: list[str] = []
    for path in paths:
        base = given.name_of_file(Path(path).name.split(".")[0] or Path(path).name)
        name, n = base, 2
        while name in names:
            name, n = f"{base}-{n}", n + 1
        names.append(name)
    return names


def overcommit(
    paths: Sequence[str],
    memory: int | str,
    *,
    names: Sequence[str] | None = None,
    groups: Mapping[str, str] | None = None,
    cache_limit: int | str = "10%",
    progress: Progress | None = None,
    kind: str | None = None,
    **host_options: Any,
) -> Overcommit:
    """Runs the experiment.

    paths: image files that do not change meanwhile. A VM is as large as the memory of its
    image whose content is known; pages are packed. memory: of the host, bytes, text, or a part of
    the images' total ("50%"). names: of the VMs, by default from the file names. groups: path
    -> salt; VMs of different salts share nothing. cache_limit: of each VM, in the
    compression cache. kind: of all images, as
    ``images.open`` takes it. host_options: as ``Host`` takes them.
    """
    if not paths:
        raise ValueError("there is no image: name at least one")
    kinds = [_kinds_of(path, kind) for path in paths]
    sizes = [(each.data + each.hole) * PAGE_BYTES for each in kinds]
    resident = Resident()
    with Host(memory_for(memory, sum(sizes)), **host_options) as host:
        run = _Run(host, resident, progress, kind)
        for path, name, size in zip(paths, names or names_for(paths), sizes, strict=True):
            host.add_vm(name, size, salt=(groups or {}).get(path, ""), cache_limit=cache_limit)
            run.who.append((name, path, (groups or {}).get(path, "")))
        run.kinds = kinds
        run.load()
        run.phase("scan", host.scan)
        run.phase("balance", host.balance)
        places = run.places()
        given_back = account(host.stats)
        run.verify()
        return Overcommit(
            memory=host.memory,
            configured=sum(sizes),
            compression=host.compression,
            packing=host.packing,
            phases=tuple(run.phases),
            vms=run.vms(places),
            given_back=given_back,
            resident_peak=resident.peak,
            swap_peak=run.swap_peak,
        )


def _kinds_of(path: str, kind: str | None) -> images.Kinds:
    with images.open(path, kind=kind, packed=True) as image:
        return image.kinds


class _Run:
    """The phases of one experiment on one host."""

    def __init__(self, host: Host, resident: Resident, progress: Progress | None, kind: str | None):
        self._host, self._resident, self._kind = host, resident, kind
        self._progress = progress or (lambda *_: None)
        self.who: list[tuple[str, str, str]] = []  # name, path, group
        self.kinds: list[images.Kinds] = []
        self._differing: dict[str, list[int]] = {}
        self._compared: dict[str, int] = {}
        self.phases: list[Phase] = []
        self.swap_peak = 0

    def phase(self, name: str, work: Callable[[], object]) -> None:
        """Runs ``work``; what it returns as a float is time that was spent reading files."""
        self._progress(name, "", 0, 0)
        before = self._host.stats
        start = time.perf_counter()
        reading = work()
        seconds = time.perf_counter() - start
        reading = reading if isinstance(reading, float) else 0.0
        self._look()
        stats = self._host.stats
        events = {
            key: getattr(stats, key) - getattr(before, key) for key in EVENTS if hasattr(stats, key)
        }
        self.phases.append(
            Phase(name, seconds - reading, reading, self._resident.now, stats.to_dict(), events)
        )

    def load(self) -> None:
        self.phase("load", lambda: sum(self._load(*who[:2]) for who in self.who))

    def verify(self) -> None:
        self.phase("verify", lambda: sum(self._verify(*who[:2]) for who in self.who))

    def _look(self) -> None:
        self._resident.look()
        self.swap_peak = max(self.swap_peak, self._host.stats.swapped)

    def _load(self, name: str, path: str) -> float:
        vm = self._host[name]
        end = 0

        def write(ppns: np.ndarray, pages: np.ndarray) -> None:
            nonlocal end
            vm.write(ppns, pages)
            before, end = end, int(ppns[-1]) + 1
            self._host.scan(end - before, vm)
            self._look()
            self._progress("load", name, end, vm.pages)

        return _each_batch(path, self._kind, write)

    def _verify(self, name: str, path: str) -> float:
        vm = self._host[name]
        self._differing[name], self._compared[name] = [], 0
        end = 0

        def compare(ppns: np.ndarray, pages: np.ndarray) -> None:
            nonlocal end
            inside = np.arange(end, ppns[-1] + 1)
            holes = inside[~np.isin(inside, ppns, assume_unique=True)]
            self._compare(vm, holes, None)
            self._compare(vm, ppns, pages)
            end = int(ppns[-1]) + 1
            self._look()
            self._progress("verify", name, end, vm.pages)

        reading = _each_batch(path, self._kind, compare)
        self._compare(vm, np.arange(end, vm.pages), None)
        self._progress("verify", name, vm.pages, vm.pages)
        return reading

    def _compare(self, vm: VM, ppns: np.ndarray, pages: np.ndarray | None) -> None:
        """Reads pages back and compares them with ``pages``, or with zeros where that is None."""
        for start in range(0, len(ppns), _HOLE_STEP):
            part = ppns[start : start + _HOLE_STEP]
            found = vm.read(part).view(np.uint64)
            if pages is None:
                wrong = found.any(axis=1)
            else:
                wrong = (found != pages[start : start + _HOLE_STEP].view(np.uint64)).any(axis=1)
            self._differing[vm.name] += part[wrong].tolist()
            self._compared[vm.name] += len(part)

    def places(self) -> dict[str, dict[str, int]]:
        """Where each VM's pages are, in bytes."""
        return {name: places_of(self._host[name].stats) for name, _, _ in self.who}

    def vms(self, places: dict[str, dict[str, int]]) -> tuple[VMOutcome, ...]:
        return tuple(
            VMOutcome(
                name=name,
                path=os.fspath(path),
                group=group,
                size=sum(places[name].values()),
                **{key: pages * PAGE_BYTES for key, pages in kinds._asdict().items()},
                places=places[name],
                compared=self._compared[name],
                differing=len(self._differing[name]),
                first_differing=min(self._differing[name], default=None),
            )
            for (name, path, group), kinds in zip(self.who, self.kinds, strict=True)
        )


def _each_batch(
    path: str, kind: str | None, use: Callable[[np.ndarray, np.ndarray], object]
) -> float:
    """Calls ``use(ppns, pages)`` for every batch of an image; returns the seconds spent reading
    it."""
    start = time.perf_counter()
    using = 0.0
    with images.open(path, kind=kind, batch=_BATCH_PAGES, packed=True) as image:
        for ppns, pages in image:
            begun = time.perf_counter()
            use(ppns, pages)
            using += time.perf_counter() - begun
    return time.perf_counter() - start - using
