from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from pageengine.plumbing.shapes import Row

STEPS: Final[int]

class VMContents:
    def __new__(
        cls, salt: int, vm: int, marks: ArrayLike, copies: int, units: ArrayLike
    ) -> VMContents: ...
    def tokens(self, ppns: ArrayLike, versions: ArrayLike) -> Row[np.uint64]: ...
    def written(
        self,
        ppns: Row[np.int64],
        kinds: Row[np.uint8],
        zeroed: int,
        versions: Row[np.int32],
    ) -> Row[np.uint64]: ...
    @staticmethod
    def go_on(
        ppns: Row[np.int64],
        kinds: Row[np.uint8],
        zeroed: int,
        versions: Row[np.int32],
    ) -> None: ...
