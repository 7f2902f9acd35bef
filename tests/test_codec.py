"""A page that comes back different from compression is silent damage to a guest. Pages of every kind
go through every codec that this machine has; ours are held against python-lz4, damaged blobs must
be refused or restore some page, never more.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pageengine
from pageengine import errors, libraries
from pageengine.codec import Codec, codecs

PAGE = 4096
NAMES = list(codecs())
each = pytest.mark.parametrize("name", NAMES)


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


@each
@given(pages=some_pages(), limit=st.integers(1, PAGE))
def test_what_was_compressed_comes_back(name, pages, limit):
    codec = Codec(name)
    blobs = codec.compress(pages, limit)
    sizes = codec.sizes(pages, limit)
    assert [len(blob) if blob else 0 for blob in blobs] == sizes.tolist()
    assert sizes.max() <= limit
    there = [i for i, blob in enumerate(blobs) if blob is not None]
    assert (codec.decompress([blobs[i] for i in there]) == pages[there]).all()


@each
@given(pages=some_pages(), limit=st.integers(1, PAGE))
def test_a_limit_refuses_and_changes_nothing_else(name, pages, limit):
    codec = Codec(name)
    whole = codec.compress(pages)
    expected = [blob if blob and len(blob) <= limit else None for blob in whole]
    assert codec.compress(pages, limit) == expected


@each
def test_a_blob_depends_on_its_page_alone(name):
    pages = many_pages()
    blobs = Codec(name).compress(pages)
    assert Codec(name).compress(pages[::-1])[::-1] == blobs
    assert [Codec(name).compress_page(page) for page in pages] == blobs
    codec = Codec(name)
    assert [codec.compress_page(bytes(page)) for page in pages] == blobs


@each
@given(data=st.data())
@settings(max_examples=60)
def test_damaged_blobs_are_refused_or_restore_some_page(name, data):
    codec = Codec(name)
    blob = bytearray(codec.compress(data.draw(some_pages())[:1])[0] or b"\x13\x37")
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(blob) - 1))
        blob[at] = data.draw(st.integers(0, 255))
    del blob[data.draw(st.integers(1, len(blob))) :]
    try:
        assert codec.decompress_page(bytes(blob)).shape == (PAGE,)
    except errors.CodecError as error:
        assert error.index == 0


@each
def test_the_first_blob_that_does_not_decode_is_named(name):
    codec = Codec(name)
    good = codec.compress_page(np.zeros(PAGE, np.uint8))
    for bad in (b"", b"\xff", b"\x00" * 3, good + b"x" * 5000):
        with pytest.raises(errors.CodecError, match=rf"blob 2 .*{name}") as caught:
            codec.decompress([good, good, bad, bad])
        assert caught.value.index == 2
    with pytest.raises(errors.CodecError):
        codec.decompress_page(b"")


@each
def test_nothing_to_do_is_no_error(name):
    codec = Codec(name)
    none = np.empty((0, PAGE), np.uint8)
    assert codec.compress(none) == [] and codec.sizes(none).shape == (0,)
    assert codec.decompress([]).shape == (0, PAGE)


@each
def test_more_pages_than_one_batch_keep_their_order(name):
    pages = np.zeros((1000, PAGE), np.uint8)
    pages.view(np.uint64)[:] = np.arange(1000, dtype=np.uint64)[:, None]
    codec = Codec(name)
    assert (codec.decompress(codec.compress(pages)) == pages).all()


@each
def test_what_is_no_array_of_pages_is_named(name):
    codec = Codec(name)
    for call in (codec.sizes, codec.compress):
        with pytest.raises(TypeError, match="uint8, not int64"):
            call(np.zeros((2, PAGE), np.int64))
        with pytest.raises(ValueError, match=r"\(n, 4096\), not \(2, 100\)"):
            call(np.zeros((2, 100), np.uint8))
        for limit in (0, -1, PAGE + 1):
            with pytest.raises(ValueError, match=f"got {limit}"):
                call(np.zeros((1, PAGE), np.uint8), limit)
        with pytest.raises(TypeError, match="'many'"):
            call(np.zeros((1, PAGE), np.uint8), "many")
    with pytest.raises(ValueError, match=r"\(4095,\)"):
        codec.compress_page(bytes(PAGE - 1))
    for bad in (None, 7, "text"):
        with pytest.raises(TypeError, match=f"blob 1 .*{type(bad).__name__}"):
            codec.decompress([b"x", bad])


@each
def test_pages_may_be_any_view_and_blobs_any_bytes(name):
    pages = np.repeat(many_pages(1), 2, axis=0)[::2]
    codec = Codec(name)
    pages.setflags(write=False)
    blobs = [blob for blob in codec.compress(pages) if blob]
    again = codec.decompress(iter([bytearray(blobs[0]), memoryview(blobs[0]), blobs[0]]))
    assert (again == again[0]).all()
    again[:] = 0  # the caller's own


def test_unknown_names_are_answered_with_what_there_is():
    with pytest.raises(ValueError, match=r"unknown codec 'wrod'; did you mean 'word'\? .*same"):
        Codec("wrod")
    with pytest.raises(ValueError, match="unknown codec 'nothing like it'; there are: same, word"):
        Codec("nothing like it")
    with pytest.raises(TypeError, match="17"):
        Codec(17)
    with pytest.raises(TypeError):
        Codec.__new__(Codec)


def test_codecs_are_listed_in_the_same_order_and_say_where_they_are_from():
    found = pageengine.codecs()
    assert list(found)[:2] == ["same", "word"] and list(pageengine.codecs()) == list(found)
    for name, codec in found.items():
        assert codec.name == name and codec.summary
        assert codec.source == "built in" or "version" in codec.source
        assert name in repr(codec)


def test_threads_may_share_a_codec():
    from concurrent.futures import ThreadPoolExecutor

    pages = many_pages()
    for codec in codecs().values():
        blobs = codec.compress(pages)
        with ThreadPoolExecutor(4) as pool:
            for made in pool.map(lambda _, codec=codec: codec.compress(pages), range(16)):
                assert made == blobs


@each
def test_a_host_may_compress_with_it(name):
    host = pageengine.Host("1 MiB", compression=name, sharing=False)
    vm = host.add_vm("a", "2 MiB")
    pages = np.concatenate([many_pages(10)] * 6)[:400]
    vm.write(np.arange(400), pages)
    assert (vm.read(np.arange(400)) == pages).all()
    host.check()
