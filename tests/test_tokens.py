"""At stake: a token that says it compresses better than it does makes a model too kind. Sizes must
survive the round trip.
"""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from pageengine import tokens


@given(st.lists(st.tuples(st.integers(0, 2**58 - 1), st.integers(1, 63 * 64)), min_size=1))
def test_a_token_keeps_its_identity_and_its_size_rounded_up(pages):
    identities, sizes = (np.array(column) for column in zip(*pages, strict=True))
    made = tokens.make_tokens(identities, sizes)
    assert np.array_equal(made >> np.uint64(6), identities.astype(np.uint64))
    kept = tokens.compressed_sizes(made)
    assert np.all(kept >= sizes)
    assert np.all(kept - sizes < 64)


def test_token_zero_is_the_zero_page():
    assert tokens.make_tokens([0], [8])[0] == tokens.ZERO


@pytest.mark.parametrize(("identity", "size"), [(2**58, 8), (1, 0), (1, 4033)])
def test_what_does_not_fit_a_token_is_refused(identity, size):
    with pytest.raises(ValueError, match="must be"):
        tokens.make_tokens([identity], [size])
