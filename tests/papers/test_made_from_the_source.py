"""What experiments put in must be what their source says, and where real memory cannot be read they
must go on without it. The inputs are compared with sums by hand; reading is made to fail.
"""

import pytest

from pageengine import images
from pageengine.errors import ImageError
from pageengine.papers import balloon_size, identical_vms, real
from pageengine.units import MIB


def test_linux_sets_aside_what_its_sources_say():
    found = balloon_size.at_boot(256 * MIB // 4096)
    assert found["struct page"] == 65536 * 68
    assert found["hash tables"] == (256 + 256 + 128 + 64 + 16 + 2 * 128) * 1024
    assert found["free reserve"] == 3 * (255 + 32) * 4096


def test_a_smaller_guest_sets_less_aside():
    sums = [sum(balloon_size.at_boot(size * MIB // 4096).values()) for size in (16, 128, 192, 256)]
    assert sums == sorted(set(sums))


def test_the_profile_of_identical_vms_holds_the_three_numbers():
    made = identical_vms.profile("test")
    assert made.zero + made.within + made.common == pytest.approx(0.67)
    assert made.zero + made.within * 3 / 4 == pytest.approx(5 / 40)
    assert made.zero / (5 / 40) == pytest.approx(0.55)


@pytest.mark.slow
def test_without_real_memory_its_part_is_left_out(monkeypatch):
    def refused(pid, **_):
        raise ImageError(f"process {pid}: its memory may not be read")

    monkeypatch.setattr(images, "process", refused)
    assert real.sharing_in_copies("records", 1, 1) is None
    data = {}
    assert identical_vms._real(data) == [] and data == {}
