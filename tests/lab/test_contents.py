"""Sharing and compression of a simulated VM are no better than its contents. The parts of a
profile are counted in what it gives, and the pages that tokens stand for are compressed for real.
"""

import numpy as np
import pytest

from pageengine import tokens as token_words
from pageengine.lab.contents import PROFILES, ContentProfile, expand, find
from pageengine.stores.codec import Codec

N = 200_000
each = pytest.mark.parametrize("profile", list(PROFILES.values()), ids=list(PROFILES))


@each
def test_the_parts_are_those_of_the_profile(profile):
    a, b = profile.tokens(0, np.arange(N)), profile.tokens(1, np.arange(N))
    assert (a == 0).mean() == pytest.approx(profile.zero, abs=0.01)
    both = np.isin(a[a != 0], b).mean() * (1 - profile.zero)
    assert both == pytest.approx(profile.common + profile.same, abs=0.01)
    own = a[(a != 0) & ~np.isin(a, b)]
    repeated = len(own) - len(np.unique(own))
    assert repeated / N <= profile.within
    if profile.within:
        assert repeated / N > 0.7 * profile.within


@each
def test_sizes_are_drawn_as_the_profile_says(profile):
    found = profile.tokens(0, np.arange(N))
    sizes = token_words.compressed_sizes(found[found != 0])
    whole = sum(profile.sizes.values())
    for size, part in profile.sizes.items():
        expected = part / whole * (1 - profile.same / max(1e-9, 1 - profile.zero))
        assert (sizes == -(-size // 64) * 64).mean() == pytest.approx(expected, abs=0.02)


def test_what_is_written_later_is_the_vms_own():
    profile = PROFILES["linux"]
    first, later = profile.tokens(0, np.arange(N)), profile.tokens(0, np.arange(N), 1)
    assert not np.isin(later, first).any()
    assert not np.isin(later, profile.tokens(1, np.arange(N), 1)).any()
    assert not np.isin(later, profile.tokens(0, np.arange(N), 2)).any()
    assert len(np.unique(later)) == N


@each
def test_pages_are_equal_exactly_when_their_tokens_are(profile):
    tokens = profile.tokens(0, np.arange(3000))
    pages = expand(tokens)
    _, by_token = np.unique(tokens, return_inverse=True)
    _, by_page = np.unique(pages.view("V4096").ravel(), return_inverse=True)
    assert len(set(zip(by_token.tolist(), by_page.tolist(), strict=True))) == by_token.max() + 1
    assert by_token.max() == by_page.max()
    assert not pages[tokens == 0].any()


def test_pages_compress_into_the_slot_that_their_token_says():
    for size in range(9, 4033):
        tokens = token_words.make_tokens([size * 7 + 1], [size])
        real = Codec("word").sizes(expand(tokens), 4096)[0] or 4096
        said = token_words.compressed_sizes(tokens)[0]
        slot = [1024, 2048, 4096]
        assert np.searchsorted(slot, real) == np.searchsorted(slot, said), size


def test_a_profile_survives_json():
    profile = ContentProfile("mine", zero=0.3, within=0.1, sizes={700: 1.0})
    assert ContentProfile.from_json(profile.to_json()) == profile


def test_contents_are_found_by_name_table_object_or_file(tmp_path):
    assert find(None) == find("own") == PROFILES["own"]
    assert find({"zero": 0.5}).zero == 0.5
    path = tmp_path / "p.json"
    path.write_text(PROFILES["mixed"].to_json())
    assert find(str(path)) == PROFILES["mixed"]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ContentProfile(zero=1.5), "zero must be a number from 0 to 1, got 1.5"),
        (lambda: ContentProfile(zero=0.7, common=0.7), "add up to more than 1"),
        (lambda: ContentProfile(sizes={5000: 1}), "9 to 4032 bytes"),
        (lambda: ContentProfile(copies=1), "copies must be a whole number from 2 to"),
        (lambda: find("linus"), "did you mean 'linux'"),
        (lambda: ContentProfile.from_json("[]"), "not a content profile"),
        (lambda: ContentProfile.from_json('{"zreo": 1}'), r"unknown keys \['zreo'\]"),
    ],
)
def test_bad_profiles_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_profile_of_images_gives_what_the_images_held(tmp_path):
    from pageengine import images
    from pageengine.analysis.sharing import survey

    source = ContentProfile("s", zero=0.2, common=0.3, within=0.2, sizes={900: 0.5, 4032: 0.5})
    paths = []
    for vm in range(2):
        path = tmp_path / f"{vm}.raw"
        path.write_bytes(expand(source.tokens(vm, np.arange(8000))).tobytes())
        paths.append(images.open(path))
    found = ContentProfile.from_report(survey(paths, {}, codec_names=["word"], sample=None))
    for part in ("zero", "common", "within"):
        assert getattr(found, part) == pytest.approx(getattr(source, part), abs=0.03), part
    assert sum(found.sizes[s] for s in found.sizes if s <= 1024) == pytest.approx(0.5, abs=0.05)


def test_scan_writes_a_profile_that_simulations_read(tmp_path, capsys):
    from pageengine.cli import main

    image, profile = tmp_path / "a.raw", tmp_path / "a.json"
    image.write_bytes(expand(PROFILES["mixed"].tokens(0, np.arange(3000))).tobytes())
    assert main(["scan", str(image), "--profile", str(profile)]) == 0
    assert "Content profile written" in capsys.readouterr().out
    assert find(str(profile)).zero == pytest.approx(0.15, abs=0.03)
