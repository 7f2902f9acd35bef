"""If contents of simulated VMs were not what their profile says, every saving in the lab would
be wrong. The core's tokens are compared with the plain rules, written a second time in numpy.
"""

import pickle
import zlib

import numpy as np
import pytest

from pageengine.lab.contents import PROFILES, _mix
from pageengine.stores.profile import VMContents

N = 20_000
each = pytest.mark.parametrize("profile", list(PROFILES.values()), ids=list(PROFILES))


def plainly(profile, vm, ppns, version):
    """The rules of csrc/pe_profile.c, a line each."""
    common, within, own, kind = (
        _mix(np.uint64(zlib.crc32(profile.name.encode()) * 8 + what), *of)
        for what, of in enumerate([(), (np.uint64(vm),), (np.uint64(vm),), ()], 1)
    )
    pages, group = ppns.astype(np.uint64), ppns.astype(np.uint64) // np.uint64(profile.copies)
    draw = (_mix(kind, group) >> np.uint64(11)).astype(np.float64) * 2.0**-53
    ends = np.cumsum([profile.zero, profile.same, profile.common, profile.within])
    sort = np.where(version == 0, np.searchsorted(ends, draw, side="right"), 4)
    of_page = _mix(common, pages)
    hashes = [
        of_page * 0,
        of_page,
        of_page,
        _mix(within, group),
        _mix(own, pages, version.astype(np.uint64)),
    ]
    identity = np.choose(sort, hashes) >> np.uint64(6)
    units = profile._units[identity & np.uint64(4095)].astype(np.uint64)
    return (identity << np.uint64(6)) | np.where(sort < 2, np.uint64(0), units)


@each
def test_contents_are_those_of_the_plain_rules(profile):
    draw = np.random.default_rng(3)
    ppns, version = draw.integers(0, 2**40, N), draw.integers(0, 3, N) * draw.integers(0, 2, N)
    expected = plainly(profile, 5, ppns, version)
    assert np.array_equal(profile.tokens(5, ppns, version), expected)
    assert np.array_equal(pickle.loads(pickle.dumps(profile)).tokens(5, ppns, version), expected)


def test_contents_of_a_vm_say_what_they_need():
    with pytest.raises(ValueError, match="2 pages and 3 versions"):
        PROFILES["own"].of(0).tokens([1, 2], [0, 0, 0])
    with pytest.raises(ValueError, match="marks must be 4 numbers"):
        VMContents(0, 0, [0.5], 4, np.ones(4096, np.uint8))


def test_what_is_written_goes_on_from_version_to_version():
    contents = PROFILES["mixed"].of(3)
    ppns, kinds = np.array([4, 9, 4, 2]), np.array([1, 9, 1, 1], np.uint8)
    versions = np.zeros(10, np.int32)
    for round in range(3):
        written = contents.written(ppns, kinds, 8, versions)
        expected = contents.tokens(ppns, np.full(4, round))
        expected[1] = 0
        assert np.array_equal(written, expected)
        contents.go_on(ppns, kinds, 8, versions)
        assert versions.tolist() == [0, 0, round + 1, 0, round + 1, 0, 0, 0, 0, 0]
    for call in (contents.written, contents.go_on):
        with pytest.raises(IndexError, match="PPN 9 is not one of the 5 pages"):
            call(ppns, kinds, 8, versions[:5])
        with pytest.raises(ValueError, match="4 pages and 2 kinds"):
            call(ppns, kinds[:2], 8, versions)
        call(ppns[:0], kinds[:0], 8, versions)
