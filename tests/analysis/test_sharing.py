"""A survey tells people how much memory they would win, so every count has to be exact.
Images with known contents are written to files, and plain dicts count the same pages again."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from pageengine import images
from pageengine.analysis.sharing import GRAINS, survey
from pageengine.analysis.tally import HashSet, Sample

PAGE = 4096


def page(number: int) -> np.ndarray:
    """Page 0 is zero, negative ones are one repeated word, the others are all different."""
    if number <= 0:
        return np.full(PAGE // 8, -number, np.uint64).view(np.uint8)
    return np.random.default_rng(number).integers(0, 256, PAGE).astype(np.uint8)


def image_file(folder, name: str, numbers) -> str:
    path = folder / f"{name}.raw"
    path.write_bytes(np.array([page(number) for number in numbers]).tobytes())
    return str(path)


def surveyed(paths, *args, **kwargs):
    opened = [images.open(path) for path in paths]
    try:
        return survey(opened, *args, **kwargs)
    finally:
        for image in opened:
            image.close()


def counts(grain):
    return grain.chunks, grain.zero, grain.within, grain.across, grain.kept


def test_every_page_of_known_images_is_counted_where_it_belongs(tmp_path):
    a = image_file(tmp_path, "a", [1, 2, 0, 2, 2, -7, -7, 3])
    b = image_file(tmp_path, "b", [3, 3, 0, 0, 4, 1, -7, 5])
    report = surveyed([a, b])
    first, second = report.images
    assert counts(first.grains[0]) == (8, 1, 3, 0, 4)
    assert counts(second.grains[0]) == (8, 2, 1, 3, 2)
    assert (first.same_filled, second.same_filled) == (2, 1)
    assert report.grains[0].saved == (3 + 3 + 4) * PAGE
    assert report.distinct_pages == 6
    assert report.bytes == 16 * PAGE


@pytest.mark.parametrize("grain", [1, 2])
def test_large_pages_are_shared_only_when_all_of_them_is_equal(tmp_path, grain):
    pages = GRAINS[grain] // PAGE
    chunk = [1] * pages
    nearly = [1] * (pages - 1) + [2]
    swapped = [2] + [1] * (pages - 1)
    a = image_file(tmp_path, "a", chunk + nearly + chunk + [0] * pages + [1] * (pages - 1))
    b = image_file(tmp_path, "b", nearly + swapped + [0] * (pages - 1) + [1])
    first, second = surveyed([a, b], codec_names=["same"]).images
    assert counts(first.grains[grain]) == (4, 1, 1, 0, 2)
    assert counts(second.grains[grain]) == (3, 0, 0, 1, 2)


def test_holes_of_an_image_are_zero_pages(tmp_path):
    path = tmp_path / "sparse.raw"
    with open(path, "wb") as file:
        file.write(page(1).tobytes())
        file.truncate(1 << 24)
    (found,) = surveyed([str(path)]).images
    assert counts(found.grains[0]) == (4096, 4095, 0, 0, 1)
    assert counts(found.grains[2]) == (8, 7, 0, 0, 1)


def test_images_of_different_groups_share_nothing(tmp_path):
    paths = [image_file(tmp_path, name, [1, 2, 3]) for name in "abc"]
    together = surveyed(paths)
    apart = surveyed(paths, {paths[0]: "blue", paths[1]: "blue", paths[2]: "red"})
    assert together.grains[0].across == 6
    assert apart.grains[0].across == 3
    assert {name: len(members) for name, members in apart.groups.items()} == {"blue": 2, "red": 1}
    assert apart.distinct_pages == 6


def test_techniques_add_up_on_pages_whose_compressed_size_is_known(tmp_path):
    path = image_file(tmp_path, "a", [0, 0, -1, -1, -2, 5, 5, 6])
    report = surveyed([path], codec_names=["same"])
    saved = report.techniques()
    assert saved["zero pages"] == 2 * PAGE
    assert saved["sharing"] == (2 + 1 + 1) * PAGE
    assert saved["compression (same)"] == (2 + 3) * 3072
    assert saved["sharing, then compression (same)"] == 4 * PAGE + 2 * 3072


def test_a_sample_estimates_what_all_pages_say(tmp_path):
    path = image_file(tmp_path, "a", [*range(-300, 0), *range(1, 301), *range(-100, 0)])
    every = surveyed([path], codec_names=["same"], sample=None).compressibility[0]
    some = surveyed([path], codec_names=["same"], sample=200).compressibility[0]
    assert (every.pages, some.pages) == (600, 200)
    assert every.quarter == 0.5
    assert some.quarter == pytest.approx(every.quarter, abs=0.15)


def test_the_report_is_plain_data(tmp_path):
    import json

    report = surveyed([image_file(tmp_path, "a", [1, 0])]).to_dict()
    assert json.loads(json.dumps(report)) == json.loads(json.dumps(report))
    assert report["grains"][0]["saved"] == PAGE
    assert 0 < report["collision_chance"] < 1e-15


def test_progress_ends_with_all_pages(tmp_path):
    seen = []
    path = image_file(tmp_path, "a", [1, 2, 0])
    surveyed([path], progress=lambda *args: seen.append(args))
    assert seen[-1] == (path, 3, 3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"codec_names": ["nope"]}, "unknown codec 'nope'"),
        ({"sample": 0}, "at least 1 page"),
        ({"groups": {"other.raw": "g"}}, "names other.raw"),
    ],
)
def test_bad_arguments_are_named(tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        surveyed([image_file(tmp_path, "a", [1])], **options)


def naive(groups, contents, pages: int) -> list:
    """(chunks, zero, within, across, kept) per image, by dicts."""
    seen: dict = {}
    found = []
    for group, numbers in zip(groups, contents, strict=True):
        chunks = [tuple(numbers[i : i + pages]) for i in range(0, len(numbers) - pages + 1, pages)]
        zero = sum(not any(chunk) for chunk in chunks)
        tally = Counter(chunk for chunk in chunks if any(chunk))
        known = seen.setdefault(group, set())
        across = sum(chunk in known for chunk in tally)
        known.update(tally)
        found.append(
            (len(chunks), zero, sum(tally.values()) - len(tally), across, len(tally) - across)
        )
    return found


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    contents=st.lists(
        st.lists(st.integers(-2, 4), min_size=1, max_size=70), min_size=1, max_size=4
    ),
    groups=st.lists(st.sampled_from(["", "x", "y"]), min_size=4, max_size=4),
)
def test_counts_equal_those_of_plain_dicts(tmp_path, contents, groups):
    groups = groups[: len(contents)]
    paths = [image_file(tmp_path, f"i{n}", numbers) for n, numbers in enumerate(contents)]
    report = surveyed(paths, dict(zip(paths, groups, strict=True)), codec_names=["same"])
    for grain, size in enumerate(GRAINS):
        expected = naive(groups, contents, size // PAGE)
        assert [counts(image.grains[grain]) for image in report.images] == expected


@settings(max_examples=60, deadline=None)
@given(
    batches=st.lists(st.lists(st.integers(1, 60), max_size=30), max_size=12),
    size=st.one_of(st.none(), st.integers(1, 20)),
)
def test_a_sample_keeps_the_smallest_hashes_with_complete_counts(batches, size):
    sample, seen, total = Sample(size, 1), HashSet(), Counter()
    for batch in batches:
        hashes, numbers = np.unique(np.array(batch, np.uint64), return_counts=True)
        assert seen.add(hashes).tolist() == [h not in total for h in hashes.tolist()]
        total.update(batch)
        new = sample.wanted(hashes, numbers)
        sample.put(hashes[new], numbers[new], hashes[new].astype(np.uint16)[:, None])
    counted, rows = sample.close()
    smallest = sorted(total)[:size]
    assert rows[:, 0].tolist() == smallest
    assert counted.tolist() == [total[h] for h in smallest]
    assert len(seen) == len(total)
