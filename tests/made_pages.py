"""Pages as memory holds them, made: for tests that need many of every kind."""

import numpy as np
from hypothesis import strategies as st

PAGE = 4096


def zeros(draw):
    return np.zeros(PAGE, np.uint8)


def random(draw):
    return draw.integers(0, 256, PAGE, np.uint8)


def sparse(draw):
    page = np.zeros(PAGE, np.uint8)
    count = int(draw.integers(1, 200))
    page[draw.integers(0, PAGE, count)] = draw.integers(1, 256, count, np.uint8)
    return page


def pointers(draw):
    base = np.uint64(0x7F00_0000_0000) + draw.integers(0, 1 << 40, 4, np.uint64)
    words = draw.choice(base, PAGE // 8) + draw.integers(0, 1 << 20, PAGE // 8, np.uint64)
    words[draw.random(PAGE // 8) < draw.random()] = 0
    return words.view(np.uint8)


def integers(draw):
    return draw.integers(-300, 300, PAGE // 4, np.int32).view(np.uint8)


def text(draw):
    words = np.array(["page ", "frame ", "of ", "the ", "memory", ", ", "host.\n", "balloon "])
    line = "".join(draw.choice(words, PAGE)).encode()
    return np.frombuffer(line[:PAGE], np.uint8).copy()


def repeats(draw):
    unit = draw.integers(0, 256, int(draw.integers(1, 700)), np.uint8)
    page = np.resize(unit, PAGE)
    for at in draw.integers(0, PAGE, int(draw.integers(0, 6))):
        page[at] ^= 1
    return page


def ends(draw):
    """Nothing to find but at the very start and the very end."""
    page = random(draw)
    length = int(draw.integers(1, 64))
    page[-length:] = page[:length]
    return page


KINDS = (zeros, random, sparse, pointers, integers, text, repeats, ends)


@st.composite
def some_pages(draw):
    """Up to six pages, uint8 [n, 4096]."""
    made = [
        draw(st.sampled_from(KINDS))(np.random.default_rng(draw(st.integers(0, 2**32))))
        for _ in range(draw(st.integers(1, 6)))
    ]
    return np.stack(made)


def many_pages(each_kind=20):
    draw = np.random.default_rng(5)
    return np.stack([kind(draw) for _ in range(each_kind) for kind in KINDS])
