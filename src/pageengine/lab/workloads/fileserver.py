"""A server that reads files through the page cache of its guest."""

import numpy as np

from pageengine.core.draws import Ranks
from pageengine.lab.workloads.base import Accesses, Paced, Release
from pageengine.lab.workloads.zipf import popularity, steepness
from pageengine.units import PAGE_BYTES, PAGES_MOST, Size, parse_size


class FileServer(Paced):
    """Reads blocks of ``files`` bytes of files, popular ones most (alpha as for zipf), ``rate``
    blocks per second, and touches as many pages of its own memory, which is ``memory`` bytes.
    write: part of the blocks that are written. Needs a guest, whose page cache holds what it can.
    """

    PART = 0.1
    needs_guest = True

    def __init__(
        self,
        *,
        files: Size = "1 GiB",
        rate: float = 500.0,
        memory: Size | None = None,
        write: float = 0.05,
        alpha: float = 0.9,
    ):
        super().__init__(rate=rate, memory=memory, write=write)
        self.blocks = parse_size(files, "files", PAGES_MOST * PAGE_BYTES) // PAGE_BYTES
        if self.blocks < 1:
            raise ValueError(f"files must be at least one page, got {files!r}")
        self.alpha = steepness(alpha)

    def start(self, pages: int, rng: np.random.Generator) -> None:
        super().start(pages, rng)
        self._by_rank, self._cached = rng.permutation(self.blocks), min(self.blocks, pages)
        self._blocks = Ranks(self._by_rank, popularity(self.blocks, self.alpha))

    def warm(self, time: float) -> list[Accesses | Release]:
        """As many blocks as the VM has pages at the most, those that are read most."""
        cached = Accesses(self._by_rank[: self._cached][::-1], False, "file")
        return [cached, Accesses(np.arange(self.pages), True)]

    def fastest(self) -> float:
        return 2 * self.rate  # a page of its own for every block

    def burst(self) -> int:
        return 2

    def step(self, seconds: float, time: float) -> list[Accesses | Release]:
        n = self.touches(seconds)
        own = self.draws.below(self.pages, n)
        blocks = self.draws.ranks(self._blocks, n)
        return [Accesses(own, True), Accesses(blocks, self.writes(n), "file")]
