from typing import Final

import numpy as np

from pageengine.core.access_order import AccessOrder
from pageengine.host.ordered import OrderedAccesses
from pageengine.host.vm import VM
from pageengine.plumbing.shapes import Pages, Row
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
        ordered: OrderedAccesses,
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
    @property
    def _vm(self) -> VM: ...
    @_vm.setter
    def _vm(self, value: VM) -> None: ...
    @property
    def _waiting(self) -> list[tuple[Row[np.int64], Row[np.uint8] | None]]: ...
    @_waiting.setter
    def _waiting(self, value: list[tuple[Row[np.int64], Row[np.uint8] | None]]) -> None: ...
    @property
    def _arriving(self) -> tuple[Row[np.int64], np.ndarray] | None: ...
    @_arriving.setter
    def _arriving(self, value: tuple[Row[np.int64], np.ndarray] | None) -> None: ...
    @property
    def _version(self) -> Row[np.int32]: ...
    @_version.setter
    def _version(self, value: Row[np.int32]) -> None: ...
