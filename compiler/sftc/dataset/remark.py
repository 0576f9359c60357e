"""What is to be said of a row, before it is known where in the text it stands."""

from typing import NamedTuple

from sftc.findings.rule import Rule
from sftc.text.keys import Path


class Remark(NamedTuple):
    """A finding to be: about what stands at `path` of the row, or `at` two offsets in its text."""

    rule: Rule
    message: str
    path: Path = ()
    help: str | None = None
    at: tuple[int, int] | None = None
