from typing import NamedTuple, Self, SupportsFloat, SupportsIndex

import numpy as np

from pageengine.host.host import Host
from pageengine.plumbing.shapes import Row

OPERATIONS: tuple[str, ...]
KINDS: dict[str, tuple[str, ...]]

class Fault(NamedTuple):
    operation: str
    kind: str
    number: int
    slots: tuple[int, ...]

class FaultPlan:
    def __init__(self, seed: SupportsIndex = 0) -> None: ...
    def fail(
        self,
        operation: str,
        kind: str,
        *,
        nth: SupportsIndex | None = None,
        share: SupportsFloat | None = None,
        always: bool = False,
    ) -> Self: ...
    def clear(self) -> None: ...
    def log(self, since: SupportsIndex = 0) -> list[Fault]: ...
    def damaged_pages(self, host: Host) -> dict[str, Row[np.int64]]: ...
    @property
    def operations(self) -> dict[str, int]: ...
    @property
    def made(self) -> dict[str, int]: ...
    @property
    def total(self) -> int: ...
    @property
    def held(self) -> int: ...
    @property
    def seed(self) -> int: ...
