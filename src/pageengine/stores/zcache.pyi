from typing import Final, Literal, SupportsIndex

import numpy as np
from numpy.typing import ArrayLike

from pageengine.plumbing.shapes import Pages, Row
from pageengine.stores.codec import Codec

PAGE_BYTES: Final = 4096
NONE: Final = 4294967295
GROUPS_MAX: Final = 65536
OWNER_MAX: Final = 281474976710655

class CompressionCache:
    def __new__(
        cls,
        frames: SupportsIndex,
        *,
        codec: str = "word",
        packing: Literal["esx", "dense"] = "esx",
        limit: SupportsIndex | None = None,
    ) -> CompressionCache: ...
    def store(
        self, pages: ArrayLike, owners: ArrayLike | None = None, group: SupportsIndex = 0
    ) -> Row[np.uint32]: ...
    def load(self, blobs: ArrayLike) -> Pages: ...
    def erase(self, blobs: ArrayLike) -> None: ...
    def owner(self, blob: SupportsIndex) -> int: ...
    def oldest(self, group: SupportsIndex | None = None) -> int | None: ...
    def set_limit(
        self, limit: SupportsIndex | None, group: SupportsIndex | None = None
    ) -> None: ...
    def stats(self, group: SupportsIndex | None = None) -> dict[str, int]: ...
    @property
    def codec(self) -> Codec: ...
    @property
    def packing(self) -> str: ...
    @property
    def bytes(self) -> int: ...
    def check(self) -> None: ...
