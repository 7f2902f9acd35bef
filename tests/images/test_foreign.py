"""A file that is known and not read must be refused by name, with the way out, and never be taken
for raw memory. Each line of the table is written to a file that raw memory could be."""

import pytest

from pageengine import images
from pageengine.errors import ImageError
from pageengine.images.foreign import FOREIGN


@pytest.mark.parametrize("line", FOREIGN, ids=lambda line: line.what)
def test_a_known_file_is_refused_with_advice(tmp_path, line):
    path = tmp_path / "file"
    path.write_bytes((bytes(line.at) + line.magic).ljust(8192, b"\1"))
    with pytest.raises(ImageError) as caught:
        images.open(path)
    assert (
        str(path) in str(caught.value)
        and line.what in str(caught.value)
        and line.advice in str(caught.value)
    )


def test_no_magic_hides_another():
    for line in FOREIGN:
        assert (
            next(f for f in FOREIGN if line.magic.startswith(f.magic) and f.at == line.at) is line
        )


def test_the_user_may_know_better(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"BZh".ljust(4096, b"\1"))
    assert images.open(path, kind="raw").pages == 1


def test_kdump_advice_names_the_commands(tmp_path):
    path = tmp_path / "vmcore"
    path.write_bytes(b"KDUMP   ".ljust(4096, b"\1"))
    with pytest.raises(
        ImageError, match="dump-guest-memory without -z.*--format elf.*makedumpfile -E"
    ):
        images.open(path)
