from collections.abc import Sequence

import numpy as np

from pageengine.plumbing.shapes import Row, Table

def stacked(rows: Sequence[Row[np.int64]], n: int) -> Table[np.int64]: ...
def since(
    after: Table[np.int64], before: Table[np.int64]
) -> tuple[Table[np.int64], list[int]]: ...
def weighed(counts: Sequence[Row[np.int64]], weights: Row[np.float64]) -> Row[np.float64]: ...
