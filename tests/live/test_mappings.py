"""By how a process has its memory mapped the doctor says why nothing is merged: what only looks
like memory of its own (a program's text, a file, a shared mapping) must not be taken for it.
"""

import pytest

from pageengine.live.sources.mappings import Mapped, read_mapped

SMAPS = """\
55d000000000-55d000010000 r-xp 00000000 fe:00 77                         /usr/bin/program
Rss:                  64 kB
VmFlags: rd ex mr mw me
55d000020000-55d000030000 rw-p 00010000 fe:00 77                         /usr/bin/program
Rss:                  32 kB
VmFlags: rd wr mr mw me ac
7f0000000000-7f0000100000 r--p 00000000 00:00 0
Rss:                 128 kB
VmFlags: rd mr mw me ac mg
7f0000200000-7f0000300000 rw-p 00000000 00:00 0
Rss:                1024 kB
AnonHugePages:       512 kB
VmFlags: rd wr mr mw me ac mg
7f0000400000-7f0000500000 rw-p 00000000 00:00 0                          [heap]
Rss:                 256 kB
AnonHugePages:         0 kB
VmFlags: rd wr mr mw me ac
7f0000600000-7f0000700000 rw-s 00000000 00:01 9                          /memfd:ram (deleted)
Rss:                 512 kB
VmFlags: rd wr sh mr mw me ms
7f0000800000-7f0000a00000 rw-p 00000000 00:0f 12                         /anon_hugepage
Rss:                   0 kB
Private_Hugetlb:    2048 kB
VmFlags: rd wr mr mw me de ht
"""
KIB = 1024


@pytest.fixture
def process(tmp_path):
    (tmp_path / "proc/9").mkdir(parents=True)
    (tmp_path / "proc/9/smaps").write_text(SMAPS)
    return tmp_path / "proc/9"


def test_only_writable_memory_of_its_own_is_what_ksm_could_merge(process, tmp_path):
    assert read_mapped(9, tmp_path) == Mapped(
        anonymous=1280 * KIB,
        mergeable=1024 * KIB,
        shared=512 * KIB,
        huge=512 * KIB,
        hugetlb=2048 * KIB,
    )


@pytest.mark.parametrize(("said", "mergeable"), [("yes", 1280), ("no", 1024)])
def test_a_process_that_asked_for_all_of_it_asked_for_all_of_it(process, tmp_path, said, mergeable):
    (process / "ksm_stat").write_text(f"ksm_rmap_items 0\nksm_merge_any: {said}\n")
    assert read_mapped(9, tmp_path).mergeable == mergeable * KIB


def test_a_process_that_may_not_be_looked_into_is_not_known(tmp_path):
    assert read_mapped(9, tmp_path) is None
