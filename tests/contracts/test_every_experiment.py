"""An experiment that nobody runs rots. Each of the table is run once: it says what it is, its
verdict is what the documentation says, its figure comes out, and the same seed gives the same
numbers.
"""

import experiments
import pytest

from pageengine import papers
from pageengine.papers import page


@pytest.fixture(scope="module", params=experiments.EACH)
def outcome(request):
    return experiments.run(request.param)


def test_it_says_what_it_is(outcome):
    module = papers.experiment(outcome.name)
    for text in (module.TITLE, module.SOURCE, module.SETUP, module.NOTE):
        assert text.strip() and "  " not in page.flowing(text)
    assert outcome.numbers or outcome.claims or outcome.answer


def test_nothing_is_missed(outcome):
    numbers = [page.row(n) for n in outcome.numbers if n.met is False]
    claims = [claim.says for claim in outcome.claims if not claim.holds]
    assert not numbers and not claims


def test_its_figure_and_its_page_come_out(outcome):
    pytest.importorskip("matplotlib")
    assert papers.picture(outcome, dpi=50).startswith(b"\x89PNG")
    text = page.markdown([outcome])
    assert f"## {outcome.name}" in text and outcome.verdict in text


def test_an_unknown_name_gets_a_hint():
    name = next(iter(papers.EXPERIMENTS))
    with pytest.raises(ValueError, match=f"did you mean '{name}'"):
        papers.run(name + "x")
