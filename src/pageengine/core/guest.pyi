from typing import Final, Literal, NamedTuple, SupportsIndex

import numpy as np
from numpy.typing import ArrayLike

from pageengine.core.records import GuestStats

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
    ppns: np.ndarray
    flags: np.ndarray

class Replay(NamedTuple):
    done: int
    misses: int

class Guest:
    pages: int
    replacement: str
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
    def inflate(self, pages: SupportsIndex, sleeping: bool = False) -> tuple[np.ndarray, Ops]: ...
    def deflate(self, pages: SupportsIndex) -> np.ndarray: ...
    def report_free(self) -> np.ndarray: ...
    def numbers(self) -> tuple[int, ...]: ...
    @property
    def stats(self) -> GuestStats: ...
    @property
    def nbytes(self) -> int: ...
    def check(self) -> None: ...
