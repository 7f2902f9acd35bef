"""A saving that could not be had is a promise broken. Patches of the counted size are really made
and applied, and pages with a known difference are found.
"""

import numpy as np
import pytest

from pageengine.analysis import subpage

DRAW = np.random.Generator(np.random.Philox(key=[7, 7]))


def random_pages(n):
    return DRAW.integers(0, 256, (n, 4096), dtype=np.uint8)


def patch(page, reference):
    """The patch as bytes: header, then runs."""
    a, b = page.view(np.uint64), reference.view(np.uint64)
    out, at = bytearray(b"\0" * subpage.HEADER), 0
    while at < 512:
        if a[at] == b[at]:
            at += 1
            continue
        end = at
        while end < 512 and a[end] != b[end]:
            end += 1
        out += at.to_bytes(2, "little") + (end - at).to_bytes(2, "little") + a[at:end].tobytes()
        at = end
    return bytes(out)


def applied(patch_, reference):
    words, at = reference.view(np.uint64).copy(), subpage.HEADER
    while at < len(patch_):
        start, n = (int.from_bytes(patch_[at + i : at + i + 2], "little") for i in (0, 2))
        words[start : start + n] = np.frombuffer(patch_[at + 4 : at + 4 + 8 * n], np.uint64)
        at += 4 + 8 * n
    return words.view(np.uint8)


@pytest.mark.parametrize("changes", [1, 7, 60, 300])
def test_a_patch_has_the_size_that_is_counted_and_makes_the_page(changes):
    references = random_pages(20)
    pages = references.copy()
    for page in pages:
        page[DRAW.integers(0, 4096, changes)] ^= 0x5A
    sizes = subpage.patch_sizes(pages, references)
    for page, reference, size in zip(pages, references, sizes, strict=True):
        made = patch(page, reference)
        assert len(made) == size
        assert np.array_equal(applied(made, reference), page)


def test_nearly_equal_pages_are_found_and_unlike_ones_are_not():
    base = random_pages(200)
    near = base.copy()
    near[:, 4000:4008] ^= 1
    found = subpage.potential(np.concatenate([base, near]))
    assert found.similar == 200
    assert found.compressed == found.sharing == 0
    assert found.patched == 200 * (4096 - subpage.HEADER - subpage.RUN - 8) == found.both
    assert subpage.potential(base).similar == 0


def test_a_patched_page_is_no_reference():
    base = random_pages(1)
    chain = np.repeat(base, 4, axis=0)
    for number, page in enumerate(chain):
        page[-8:] = number
    assert np.count_nonzero(subpage.patch_choice(chain)) == 3
    assert subpage.patch_choice(chain)[0] == 0


def test_equal_and_zero_pages_are_shared_not_patched():
    pages = np.concatenate([np.zeros((3, 4096), np.uint8), np.repeat(random_pages(1), 5, axis=0)])
    found = subpage.potential(pages)
    assert found.sharing == 7 * 4096 and found.similar == 0
    assert subpage.potential(pages[:0]) == subpage.SubPage(0, 0, 0, 0, 0, 0)
    assert subpage.potential(pages[:3]).more == 0
