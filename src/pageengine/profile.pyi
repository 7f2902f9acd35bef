from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

STEPS: Final[int]

class MachineContents:
    def __init__(
        self, salt: int, machine: int, marks: ArrayLike, copies: int, units: ArrayLike
    ) -> None: ...
    def tokens(self, ppns: ArrayLike, versions: ArrayLike) -> NDArray[np.uint64]: ...
    def written(
        self,
        ppns: NDArray[np.int64],
        kinds: NDArray[np.uint8],
        zeroed: int,
        versions: NDArray[np.int32],
    ) -> NDArray[np.uint64]: ...
    @staticmethod
    def go_on(
        ppns: NDArray[np.int64],
        kinds: NDArray[np.uint8],
        zeroed: int,
        versions: NDArray[np.int32],
    ) -> None: ...
