from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pageengine.engine import Engine

COUNT: Final[int]

class Turns:
    when: int
    def __init__(self, table: ArrayLike, when: int) -> None: ...
    def order(
        self, engine: Engine, id: int, ppns: NDArray[np.int64], kinds: NDArray[np.uint8]
    ) -> tuple[NDArray[np.int64], NDArray[np.uint8], tuple[int, ...]]: ...
