"""Names for arrays by how many dimensions they have, for annotations: a type checker of a user's
program then knows that ``SwapSpace.read`` gives pages and not a row of numbers.
"""

from typing import TypeVar

import numpy as np

_Number = TypeVar("_Number", bound=np.generic)

#: [n]
Row = np.ndarray[tuple[int], np.dtype[_Number]]
#: [n, m]
Table = np.ndarray[tuple[int, int], np.dtype[_Number]]
#: uint8 [n, 4096]
Pages = Table[np.uint8]
