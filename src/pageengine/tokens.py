"""Content tokens: a page's content as one 64-bit number, for hosts too large to hold real bytes.

Two pages are equal exactly when their tokens are. The low six bits say how well the page
compresses: its compressed size in units of 64 bytes, rounded up; 0 is a same-filled page (8 bytes),
above 32 (2048 bytes) it does not fit half a page. Token 0 is the zero page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pageengine.plumbing import given
from pageengine.plumbing.arrays import integers

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

ZERO = 0
UNIT = 64


def make_tokens(identities: ArrayLike, compressed_bytes: ArrayLike) -> NDArray[np.uint64]:
    """Tokens uint64 [n] from content identities (int [n], 0 <= identity < 2**58) and compressed
    sizes in bytes (int or int [n], 1 to 4032; 8 and less: a same-filled page).
    """
    identities = integers(identities, "content identities", np.uint64)
    sizes = integers(compressed_bytes, "compressed sizes")
    if np.any(identities >= 2**58):
        raise ValueError(f"a content identity must be below 2**58, got {int(identities.max())}")
    if np.any(sizes < 1) or np.any(sizes > 63 * UNIT):
        raise ValueError(
            f"a compressed size must be 1 to {63 * UNIT} bytes, got {given.shown(compressed_bytes)}"
        )
    units = np.where(sizes <= 8, 0, -(-sizes // UNIT)).astype(np.uint64)
    return (identities << np.uint64(6)) | units


def compressed_sizes(tokens: ArrayLike) -> NDArray[np.int64]:
    """The compressed sizes in bytes that tokens stand for, int64 [n]."""
    units = (np.asarray(tokens, dtype=np.uint64) & np.uint64(63)).astype(np.int64)
    return np.where(units == 0, 8, units * UNIT)
