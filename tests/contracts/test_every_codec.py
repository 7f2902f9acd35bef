"""A page that comes back different from compression is silent damage to a guest. Pages of every
kind go through every codec this computer has, those of libraries too, and damaged blobs must be
refused or restore some page; a codec is tested here by being in the table.
"""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from made_pages import PAGE, many_pages, some_pages

import pageengine
from pageengine import errors
from pageengine.stores.codec import Codec, codecs

each = pytest.mark.parametrize("name", codecs())


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
def test_a_limit_refuses_and_changes_no_blob(name, pages, limit):
    codec = Codec(name)
    for whole, blob in zip(codec.compress(pages), codec.compress(pages, limit), strict=True):
        if blob is None:
            assert whole is None or len(whole) + 16 > limit
        else:
            assert blob == whole


@each
def test_a_blob_does_not_depend_on_the_pages_before(name):
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
def test_pages_are_written_where_the_caller_wants_them(name):
    codec, page = Codec(name), np.full((1, PAGE), 7, np.uint8)
    blobs = codec.compress(page) * 3
    out = np.zeros((3, PAGE), np.uint8)
    assert codec.decompress(blobs, out) is out and (out == 7).all()
    read_only = np.zeros((3, PAGE), np.uint8)
    read_only.setflags(write=False)
    wrong = (out[:2], out.view(np.int8), np.zeros((6, PAGE), np.uint8)[::2], read_only, bytes(9))
    for bad in wrong:
        with pytest.raises(ValueError, match=r"out must be .* shape \(3, 4096\)"):
            codec.decompress(blobs, bad)


@each
def test_pages_may_be_any_view_and_blobs_any_bytes(name):
    pages = np.repeat(many_pages(1), 2, axis=0)[::2]
    codec = Codec(name)
    pages.setflags(write=False)
    blobs = [blob for blob in codec.compress(pages) if blob]
    again = codec.decompress(iter([bytearray(blobs[0]), memoryview(blobs[0]), blobs[0]]))
    assert (again == again[0]).all()
    again[:] = 0  # the caller's own


@each
def test_a_host_may_compress_with_it(name):
    host = pageengine.Host("1 MiB", compression=name, sharing=False)
    vm = host.add_vm("a", "2 MiB")
    pages = np.concatenate([many_pages(10)] * 6)[:400]
    vm.write(np.arange(400), pages)
    assert (vm.read(np.arange(400)) == pages).all()
    host.check()
