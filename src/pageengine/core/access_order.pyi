from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from pageengine.core.engine import Engine
from pageengine.plumbing.shapes import Row

COUNT: Final[int]

class AccessOrder:
    def __new__(
        cls, table: ArrayLike, writes: ArrayLike, apart: int, plain: int
    ) -> AccessOrder: ...
    def make(
        self, engine: Engine, id: int, ppns: Row[np.int64], kinds: Row[np.uint8]
    ) -> tuple[Row[np.int64], Row[np.uint8], tuple[int, ...], int, int]: ...
    def touch(
        self, engine: Engine, id: int, ppns: Row[np.int64], kinds: Row[np.uint8]
    ) -> tuple[int, int]: ...
    @property
    def apart(self) -> int: ...
    @property
    def plain(self) -> int: ...
