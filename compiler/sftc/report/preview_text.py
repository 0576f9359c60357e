"""A preview of a training file for a terminal, or as plain text with marks instead of colors."""

from typing import Any

import click

from sftc.report.preview import Preview, reading_facts, tally_text
from sftc.report.terminal import printable, summary
from sftc.report.terminal import render as render_findings
from sftc.text.plural import counted
from sftc.training.seen_row import Fragment, SeenRow, State

_STYLES: dict[State, dict[str, Any]] = {
    "trained": {"fg": "green", "bold": True},
    "read": {"dim": True},
    "cut": {"dim": True, "strikethrough": True},
}
_MARKS = {"trained": ("«", "»"), "read": ("", ""), "cut": ("~~", "~~")}
_LEGEND: tuple[tuple[State, str], ...] = (
    ("trained", "trained on"),
    ("read", "only read"),
    ("cut", "cut off"),
)


def render(preview: Preview, config: str | None = None, *, colored: bool = True) -> str:
    """Return the rows, the findings and the numbers of all rows.

    Args:
        preview: the preview.
        config: the path of the config, if there is one.
        colored: whether the output has colors; otherwise marks are put around tokens.
    """
    path = printable(preview.checked.path)
    facts = [f"{name}: {printable(value)}" for name, value in reading_facts(preview.reading)]
    legend = "   ".join(_paint(text, state, colored=colored) for state, text in _LEGEND)
    rows = "".join(f"{_row(path, row, colored=colored)}\n" for row in preview.tally.shown)
    found = render_findings(preview.of_rows) + render_findings(preview.together)
    text = (
        f"{'   '.join(facts)}\n{legend}   ⏎ line break\n\n{rows}{found if colored else click.unstyle(found)}"
    )
    if preview.together and config:
        text += f"{printable(config)}: {summary(preview.together)}\n"
    text += f"{path}: {summary(preview.checked.findings) or 'no findings'}"
    if more := sorted(preview.checked.more.items()):
        text += "".join(f", {number:,} more of {id}" for id, number in more)
    text += f" in {counted(preview.checked.rows, 'row')}"
    if preview.skipped:
        text += f", {preview.skipped:,} of them not tokenized"
    return f"{text}: {tally_text(preview.tally)}\n"


def _row(path: str, row: SeenRow, *, colored: bool) -> str:
    place = f"{path}:{row.line}"
    if row.problem:
        return f"{place}: not shown: {printable(row.problem)}\n"
    text = "".join(
        _paint("".join(_piece(piece) for piece in pieces), state, colored=colored)
        for state, pieces in row.runs()
    )
    lines = "".join(f"  {line}\n" for line in text.rstrip("\n").split("\n"))
    cut = f", {row.number('cut'):,} cut off" if row.number("cut") else ""
    title = f"{place}: {counted(len(row.tokens), 'token')}, {row.number('trained'):,} trained on{cut}"
    return f"{click.style(title, bold=True) if colored else title}\n{lines}"


def _piece(piece: Fragment) -> str:
    """Return a piece as it is shown. A token that is trained on instead of it follows an arrow."""
    text = "⏎\n".join(map(printable, piece.text.split("\n")))
    return text + "".join(f"→{printable(token.other)}" for token in piece.tokens if token.other)


def _paint(text: str, state: State, *, colored: bool) -> str:
    """Return a text in the color of a state, or with its marks. Colors end at each line break."""
    if not colored:
        before, after = _MARKS[state]
        body = text.rstrip("\n")
        return f"{before}{body}{after}{text[len(body) :]}"
    lines = text.split("\n")
    return "\n".join(click.style(line, **_STYLES[state]) if line else "" for line in lines)
