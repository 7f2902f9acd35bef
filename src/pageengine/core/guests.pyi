from collections.abc import Sequence

import numpy as np

from pageengine.core.guest import Guest
from pageengine.plumbing.shapes import Table

def numbers_of(guests: Sequence[Guest | None]) -> Table[np.int64]: ...
