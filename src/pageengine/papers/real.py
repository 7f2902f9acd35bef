"""Memory of real programs, for experiments that show what it holds beside a model of it."""

import sys
from collections.abc import Sequence

import numpy as np

from pageengine import Host, images
from pageengine.analysis import programs
from pageengine.errors import PageEngineError
from pageengine.units import MIB, PAGE_BYTES


def sharing_in_copies(name: str, copies: int, mebibytes: float) -> np.ndarray | None:
    """Starts the program ``name`` so many times, with so many MiB each, and loads the memory of one
    copy after the other, byte by byte, as VMs of a host that scans after each. Rows of float64
    [4, copies]: bytes loaded, shared, given back, zero. None where processes may not be read.
    """
    if not sys.platform.startswith("linux"):
        return None
    try:
        with programs.running([name] * copies, mebibytes) as started:
            for program in started:
                programs.wait_ready(program)
            return _loaded([program.process.pid for program in started])
    except (PageEngineError, OSError):
        return None


def captured(names: Sequence[str], mebibytes: float) -> list[np.ndarray]:
    """Starts these programs (``analysis.programs.PROGRAMS``) and reads their memory: uint8
    [n, 4096] of each, without pages it never touched. Empty where processes may not be read.
    """
    if not sys.platform.startswith("linux"):
        return []
    try:
        with programs.running(names, mebibytes) as started:
            for program in started:
                programs.wait_ready(program)
            return [_read(program.process.pid) for program in started]
    except (PageEngineError, OSError):
        return []


def _read(pid: int) -> np.ndarray:
    with images.process(pid) as image:
        return np.concatenate([contents.copy() for _, contents in image])


def _loaded(pids: Sequence[int]) -> np.ndarray:
    rows, total = [], 0
    with Host(len(pids) * 128 * MIB) as host:  # taken as far as it is used
        for pid in pids:
            with images.process(pid) as image:
                vm = host.add_vm(str(pid), image.pages * PAGE_BYTES)
                total += vm.load(image) * PAGE_BYTES
            host.scan()
            stats = host.stats
            rows.append((total, stats.shared, stats.saving, stats.zero))
    return np.array(rows, dtype=float).T
