from collections.abc import Sequence
from typing import Final

import numpy as np

from pageengine.plumbing.shapes import Row, Table

TICK: Final[float]
READING_SECONDS: Final[float]
REPORT_SECONDS: Final[float]

class Clocks:
    def __new__(cls, columns: Sequence[str]) -> Clocks: ...
    def pass_time(
        self,
        table: Table[np.float64],
        first: int,
        ran: Row[np.float64],
        seconds: float,
        reports_free: bool,
    ) -> tuple[
        tuple[
            Row[np.bool_],
            Row[np.int64],
            Row[np.float64],
            Row[np.float64],
            Row[np.bool_],
            Row[np.bool_],
        ],
        tuple[bool, bool, bool, bool],
    ]: ...
    def due_in(self, table: Table[np.float64], n: int, reports_free: bool) -> float: ...
    def targets(self, table: Table[np.float64], n: int) -> Row[np.float64]: ...
    def ends_scan_pass(self, table: Table[np.float64], n: int) -> bool: ...
