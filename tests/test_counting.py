"""At stake: an event that is counted twice, or a cost that depends on the order in which it was
added up. Both are held against numpy and fsum.
"""

from math import fsum

import numpy as np
import pytest
from hypothesis import given, strategies as st

from pageengine.lab.counting import since, stacked, weighed

counts = st.integers(0, 2**40)


@given(st.integers(0, 6), st.integers(0, 5), st.integers(0, 2**32))
def test_what_has_grown_is_the_difference_or_all_of_it(kinds, n, seed):
    draw = np.random.default_rng(seed)
    before, after = draw.integers(0, 9, (2, kinds, n))
    found, sums = since(after, before.copy("F"))
    expected = np.where(after >= before, after - before, after)
    assert np.array_equal(found, expected) and sums == expected.sum(axis=1).tolist()


@given(st.lists(st.tuples(counts, counts, st.floats(0, 1e3)), max_size=7))
def test_a_weighed_sum_is_rounded_once(kinds):
    rows = [np.array([a, b, 0]) for a, b, _ in kinds]
    found = weighed(rows, np.array([w for *_, w in kinds], float))
    if kinds:
        for i in range(3):
            assert found[i] == fsum(w * float(row[i]) for row, (*_, w) in zip(rows, kinds))
    else:
        assert len(found) == 0


def test_rows_of_other_vms_are_refused():
    assert stacked([], 3).shape == (0, 3)
    assert stacked([np.arange(3), np.arange(6)[::2]], 3).tolist() == [[0, 1, 2], [0, 2, 4]]
    with pytest.raises(ValueError, match="counts of 2 VMs among those of 3"):
        stacked([np.arange(3), np.arange(2)], 3)
    with pytest.raises(ValueError, match="2 counters of 3 VMs"):
        since(np.zeros((2, 3), np.int64), np.zeros((2, 2), np.int64))
    with pytest.raises(ValueError, match="1 kinds of events and 2 weights"):
        weighed([np.arange(3)], np.ones(2))
