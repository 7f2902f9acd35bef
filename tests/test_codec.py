"""A codec of the wrong name or of a library that is not there must say so, and LZ blobs must be the
LZ4 blocks they claim to be. Our own LZ codec is held against python-lz4 in both directions.
"""

import ctypes
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, strategies as st
from made_pages import PAGE, many_pages, some_pages

import pageengine
from pageengine import errors
from pageengine.stores import libraries
from pageengine.stores.codec import Codec, codecs

MISSING = "NO_SUCH_SYMBOL_OF_ANY_LIBRARY"
needs_lz = pytest.mark.skipif("lz" not in codecs(), reason="there is no codec 'lz' in this build")


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
    pages = many_pages()
    for codec in codecs().values():
        blobs = codec.compress(pages)
        with ThreadPoolExecutor(4) as pool:
            for made in pool.map(lambda _, codec=codec: codec.compress(pages), range(16)):
                assert made == blobs


@needs_lz
@given(pages=some_pages())
def test_blobs_of_our_lz_are_lz4_blocks(pages):
    block = pytest.importorskip("lz4.block")
    for page, blob in zip(pages, Codec("lz").compress(pages), strict=True):
        if blob is not None:
            assert block.decompress(blob, uncompressed_size=PAGE) == page.tobytes()


@needs_lz
@given(
    pages=some_pages(),
    options=st.sampled_from(
        [
            {},
            {"mode": "fast", "acceleration": 20},
            {"mode": "high_compression", "compression": 1},
            {"mode": "high_compression", "compression": 12},
        ]
    ),
)
def test_lz4_blocks_are_decoded_by_our_lz(pages, options):
    block = pytest.importorskip("lz4.block")
    blobs = [block.compress(page.tobytes(), store_size=False, **options) for page in pages]
    assert (Codec("lz").decompress(blobs) == pages).all()


@needs_lz
@given(data=st.data())
def test_what_our_lz_decodes_of_damaged_blobs_is_what_lz4_does(data):
    """One decoder may refuse what the other takes (the format's rules for the end of a block), but
    where both decode, they agree."""
    block = pytest.importorskip("lz4.block")
    blob = bytearray(block.compress(data.draw(some_pages())[0].tobytes(), store_size=False))
    for _ in range(data.draw(st.integers(1, 3))):
        blob[data.draw(st.integers(0, len(blob) - 1))] = data.draw(st.integers(0, 255))
    try:
        ours = Codec("lz").decompress_page(bytes(blob))
    except errors.CodecError:
        return
    try:
        theirs = block.decompress(bytes(blob), uncompressed_size=PAGE)
    except block.LZ4BlockError:
        return
    assert ours.tobytes() == theirs


@pytest.mark.skipif("lz4" not in codecs(), reason="liblz4 was not found")
def test_liblz4_as_it_is_bound_makes_what_python_lz4_makes():
    block = pytest.importorskip("lz4.block")
    codec = Codec("lz4")
    if block_version() not in codec.source:
        pytest.skip("another version of liblz4")
    for page, blob in zip(many_pages(), codec.compress(many_pages()), strict=True):
        theirs = block.compress(page.tobytes(), store_size=False)
        assert blob == theirs if len(theirs) <= PAGE else blob is None


def block_version():
    return pytest.importorskip("lz4").library_version_string()


@pytest.mark.skipif("zstd" not in codecs(), reason="libzstd was not found")
def test_zstd_blobs_are_frames_that_others_read_and_theirs_are_read():
    zstandard = pytest.importorskip("zstandard")
    codec, pages = Codec("zstd"), many_pages(4)
    for page, blob in zip(pages, codec.compress(pages), strict=True):
        if blob is not None:
            assert zstandard.ZstdDecompressor().decompress(blob) == page.tobytes()
        for level in (-5, 1, 19):
            frame = zstandard.ZstdCompressor(level).compress(page.tobytes())
            assert (codec.decompress_page(frame) == page).all()


@pytest.fixture
def no_memory_of_libraries():
    remembering = libraries.find
    remembering.cache_clear()
    yield
    remembering.cache_clear()


@pytest.mark.parametrize("name", libraries.PLACES)
def test_a_library_that_is_not_there_is_not_offered(name, monkeypatch, no_memory_of_libraries):
    monkeypatch.setattr(libraries, "candidates", lambda name: ["no-such-library.so"])
    assert name not in codecs()
    with pytest.raises(ValueError, match=f"lib{name}.*was not found.* there are: same, word"):
        Codec(name)
    with pytest.raises(ValueError, match=f"lib{name}"):
        pageengine.Host("1 MiB", compression=name)


@pytest.mark.parametrize("name", libraries.PLACES)
def test_a_library_that_says_nonsense_of_itself_is_not_offered(
    name, monkeypatch, no_memory_of_libraries
):
    nothing = ctypes.CFUNCTYPE(ctypes.c_size_t)(lambda: 0)
    address = ctypes.cast(nothing, ctypes.c_void_p).value
    odd = libraries.Library("odd.so", "0", (address,) * 6, nothing)
    monkeypatch.setattr(libraries, "find", lambda wanted, *_: odd if wanted == name else None)
    assert name not in codecs()
    with pytest.raises(ValueError, match=f"lib{name}"):
        Codec(name)


@pytest.mark.skipif(sys.platform != "linux", reason="where a file's symbols are shown")
@pytest.mark.parametrize(("name", "package"), [("lz4", "lz4"), ("zstd", "zstandard")])
def test_extension_modules_stand_in_for_the_library(
    name, package, monkeypatch, no_memory_of_libraries
):
    pytest.importorskip(package)
    monkeypatch.setitem(
        libraries.PLACES, name, (name, "no-such-library.so.1", libraries.PLACES[name][2])
    )
    try:
        codec = Codec(name)
    except ValueError:
        pytest.skip(f"{package} does not show the symbols here")
    assert package in codec.source
    pages = many_pages(2)
    found = [i for i, blob in enumerate(codec.compress(pages)) if blob]
    blobs = [blob for blob in codec.compress(pages) if blob]
    assert len(found) > len(pages) // 2
    assert (codec.decompress(blobs) == pages[found]).all()


def test_a_file_that_is_no_library_or_lacks_a_symbol_is_passed_over(tmp_path):
    text = tmp_path / "text.so"
    text.write_text("no library")
    assert libraries.load(str(text), (), "version") is None
    assert libraries.load(str(tmp_path / "missing.so"), (), "version") is None
    for path in libraries.candidates("lz4"):
        assert libraries.load(path, (MISSING,), "LZ4_versionString") is None
        assert libraries.load(path, (), MISSING) is None


def test_candidates_of_packages_that_are_not_installed_are_none(monkeypatch):
    monkeypatch.setitem(libraries.PLACES, "lz4", ("lz4", "a.so", (("no_such_package", "*"),)))
    assert len(list(libraries.candidates("lz4"))) <= 1
