"""The page of the experiments, as Markdown, with a picture of each."""

import textwrap
from collections.abc import Sequence
from pathlib import Path

from pageengine import papers
from pageengine.papers.base import Number, Outcome
from pageengine.plumbing import writing

NAME, PICTURES = "reproduction.md", "pictures/paper"


def flowing(text: str) -> str:
    """A text without the line ends of the source file."""
    return " ".join(text.split())


def figures(value: float) -> str:
    """A number with the digits that matter."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def row(number: Number) -> tuple[str, str, str, str, str, str]:
    """What is measured, published, ours, deviation, tolerance, how surely it is known."""
    unit = f" {number.unit}" if number.unit else ""
    published = number.published
    if isinstance(published, tuple):
        shown = f"{figures(published[0])} to {figures(published[1])}{unit}"
    else:
        shown = "not printed" if published is None else f"{figures(published)}{unit}"
    apart, within = number.deviation, number.within
    miss = "" if number.met in (None, True) else " MISS"
    return (
        number.what,
        shown,
        f"{figures(number.ours)}{unit}",
        "" if apart is None else f"{100 * apart:+.1f} %{miss}",
        "" if within is None else f"{100 * within:g} %",
        "" if published is None else number.mark,
    )


def markdown(outcomes: Sequence[Outcome]) -> str:
    """The page; its pictures are in PICTURES beside it."""
    lines = [
        "# Published experiments, run again",
        "",
        _wrapped(
            "Written by `pageengine paper -o DIR`. Numbers are *read* in the source, *recalled* "
            "from notes of it, or *derived* from what it says. A tolerance is the largest "
            "deviation that counts as reproduced; numbers without one are only shown."
        ),
        "",
    ]
    lines += [f"* **{name}**: {text}." for name, text in papers.VERDICTS.items()]
    lines += ["", "| experiment | what | verdict |", "|---|---|---|"]
    for outcome in outcomes:
        title = papers.experiment(outcome.name).TITLE
        lines.append(f"| [{outcome.name}](#{outcome.name}) | {title} | {outcome.verdict} |")
    for outcome in outcomes:
        lines += _section(outcome)
    return "\n".join(lines).rstrip() + "\n"


def _wrapped(text: str, hang: str = "") -> str:
    return textwrap.fill(
        flowing(text), 100, subsequent_indent=hang, break_long_words=False, break_on_hyphens=False
    )


def _section(outcome: Outcome) -> list[str]:
    module = papers.experiment(outcome.name)
    lines = [
        "",
        f"## {outcome.name}",
        "",
        _wrapped(f"**{module.TITLE}.** {module.SOURCE}."),
        "",
        _wrapped(module.SETUP),
        "",
    ]
    if outcome.numbers:
        lines += [
            "| | published | here | deviation | tolerance | known |",
            "|---|--:|--:|--:|--:|---|",
        ]
        lines += ["| " + " | ".join(row(number)) + " |" for number in outcome.numbers]
        lines.append("")
    for table in outcome.tables:
        lines += [f"{table.title}:", "", "| " + " | ".join(table.columns) + " |"]
        lines.append("|---" + "|--:" * (len(table.columns) - 1) + "|")
        lines += ["| " + " | ".join(cells) + " |" for cells in table.rows]
        lines.append("")
    for claim in outcome.claims:
        held = "yes" if claim.holds else "no"
        lines.append(_wrapped(f"* {claim.says}: **{held}** ({claim.mark})", "  "))
    if outcome.claims:
        lines.append("")
    lines += [f"![{module.TITLE}]({PICTURES}/{outcome.name}.png)", ""]
    lines += [f"{_wrapped(text)}\n" for text in (outcome.answer, module.NOTE) if text]
    lines.append(f"Verdict: **{outcome.verdict}**.")
    return lines


def save(outcomes: Sequence[Outcome], folder: Path) -> Path:
    """Writes the page and the pictures; returns the folder."""
    pictures = folder / PICTURES
    pictures.mkdir(parents=True, exist_ok=True)
    with writing.together() as files:
        for outcome in outcomes:
            files.open(pictures / f"{outcome.name}.png").write(papers.picture(outcome))
        files.open(folder / NAME).write(markdown(outcomes).encode())
    return folder
