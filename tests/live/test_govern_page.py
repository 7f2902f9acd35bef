"""A key that the page does not have is not used; one that is not there is a mistake in a file."""

import re
import tomllib

import govern_page

from pageengine.live.config import read_config


def test_the_page_has_every_key_as_it_is_read():
    assert govern_page.PAGE.read_text() == govern_page.page()


def test_the_examples_of_the_page_can_be_governed_by(tmp_path):
    blocks = re.findall(r"```toml\n(.*?)```", govern_page.PAGE.read_text(), re.S)
    assert blocks
    for block in blocks:
        assert tomllib.loads(block)
        path = tmp_path / "govern.toml"
        path.write_text(block)
        assert read_config(path).guests
