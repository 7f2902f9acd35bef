"""A page that needs something else to be read is of no use when it is mailed or kept. It is parsed
here: every element is closed, nothing is fetched, and no figure stands without its unit.
"""

import base64
from html.parser import HTMLParser

import made_up
import pytest

from pageengine import report
from pageengine.lab import compare
from pageengine.report import html

SUMMARY = {
    "stall": 0.01672,
    "free_least": 52109312,
    "swap_in": 3748,
    "ballooned_most": 2204946432,
    "rows": [1, 2],
}


class Page(HTMLParser):
    """What a browser would make of it. links: what it would fetch."""

    def __init__(self, text):
        super().__init__()
        self.open, self.links, self.pictures, self.cells, self.scripts = [], [], [], [], 0
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        named = dict(attributes)
        self.links += [value for key, value in attributes if key in ("href", "src", "srcset")]
        self.scripts += tag == "script"
        if tag == "img":
            self.pictures.append((named["alt"], named["src"]))
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, self.getpos()

    def handle_data(self, data):
        if self.open[-1:] in (["td"], ["th"]):
            self.cells.append(data)


@pytest.fixture(scope="module")
def page():
    result = made_up.result(600)
    result.summary.clear()
    result.summary.update(SUMMARY)
    result.meta["name"] = "a <b> & c"
    text = html.page(result)
    return text, Page(text)


def test_every_element_is_closed_and_a_name_is_no_markup(page):
    text, parsed = page
    assert not parsed.open and not parsed.scripts
    assert text.count("a &lt;b&gt; &amp; c") == 2


def test_nothing_is_fetched(page):
    text, parsed = page
    assert "url(" not in text and "@import" not in text
    assert parsed.links and all(link.startswith("data:image/png;base64,") for link in parsed.links)
    for alt, source in parsed.pictures:
        assert alt and base64.b64decode(source.partition(",")[2]).startswith(b"\x89PNG")


def test_figures_have_their_units(page):
    cells = page[1].cells
    figures = dict(zip(cells[:-1], cells[1:], strict=True))
    assert figures["free least"] == "49.7 MiB"
    assert figures["ballooned most"] == "2.05 GiB"
    assert figures["swap in"] == "3,748 pages"
    assert figures["stall"] == "1.67 % of the time"
    assert "rows" not in cells


def test_a_comparison_is_a_page_of_its_own():
    stalls = {"<esx>": (0.01, 0.03), "kvm": (0.3, 0.4)}
    made = {
        policy: [made_up.with_stalls(policy, web=stall) for stall in each]
        for policy, each in stalls.items()
    }
    found = compare.of(made, seeds=(1, 2))
    page = Page(report.comparison(found, "a <b>"))
    assert page.open == [] and page.scripts == 0
    assert all(link.startswith("data:image/png;base64,") for link in page.links)
    assert [title for title, _ in page.pictures] == ["Policies compared"]
    assert {"<esx>", "kvm", "1 of 1", "0 of 1", "2.00 ± 12.71 %", "untouched"} <= set(page.cells)
