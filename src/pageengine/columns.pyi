import numpy as np
from numpy.typing import NDArray

from pageengine.engine import Engine

EVENTS: tuple[str, ...]
VM_NUMBERS: tuple[str, ...]
ROWS: tuple[str, ...]

def numbers(engine: Engine, ids: NDArray[np.uint64]) -> NDArray[np.int64]: ...
def ballooned(engine: Engine, ids: NDArray[np.uint64]) -> NDArray[np.int64]: ...
def end_samples(engine: Engine, ids: NDArray[np.uint64]) -> NDArray[np.int64]: ...
def begin_samples(
    engine: Engine, ids: NDArray[np.uint64], n: NDArray[np.uint32]
) -> None: ...
def scan(
    engine: Engine, ids: NDArray[np.uint64], pages: NDArray[np.int64], two_scans: bool = False
) -> None: ...
