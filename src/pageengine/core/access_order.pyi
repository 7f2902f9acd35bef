from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pageengine.core.engine import Engine

COUNT: Final[int]

class AccessOrder:
    apart: int
    plain: int
    def __new__(
        cls, table: ArrayLike, writes: ArrayLike, apart: int, plain: int
    ) -> AccessOrder: ...
    def make(
        self, engine: Engine, id: int, ppns: NDArray[np.int64], kinds: NDArray[np.uint8]
    ) -> tuple[NDArray[np.int64], NDArray[np.uint8], tuple[int, ...], int, int]: ...
    def touch(
        self, engine: Engine, id: int, ppns: NDArray[np.int64], kinds: NDArray[np.uint8]
    ) -> tuple[int, int]: ...
