from typing import Final

import numpy as np

from pageengine.core.access_order import AccessOrder
from pageengine.host.vm import VM
from pageengine.plumbing.shapes import Row
from pageengine.stores.profile import VMContents

WRITE: Final[int]
FILL: Final[int]
PAGE_OUT: Final[int]
ZEROED: Final[int]
OUT: Final[int]
FRESH: Final[int]
LAST: Final[int]

class AccessMaker:
    def __init__(
        self,
        vm: VM,
        order: AccessOrder,
        contents: VMContents,
        bytes_: bool,
        sharing: bool,
    ) -> None: ...
    def make(
        self, ppns: Row[np.int64], kinds: Row[np.uint8]
    ) -> tuple[Row[np.int64], Row[np.uint8], int]: ...
    @property
    def waits(self) -> bool: ...
    @property
    def double_paging(self) -> int: ...
    @double_paging.setter
    def double_paging(self, value: int) -> None: ...
