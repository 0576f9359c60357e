"""Findings, fixes and severities, as data."""

from collections import Counter
from collections.abc import Iterable
from enum import StrEnum
from typing import Final, NamedTuple

from sftc.text.keys import Path
from sftc.text.source import Span

MOST_SHOWN: Final = 100
"""The findings of one kind in a config that a report shows; the rest are counted."""


class Severity(StrEnum):
    """The severity of a finding.

    An error stops the compiler. A warning does not, but the setting is dropped or likely to be
    refused. A note is information.
    """

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Edit(NamedTuple):
    """Replace the characters of `span`, which lies in a file, by `text`."""

    span: Span
    text: str


class Fix(NamedTuple):
    """A change to the config file that removes a finding.

    A safe fix keeps the meaning of the config. Any other, such as a guessed name, needs the
    author's agreement.
    """

    title: str
    edits: tuple[Edit, ...]
    safe: bool


class Finding(NamedTuple):
    """One finding: what is wrong, where, and what to write instead.

    `id` names the rule, whose page explains why it matters. `path` is the TOML path of the key
    or value at fault, empty if the finding is about the file. `number` is how many findings it
    counts as: more than one only for the last of a kind with too many to show.
    """

    id: str
    severity: Severity
    message: str
    span: Span
    path: Path = ()
    help: str | None = None
    fix: Fix | None = None
    number: int = 1

    @property
    def is_error(self) -> bool:
        """Whether this finding stops the compiler."""
        return self.severity is Severity.ERROR


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """Return findings in the order of the text; then those about extended configs, and about flags."""
    return sorted(findings, key=_order)


def _order(found: Finding) -> tuple[int, ...]:
    source, start, end = found.span
    return (1,) if source.is_flag else (0, source.depth, start, end)


def by_file(path: str, findings: Iterable[Finding]) -> dict[str, list[Finding]]:
    """Return findings by the path of the file that they are in.

    `path` is the config that was given, which is always among the files. The others are those that it
    extends.
    """
    files: dict[str, list[Finding]] = {path: []}
    for found in findings:
        source = found.span.source
        files.setdefault(source.name if source.depth else path, []).append(found)
    return files


def bounded(findings: Iterable[Finding]) -> list[Finding]:
    """Return the first `MOST_SHOWN` findings of each kind, and one more that counts the rest of it."""
    kept: list[Finding] = []
    shown: Counter[tuple[str, Severity]] = Counter()
    rest: Counter[tuple[str, Severity]] = Counter()
    first: dict[tuple[str, Severity], int] = {}
    for found in findings:
        kind = (found.id, found.severity)
        if shown[kind] < MOST_SHOWN and found.number == 1:
            shown[kind] += 1
            kept.append(found)
            continue
        rest[kind] += found.number
        if kind not in first:
            first[kind] = len(kept)
            kept.append(found)
    for kind, at in first.items():
        if rest[kind] > 1:
            message = f"{rest[kind]:,} more findings of this kind, the first of them here"
            kept[at] = kept[at]._replace(message=message, help=None, fix=None, number=rest[kind])
    return kept


def count(findings: Iterable[Finding]) -> Counter[Severity]:
    """Return how many findings there are of each severity."""
    numbers: Counter[Severity] = Counter()
    for found in findings:
        numbers[found.severity] += found.number
    return numbers


class ConfigError(Exception):
    """The config cannot be compiled; `findings` say why, in the order of the text.

    A bad config raises no other exception.
    """

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__(*(f"{found.message} [{found.id}]" for found in self.findings))
