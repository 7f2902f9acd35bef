from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

STEPS: Final[int]

class MachineContents:
    def __new__(
        cls, salt: int, machine: int, marks: ArrayLike, copies: int, units: ArrayLike
    ) -> MachineContents: ...
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
