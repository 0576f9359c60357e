"""Findings, fixes and severities, as data."""

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from sftc.text.keys import Path
from sftc.text.source import Span


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
    or value at fault, empty if the finding is about the file.
    """

    id: str
    severity: Severity
    message: str
    span: Span
    path: Path = ()
    help: str | None = None
    fix: Fix | None = None

    @property
    def is_error(self) -> bool:
        """Whether this finding stops the compiler."""
        return self.severity is Severity.ERROR


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """Return findings in the order of the text; those about flags come last, in their own order."""
    return sorted(findings, key=lambda found: (1,) if found.span.source.is_flag else (0, *found.span[1:]))


class ConfigError(Exception):
    """The config cannot be compiled; `findings` say why, in the order of the text.

    A bad config raises no other exception.
    """

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__(*(f"{found.message} [{found.id}]" for found in self.findings))
