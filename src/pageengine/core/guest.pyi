from typing import Final, Literal, NamedTuple, SupportsIndex

import numpy as np
from numpy.typing import ArrayLike

from pageengine.core.records import GuestStats
from pageengine.plumbing.shapes import Row

PAGE_BYTES: int
PAGES_MOST: int
SWAP_MOST: int
WRITE: Final = 1
FILL: Final = 2
PAGE_OUT: Final = 4
KINDS: dict[str, int]
LEVELS: int
NUMBERS: tuple[str, ...]
REPLACEMENTS: tuple[str, ...]

def find_replacement(name: str) -> str: ...

class Ops(NamedTuple):
    done: int
    ppns: Row[np.int64]
    flags: Row[np.uint8]

class Replay(NamedTuple):
    done: int
    misses: int

class Guest:
    def __init__(
        self,
        pages: SupportsIndex,
        *,
        swap_pages: int | None = None,
        kernel_pages: int = 0,
        replacement: str = "clock",
    ) -> None: ...
    def restart(self) -> None: ...
    def access(
        self, kind: Literal["memory", "file"], ids: ArrayLike, write: ArrayLike = False
    ) -> Ops: ...
    def replay(
        self, kind: Literal["memory", "file"], ids: ArrayLike, write: ArrayLike = False
    ) -> Replay: ...
    def release(self, kind: Literal["memory", "file"], ids: ArrayLike) -> None: ...
    def drop_cache(self, pages: SupportsIndex) -> int: ...
    def inflate(
        self, pages: SupportsIndex, sleeping: bool = False
    ) -> tuple[Row[np.int64], Ops]: ...
    def deflate(self, pages: SupportsIndex) -> Row[np.int64]: ...
    def report_free(self) -> Row[np.int64]: ...
    def numbers(self) -> tuple[int, ...]: ...
    @property
    def pages(self) -> int: ...
    @property
    def replacement(self) -> str: ...
    def state(self) -> bytes: ...
    def restore(self, state: bytes) -> None: ...
    @property
    def options(self) -> dict[str, int | str]: ...
    @property
    def stats(self) -> GuestStats: ...
    @property
    def nbytes(self) -> int: ...
    def check(self) -> None: ...
