"""At stake: what is told of one guest among many is another's."""

import numpy as np
import pytest

from pageengine.core.guest import NUMBERS, Guest
from pageengine.core.guests import numbers_of


def test_numbers_of_many_are_those_of_each():
    guests = [Guest(64, kernel_pages=3), None, Guest(40)]
    guests[2].access("memory", np.arange(60), True)
    expected = [(0,) * (1 + len(NUMBERS)) if each is None else each.numbers() for each in guests]
    assert list(map(tuple, numbers_of(guests).T.tolist())) == expected
    assert numbers_of([]).shape == (1 + len(NUMBERS), 0)
    with pytest.raises(AttributeError):
        numbers_of([object()])
