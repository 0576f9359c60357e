"""What is wrong with the rows of a file for a model: one finding a cause, however many rows have it."""

from collections.abc import Callable
from typing import Final, NamedTuple

from sftc.findings.finding import Finding
from sftc.findings.rule import Rule

_LINES: Final = 10
"""The most lines that a finding lists."""

_MOST: Final = 100
"""The most causes that are kept for a file. A template can give a reason of its own for each row."""

_TEXTS: Final = {
    (
        "answer-left-out",
        "answers",
    ): "the model's chat template does not render this answer, so it is not trained on",
    (
        "answer-left-out",
        "calls",
    ): "the model's chat template does not render the tool calls of this answer, so it is not trained on",
    (
        "part-left-out",
        "texts",
    ): "the model's chat template drops the text beside the tool calls of this answer",
    ("part-left-out", "thoughts"): "the model's chat template drops the thoughts of this answer",
    (
        "end-token-not-trained",
        "ends",
    ): "no end token is trained on after this answer: the model would not stop there",
    (
        "nothing-trained",
        "answers",
    ): "nothing is trained on: the model's chat template does not render the answer",
    (
        "nothing-trained",
        "calls",
    ): "nothing is trained on: the model's chat template does not render the tool calls of the answer",
    ("nothing-trained", "other"): "no token of this row is trained on",
    ("nothing-trained", "cut"): "nothing is trained on: {longest}, and {limit}, before the first answer",
    ("answer-cut", ""): "the end of an answer is cut off: {longest}, and {limit}",
    ("double-bos", "row"): "the row begins with two `{detail}`, because a text in it begins with that token",
    (
        "double-bos",
        "template",
    ): "the row begins with two `{detail}`, because the model's chat template writes it twice",
    ("padding-is-end", ""): "`{detail}` ends answers and is also the padding token of the model",
}
"""The message of each cause. Of a row that cannot be rendered, the reason is the message."""


class Cause(NamedTuple):
    """What is wrong with a row.

    Attributes:
        rule: the rule of the finding.
        key: which of the causes of this rule, or the reason itself.
        number: how often the row has it.
        length: the tokens of the row, if they matter.
        detail: what the message names.
    """

    rule: Rule
    key: str
    number: int = 1
    length: int = 0
    detail: str = ""


class _Rows(NamedTuple):
    """The rows with one cause: the first place, how many, the first lines, the most tokens."""

    cause: Cause
    place: Finding
    rows: int
    lines: list[int]
    length: int


class Causes:
    """The causes found in a file so far.

    Attributes:
        rows: the rows that have a cause, by the rule and the key of the cause.
    """

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], _Rows] = {}

    def note(self, cause: Cause, line: int, place: Callable[[], Finding]) -> None:
        """Add a row with a cause. `place` finds it in the row, and is called only for the first one."""
        key = (cause.rule.id, cause.key)
        if before := self.rows.get(key):
            self._merge(key, before._replace(rows=1, lines=[line], length=cause.length))
        else:
            self._merge(key, _Rows(cause, place(), 1, [line], cause.length))

    def add(self, other: "Causes") -> None:
        """Add the causes of a later part of the file."""
        for key, rows in other.rows.items():
            self._merge(key, rows)

    def _merge(self, key: tuple[str, str], more: _Rows) -> None:
        if not (rows := self.rows.get(key)):
            if len(self.rows) < _MOST:
                self.rows[key] = more
            return
        self.rows[key] = rows._replace(
            rows=rows.rows + more.rows,
            lines=(rows.lines + more.lines)[: _LINES + 1],
            length=max(rows.length, more.length),
        )

    def findings(self, sequence_length: int, longest: int) -> list[Finding]:
        """Return one finding for each cause, in the order of the first rows.

        Args:
            sequence_length: the maximum tokens of a row that a config sets; 0 if it sets none.
            longest: the most tokens that the model reads at once.
        """
        found = []
        for (id, key), rows in sorted(self.rows.items(), key=lambda each: each[1].lines[0]):
            whose = "the row" if rows.rows == 1 else "the longest row"
            message = _TEXTS.get((id, key), "").format(
                longest=f"{whose} has {rows.length:,} tokens",
                limit=f"`sequence_length` is {sequence_length:,}"
                if sequence_length
                else f"the model reads {longest:,}",
                detail=rows.cause.detail,
            )
            help = None
            if rows.length:
                fits = sequence_length and rows.length <= longest
                help = f"write `sequence_length = {rows.length}`" if fits else "shorten the row, or split it"
            found.append(
                rows.cause.rule.finding(
                    rows.place.span, (message or key) + _listed(rows), path=rows.place.path, help=help
                )
            )
        return found


def _listed(rows: _Rows) -> str:
    """Return the rows with a cause, if they are several: ` (12 rows: lines 1, 2, 3, ...)`."""
    if rows.rows == 1:
        return ""
    more = ", ..." if rows.rows > _LINES else ""
    return f" ({rows.rows:,} rows: lines {', '.join(f'{line:,}' for line in rows.lines[:_LINES])}{more})"
